"""Check whether a build can escape: by the version of Docker Engine, and by the content of a Dockerfile.

BuildKit before 0.12.5 lets a Dockerfile read and remove files of the host (CVE-2024-23651, CVE-2024-23652), and lets
its frontend run with all privileges (CVE-2024-23653). It is part of Docker Engine; the docker command, even one that
contains BuildKit, only talks to it. https://github.com/moby/moby/releases/tag/v24.0.9
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
    "Install Docker Engine 24.0.9, 25.0.2 or newer (docker.io of Debian 13, or Docker's own docker-ce), or isolate"
    " builds: 'settings:set build-isolation rootless'."
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
    """Construct that a Dockerfile must not contain where builds can escape, with its line."""

    line: int
    what: str


def escapes(version: str) -> bool:
    """Return True if builds can escape from that version of Docker Engine. An unreadable version counts as new."""
    match = _NUMBER.match(version)
    number = tuple(int(part) for part in match[0].split(".")) if match else FIXED_NEXT
    return number < FIXED or (25,) <= number < FIXED_NEXT


def dangers(text: str) -> Iterator[Danger]:
    """Yield constructs of the Dockerfile that are known to allow an escape, or that can't be excluded.

    It is strict: quotes may hide the end of an option, so options of RUN may not contain any.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    if text.lstrip("\ufeff \t\r\n").startswith("{"):
        yield Danger(1, "a frontend that is given in JSON")
    for number, line in enumerate(lines, 1):
        if _SYNTAX.match(line):
            yield Danger(number, line.strip())
    # A comment at the top decides which of the two characters continues lines.
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
    """Return the error for a build of a user who isn't an admin."""
    return Forbidden(
        f"users with the role deploy cannot build: on Docker {version}, builds can gain root on this server",
        why=WHY,
        fix=f"{WAYS_OUT} An admin who trusts all users that can push may allow it: 'settings:set {SETTING} true'.",
        code="unsafe-engine",
    )


def dockerfile_refused(path: str, found: Danger, version: str) -> BuildFailed:
    """Return the error for a Dockerfile."""
    return BuildFailed(
        f"{path}, line {found.line}: {found.what[:200]} is refused on Docker {version}",
        why=f"{WHY} It needs mounts or frontends of this kind.",
        fix=f"Leave it out, or: {WAYS_OUT} An admin can allow it: 'settings:set {SETTING} true'.",
        code="unsafe-dockerfile",
    )


def argument_refused(word: str, version: str) -> BuildFailed:
    """Return the error for a build argument that chooses a frontend."""
    return BuildFailed(
        f"the build option {word[:200]} is refused on Docker {version}",
        why=f"{WHY} It needs a frontend of the user's choice.",
        fix=f"Remove the option, or: {WAYS_OUT} An admin can allow it: 'settings:set {SETTING} true'.",
        code="unsafe-dockerfile",
    )


def warning(version: str) -> str:
    """Return the warning for an admin who builds anyway."""
    return f"A build on Docker {version} can reach the host: 'doctor' says why, and what to do about it."
