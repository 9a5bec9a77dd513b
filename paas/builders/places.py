"""Places where images are built: the Docker Engine of the apps, or an isolated one."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from paas.builders import buildkit, image_transfer, stack
from paas.builders.rootless import Rootless
from paas.core.containers import image_name
from paas.core.sources import image_file
from paas.schedulers.docker.api import Docker

# Blanks of one line: with thousands of empty lines, each would be tried from all previous ones.
_STACK = re.compile(r"^[^\S\n]*FROM\s+(?:--\S+\s+)*paas/stack:([a-z]+)\b", re.MULTILINE | re.IGNORECASE)


class BuildPlace(Protocol):
    """Place to build. ``host`` is Docker Engine's address for the docker command, empty for the default."""

    host: str

    def prepare(self, text: str, show: Callable[[str], None], cancelled: threading.Event) -> None:
        """Provide the base images of the Dockerfile that no registry has."""

    def hand_over(self, image: str, labels: Mapping[str, str], cancelled: threading.Event) -> None:
        """Copy the built image to the Docker Engine of the apps."""


class Here:
    """Docker Engine of the apps."""

    host = ""

    def __init__(self, docker: Docker) -> None:
        self._docker = docker

    def prepare(self, text: str, show: Callable[[str], None], cancelled: threading.Event) -> None:
        """Create missing stack images that the Dockerfile builds from."""
        for suite in _suites(text):
            if self._docker.image(stack.tag(suite)) is None:
                stack.ensure(suite, docker_cli=buildkit.cli()[0], progress=show)

    def hand_over(self, image: str, labels: Mapping[str, str], cancelled: threading.Event) -> None:
        """Do nothing: the image is there."""


class Apart:
    """Isolated Docker Engine, which only has what it pulled or was given."""

    def __init__(self, docker: Docker, rootless: Rootless, work: Path, limit: Callable[[], int]) -> None:
        self.host = rootless.host
        self._docker = docker
        self._rootless = rootless
        self._work = work
        self._limit = limit

    def prepare(self, text: str, show: Callable[[str], None], cancelled: threading.Event) -> None:
        """Start it, and give it the stack images, or the image of the app."""
        self._rootless.start()
        Here(self._docker).prepare(text, show, cancelled)
        itself = image_file.image_in(text)
        names = [image_name.parse(itself).full] if itself else [stack.tag(suite) for suite in _suites(text)]
        for name in names:
            here, there = self._docker.image(name), self._rootless.docker.image(name)
            if here is not None and (there is None or there.id != here.id):
                show(f"Giving {name} to the builder")
                image_transfer.lend(self._docker, self._rootless.docker, name, cancelled)
                if there is not None:
                    self._rootless.docker.remove_image(there.id)

    def hand_over(self, image: str, labels: Mapping[str, str], cancelled: threading.Event) -> None:
        """Copy the image with its missing layers. The builder keeps its cache."""
        builder = self._rootless.docker
        try:
            image_transfer.carry(builder, self._docker, image, labels, self._work, self._limit(), cancelled)
        finally:
            builder.remove_image(image)


class Places:
    """Choice of the place: ``apart`` returns True if the settings ask for isolated builds."""

    def __init__(
        self, docker: Docker, rootless: Rootless, work: Path, limit: Callable[[], int], apart: Callable[[], bool]
    ) -> None:
        self._docker = docker
        self._here = Here(docker)
        self._there = Apart(docker, rootless, work, limit)
        self._apart = apart

    def choose(self, text: str) -> BuildPlace:
        """Return the place for the Dockerfile.

        One that only names an image without ONBUILD steps runs nothing, so copying the image would be useless.
        """
        return self._there if self._apart() and not self._runs_nothing(text) else self._here

    def _runs_nothing(self, text: str) -> bool:
        name = image_file.image_in(text)
        image = self._docker.image(image_name.parse(name).full) if name else None
        return image is not None and not image.triggers


def _suites(text: str) -> list[str]:
    return [suite for suite in sorted(set(_STACK.findall(text))) if suite in stack.SUITES]
