"""A builder that reads a Dockerfile, a little."""

from __future__ import annotations

import hashlib
import os
import shlex
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from fakes.gates import Gates, Unexpected
from paas.builders.base import BuildSource
from paas.core.containers.container import LABEL_APP_ID
from paas.core.containers.image import Image
from paas.core.errors import BuildFailed
from paas.core.health.checks import Check, of_image

KNOWN = ("FROM", "RUN", "COPY", "EXPOSE", "CMD", "ENTRYPOINT", "HEALTHCHECK", "ENV", "USER", "WORKDIR")


class FakeBuilder:
    """A `Builder`. It takes the instructions in `KNOWN`; ``RUN false`` fails.

    The image's id follows from the files, so that the same tree gives the same image. ``sources`` has what it built.
    """

    def __init__(
        self,
        gates: Gates,
        keep: Callable[[Image, int | None], None],
        base: Callable[[str], Image | None] = lambda name: None,
    ) -> None:
        self.sources: list[BuildSource] = []
        self._gates = gates
        self._keep = keep
        self._base = base

    def program(self) -> str:
        return "docker build"

    def build(self, source: BuildSource, show: Callable[[str], None], cancelled: threading.Event) -> str:
        self.sources.append(source)
        folder = source.tree / source.build_dir if source.build_dir else source.tree
        path = folder / source.dockerfile
        if not source.recipe and not path.is_file():
            raise BuildFailed(f"there is no {path.relative_to(source.tree)} in the repository", code="no-dockerfile")

        text = source.recipe or path.read_text(encoding="utf-8")
        whole = text.replace("\\\n", " ").splitlines()
        lines = [line for line in whole if line.strip() and not line.startswith("#")]
        exposed: list[int] = []
        has_command = False
        healthcheck: Check | None = None
        base = self._base(_from(lines))
        for number, line in enumerate(lines, 1):
            word, _, rest = line.partition(" ")
            if word not in KNOWN:
                raise Unexpected(f"a Dockerfile with {line!r}")
            show(f"[{number}/{len(lines)}] {line}")
            self._gates.at("build", cancelled)
            if line == "RUN false":
                raise BuildFailed(f"the image could not be built at [{number}/{len(lines)}] {line}", why="exit code: 1")
            exposed += [int(rest)] if word == "EXPOSE" else []
            if word == "HEALTHCHECK":
                healthcheck = of_image({"Test": ["CMD", *shlex.split(rest.removeprefix("CMD "))]}, None)
            has_command |= word in ("CMD", "ENTRYPOINT")

        name = f"sha256:{_digest(folder, source.recipe)}"
        image = Image(name, tuple(exposed), has_command, "amd64", 1 << 20, healthcheck)
        if base is not None:
            ports = image.exposed or base.exposed
            has_command = image.has_command or base.has_command
            image = replace(image, exposed=ports, has_command=has_command)
            image = replace(image, commands=base.commands, entrypoint=base.entrypoint)
        self._keep(image, int(source.labels[LABEL_APP_ID]))
        return image.id


def _from(lines: list[str]) -> str:
    return next((line.partition(" ")[2] for line in lines if line.startswith("FROM ")), "")


def _digest(folder: Path, recipe: str) -> str:
    whole = hashlib.sha256(recipe.encode())
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            whole.update(os.fsencode(path.relative_to(folder)) + b"\0" + path.read_bytes())
    return whole.hexdigest()
