"""Names of images.

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
"""Beginning of the part in which Docker repeats a response that is not a registry's."""
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_SERVER = re.compile(_HOST)
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")


@dataclass(frozen=True)
class ImageName:
    """Name of an image: ``repository`` is the name without tag and digest, ``server`` the registry."""

    repository: str
    server: str
    tag: str
    digest: str

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return self.repository + tag + (f"@{self.digest}" if self.digest else "")

    @property
    def full(self) -> str:
        """The name with the default tag if it has none."""
        return str(self) if self.tag or self.digest else f"{self}:latest"

    @property
    def canonical(self) -> str:
        """The name with its registry, so that two spellings of one image are equal."""
        path = self.repository.removeprefix("docker.io/").removeprefix("index.docker.io/")
        if self.server == DOCKER_HUB:
            path = f"{DOCKER_HUB}/{path if '/' in path else f'library/{path}'}"
        return path + self.full.removeprefix(self.repository)


def parse(text: str) -> ImageName:
    """Parse the name. Raise `InvalidValue` for one that Docker does not accept."""
    match = _NAME.fullmatch(text) if len(text) <= 512 else None
    if match is None:
        raise _no_image(text)
    host, path = match["host"] or "", match["path"]
    if host and "." not in host and ":" not in host and host != "localhost":
        # The first part is part of the path, as in library/nginx.
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
    """Return Docker's message about a registry without the response body that Docker appends."""
    head = one_line(_ANSWER.split(text, maxsplit=1)[0], 300).strip(" :,\"'")
    return head or "What answered is no registry."


def server(text: str) -> str:
    """Parse the host of a registry, with an optional port."""
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
    """Parse a repository in a registry, for properties."""
    if not _REPOSITORY.fullmatch(text) or len(text) > 200:
        raise ValueError(text)
    return text


def tags(text: str) -> tuple[str, ...]:
    """Parse tags separated by commas, for properties."""
    found = tuple(text.split(","))
    if not all(_TAG.fullmatch(tag) for tag in found):
        raise ValueError(text)
    return found
