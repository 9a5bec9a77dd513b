"""Where images are built: in the engine that runs the apps, or in one apart from the host."""

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

# Blanks of one line: where there are thousands of empty ones, each would be looked at from all those before it.
_STACK = re.compile(r"^[^\S\n]*FROM\s+(?:--\S+\s+)*paas/stack:([a-z]+)\b", re.MULTILINE | re.IGNORECASE)


class BuildPlace(Protocol):
    """One place. ``host`` is the engine's address for the docker command, empty for the one that it has anyway."""

    host: str

    def prepare(self, text: str, show: Callable[[str], None], cancelled: threading.Event) -> None:
        """Sees to what the Dockerfile starts from and no registry has."""

    def hand_over(self, image: str, labels: Mapping[str, str], cancelled: threading.Event) -> None:
        """Brings what was built to the engine that runs the apps."""


class Here:
    """The engine that runs the apps."""

    host = ""

    def __init__(self, docker: Docker) -> None:
        self._docker = docker

    def prepare(self, text: str, show: Callable[[str], None], cancelled: threading.Event) -> None:
        """Makes the stack images that the Dockerfile builds from, where they aren't there."""
        for suite in _suites(text):
            if self._docker.image(stack.tag(suite)) is None:
                stack.ensure(suite, docker_cli=buildkit.cli()[0], progress=show)

    def hand_over(self, image: str, labels: Mapping[str, str], cancelled: threading.Event) -> None:
        """It is there."""


class Apart:
    """An engine apart from the host, which has nothing but what it pulled or was given."""

    def __init__(self, docker: Docker, rootless: Rootless, work: Path, limit: Callable[[], int]) -> None:
        self.host = rootless.host
        self._docker = docker
        self._rootless = rootless
        self._work = work
        self._limit = limit

    def prepare(self, text: str, show: Callable[[str], None], cancelled: threading.Event) -> None:
        """Starts it, and gives it the stack images, or the image that is the app."""
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
        """Carries the image, of which only those layers are sent that are not there. The builder keeps its cache."""
        builder = self._rootless.docker
        try:
            image_transfer.carry(builder, self._docker, image, labels, self._work, self._limit(), cancelled)
        finally:
            builder.remove_image(image)


class Places:
    """Chooses the place: ``apart`` says whether the settings ask for one apart from the host."""

    def __init__(
        self, docker: Docker, rootless: Rootless, work: Path, limit: Callable[[], int], apart: Callable[[], bool]
    ) -> None:
        self._docker = docker
        self._here = Here(docker)
        self._there = Apart(docker, rootless, work, limit)
        self._apart = apart

    def choose(self, text: str) -> BuildPlace:
        """Where the Dockerfile is built. One that only names an image which brings no steps runs nothing: to carry the
        image there and back would be for nothing."""
        return self._there if self._apart() and not self._runs_nothing(text) else self._here

    def _runs_nothing(self, text: str) -> bool:
        name = image_file.image_in(text)
        image = self._docker.image(image_name.parse(name).full) if name else None
        return image is not None and not image.triggers


def _suites(text: str) -> list[str]:
    return [suite for suite in sorted(set(_STACK.findall(text))) if suite in stack.SUITES]
