"""Names of images, as registries and engines know them.

Grammar: https://github.com/distribution/reference, normalized names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from paas.core.errors import InvalidValue
from paas.core.git.refs import one_line

DOCKER_HUB = "docker.io"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?"
_NAME = re.compile(
    rf"(?:(?P<host>{_HOST})/)?(?P<path>{_PART}(?:/{_PART})*)(?::(?P<tag>\w[\w.-]{{0,127}}))?(?:@(?P<digest>sha256:[0-9a-f]{{64}}))?",
    re.ASCII,
)
_ANSWER = re.compile(r" response body\b|invalid character|:\s*\"|<")
"""Where engines begin to repeat an answer that is none of a registry."""
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_SERVER = re.compile(_HOST)
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")


@dataclass(frozen=True)
class ImageName:
    """``repository`` is what it is called without tag and digest, ``server`` the registry that has it."""

    repository: str
    server: str
    tag: str
    digest: str

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return self.repository + tag + (f"@{self.digest}" if self.digest else "")

    @property
    def full(self) -> str:
        """With the tag that the engine takes where none is said."""
        return str(self) if self.tag or self.digest else f"{self}:latest"

    @property
    def canonical(self) -> str:
        """With the registry, so that two spellings of one image are alike."""
        path = self.repository.removeprefix("docker.io/").removeprefix("index.docker.io/")
        if self.server == DOCKER_HUB:
            path = f"{DOCKER_HUB}/{path if '/' in path else f'library/{path}'}"
        return path + self.full.removeprefix(self.repository)


def parse(text: str) -> ImageName:
    """The name's parts; `InvalidValue` for one that no engine takes."""
    match = _NAME.fullmatch(text) if len(text) <= 512 else None
    if match is None:
        raise _no_image(text)
    host, path = match["host"] or "", match["path"]
    if host and "." not in host and ":" not in host and host != "localhost":
        # Then it is a part of the path, as in library/nginx.
        if not _REPOSITORY.fullmatch(host):
            raise _no_image(text)
        host, path = "", f"{host}/{path}"
    server = host if host and host not in ("index.docker.io", DOCKER_HUB) else DOCKER_HUB
    return ImageName(f"{host}/{path}" if host else path, server, match["tag"] or "", match["digest"] or "")


def _no_image(text: str) -> InvalidValue:
    return InvalidValue(
        f"{one_line(text, 120)!r} is not the name of an image",
        why="A name is REPOSITORY, HOST/REPOSITORY or HOST:PORT/REPOSITORY, in small letters, with :TAG or @sha256:…",
        fix="Write for instance nginx:1.28 or registry.example.org/team/app:1.2.",
        code="invalid-image",
    )


def said(text: str) -> str:
    """What an engine says about a registry, without what the registry answered: the engine takes its page along."""
    head = one_line(_ANSWER.split(text, maxsplit=1)[0], 300).strip(" :,\"'")
    return head or "What answered is no registry."


def server(text: str) -> str:
    """The host of a registry, with its port if it has one."""
    host = text.removeprefix("https://").removesuffix("/").removesuffix("/v1")
    if host in ("index.docker.io", DOCKER_HUB, "hub.docker.com"):
        return DOCKER_HUB
    if not _SERVER.fullmatch(host):
        raise InvalidValue(
            f"{one_line(text, 80)!r} is not a registry",
            why="A registry is a host, or host:port.",
            fix="Write for instance ghcr.io or registry.example.org:5000.",
            code="invalid-registry",
        )
    return host


def repository(text: str) -> str:
    """A repository in a registry; for properties."""
    if not _REPOSITORY.fullmatch(text) or len(text) > 200:
        raise ValueError(text)
    return text


def tags(text: str) -> tuple[str, ...]:
    """Tags with commas between them; for properties."""
    found = tuple(text.split(","))
    if not all(_TAG.fullmatch(tag) for tag in found):
        raise ValueError(text)
    return found
