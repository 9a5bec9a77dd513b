"""Servers that Docker connects to for a Dockerfile, in the host's network: for ADD, and registries of images."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from paas.core.builds import dockerfile
from paas.core.containers import image_name
from paas.core.errors import BuildFailed, InvalidValue

_URL = re.compile(r"(?:https?|ssh|git)://(?:[^\s\"'\[\],]|\[[0-9a-f:.]+\])+", re.IGNORECASE)
_SCP = re.compile(r"(?:^|[\s\"'\[,])[\w.-]+@([\w.-]+|\[[0-9a-fA-F:.]+\]):")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?([-+])([^}]*))?\})")
_FROM = re.compile(r"--from=(\S+)|[,=]from=([^\s,]+)", re.IGNORECASE)
_PAIR = re.compile(r"(\w+)=(?:\"([^\"]*)\"|'([^']*)'|(\S*))")
_SYNTAX = re.compile(r"\s*(?:#|//)\s*syntax\s*=\s*(\S+)", re.IGNORECASE)
LONGEST, LONGEST_VALUE = 1 << 14, 1 << 10
_WORD = re.compile(r"\w+")
_AS = re.compile(r"\s+AS\s+(\S+)\s*$", re.IGNORECASE)


@dataclass(frozen=True)
class Reference:
    """One server: ``host`` without its port, ``server`` as written in the Dockerfile, for what ``words`` in which line.
    """

    line: int
    words: str
    server: str
    host: str


def references(text: str, given: Mapping[str, str]) -> Iterator[Reference]:
    """Yield the servers except Docker Hub, the default registry.

    ``given`` are the build arguments. Variables have their last value before the line; an unset one stands for itself.
    """
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        if match := _SYNTAX.match(line):
            yield from _image(number, match[1], set())
    variables: dict[str, str] = {}
    stages: set[str] = set()
    for number, instruction in dockerfile.instructions(text):
        word, rest = dockerfile.split(instruction)
        if len(rest) > LONGEST:
            # Variables that refer to variables could grow without end.
            if word in ("ADD", "COPY", "FROM"):
                yield Reference(number, f"{word} …", "what such a long line says", "$")
            continue
        rest = _expanded(rest, variables)
        if word in ("ARG", "ENV"):
            pairs = {name: double or single or plain for name, double, single, plain in _PAIR.findall(rest)}
            words = rest.split(None, 1)
            if word == "ENV" and len(words) == 2 and "=" not in words[0]:
                pairs = {words[0]: words[1]}
            asked = {name: given[name] for name in _WORD.findall(rest) if name in given and word == "ARG"}
            variables |= {name: value[:LONGEST_VALUE] for name, value in {**pairs, **asked}.items()}
        elif word == "FROM":
            name = _AS.search(rest)
            image = [part for part in _AS.sub("", rest).split() if not part.startswith("--")]
            yield from _image(number, image[0] if image else "", stages)
            stages |= {name[1].lower()} if name else set()
        elif word == "ADD":
            yield from _added(number, rest)
        for found in _FROM.findall(rest) if word in ("COPY", "ADD", "RUN") else ():
            yield from _image(number, found[0] or found[1], stages)


def _image(line: int, name: str, stages: set[str]) -> Iterator[Reference]:
    plain = name.strip("\"'")
    if plain.lower() in stages or plain.isdecimal() or plain == "scratch":
        return
    try:
        server = image_name.parse(plain).server
    except InvalidValue:
        # Docker reports the error.
        return
    if server != image_name.DOCKER_HUB:
        yield Reference(line, plain, server, server.partition(":")[0])


def _added(line: int, words: str) -> Iterator[Reference]:
    for url in _URL.findall(words):
        try:
            host = urlsplit(url).hostname
        except ValueError:
            host = None
        yield Reference(line, f"ADD {url}", host or url, host or url)
    for host in _SCP.findall(words):
        yield Reference(line, f"ADD {host}", host, host.strip("[]"))


def _expanded(text: str, variables: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        known = variables.get(match[1] or match[2])
        if match[3] == "+":
            return str(match[4]) if known else ""
        return known if known is not None else str(match[4]) if match[3] else match[0]

    return _VARIABLE.sub(value, text)


def refusal(path: str, found: Reference, why: str, fix: str) -> BuildFailed:
    """Return the error for a Dockerfile with a server that the platform must not connect to on behalf of users."""
    return BuildFailed(
        f"{path}, line {found.line}: {found.words[:200]} is refused: the server does not connect to {found.server}",
        why=why,
        fix=fix,
        code="egress-refused",
    )
