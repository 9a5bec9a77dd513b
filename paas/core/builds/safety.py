"""Whether what is built can get out of its build: by the version of the engine, and by what a Dockerfile asks for.

BuildKit before 0.12.5 lets a Dockerfile read and remove files of the host (CVE-2024-23651, CVE-2024-23652), and lets a
frontend of its own choice run with all rights (CVE-2024-23653). It is part of the engine; the docker command, even one
that has BuildKit built in, only talks to it. https://github.com/moby/moby/releases/tag/v24.0.9
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from paas.core.builds import dockerfile
from paas.core.errors import BuildFailed, Forbidden

FIXED, FIXED_NEXT = (24, 0, 9), (25, 0, 2)
SETTING = "allow-unsafe-builds"

WAYS_OUT = (
    "Get an engine with the fix, 24.0.9, 25.0.2 or newer (docker.io of Debian 13, or Docker's own docker-ce), or build"
    " apart from the host: 'settings:set build-isolation rootless'."
)
WHY = (
    "Its BuildKit is older than 0.12.5 and lets a Dockerfile read and remove files of the host (CVE-2024-23651,"
    " CVE-2024-23652, CVE-2024-23653)."
)

_NUMBER = re.compile(r"\d+(?:\.\d+)*")
_SYNTAX = re.compile(r"\s*(?:#|//)\s*syntax\s*=", re.IGNORECASE)
_QUOTES = re.compile(r"[\"'\\`]")
_HARMLESS = ("bind", "tmpfs", "secret", "ssh")
_CACHE, _ELSEWHERE = "cache", ("source", "src", "from")


@dataclass(frozen=True)
class Danger:
    """What a Dockerfile must not ask for where builds are not safe, and in which line."""

    line: int
    what: str


def escapes(version: str) -> bool:
    """Whether a build on an engine of that version gets out of it; one whose version can't be read counts as new."""
    match = _NUMBER.match(version)
    number = tuple(int(part) for part in match[0].split(".")) if match else FIXED_NEXT
    return number < FIXED or (25,) <= number < FIXED_NEXT


def dangers(text: str) -> Iterator[Danger]:
    """What in the Dockerfile is known to lead out of a build, and what can't be told not to.

    It errs on the strict side: quotes may hide where an option ends, so there may be none in options of RUN.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    if text.lstrip("\ufeff \t\r\n").startswith("{"):
        yield Danger(1, "a frontend that is given in JSON")
    for number, line in enumerate(lines, 1):
        if _SYNTAX.match(line):
            yield Danger(number, line.strip())
    # Which of the two continues lines is up to a comment at the top.
    yield from sorted({found for escape in "\\`" for found in _mounts(text, escape)}, key=lambda found: found.line)


def _mounts(text: str, escape: str) -> Iterator[Danger]:
    for number, instruction in dockerfile.instructions(text, escape):
        word, rest = dockerfile.split(instruction)
        for option in rest.split() if word == "RUN" else ():
            if not _QUOTES.sub("", option).startswith("--"):
                # Options come first.
                break
            if _QUOTES.search(option) or not _harmless(option):
                yield Danger(number, f"RUN {option}")


def _harmless(option: str) -> bool:
    name, _, mount = option.partition("=")
    if not name.lower().startswith("--mount"):
        return True
    fields = [field.strip().partition("=") for field in mount.split(",")]
    values = {key.strip().lower(): value.strip().lower() for key, _, value in fields}
    kind = values.get("type", "bind")
    return kind in _HARMLESS or (kind == _CACHE and not any(key in values for key in _ELSEWHERE))


def engine_refused(version: str) -> Forbidden:
    """The refusal of a build that somebody who isn't an admin asked for."""
    return Forbidden(
        f"nothing is built for the role deploy: whoever builds on Docker {version} is root on this server",
        why=WHY,
        fix=f"{WAYS_OUT} An admin who trusts everybody that may push allows it: 'settings:set {SETTING} true'.",
        code="unsafe-engine",
    )


def dockerfile_refused(path: str, found: Danger, version: str) -> BuildFailed:
    """The refusal of a Dockerfile."""
    return BuildFailed(
        f"{path}, line {found.line}: {found.what[:200]} is refused on Docker {version}",
        why=f"{WHY} It takes mounts or frontends of this kind.",
        fix=f"Leave it out, or: {WAYS_OUT} An admin allows it all the same: 'settings:set {SETTING} true'.",
        code="unsafe-dockerfile",
    )


def argument_refused(word: str, version: str) -> BuildFailed:
    """The refusal of a build argument that chooses a frontend."""
    return BuildFailed(
        f"the build option {word[:200]} is refused on Docker {version}",
        why=f"{WHY} It takes a frontend of one's own choice.",
        fix=f"Remove the option, or: {WAYS_OUT} An admin allows it all the same: 'settings:set {SETTING} true'.",
        code="unsafe-dockerfile",
    )


def warning(version: str) -> str:
    """What an admin who builds all the same is told."""
    return f"A build on Docker {version} can reach the host: 'doctor' says why, and what to do about it."
