"""An isolated builder that only says whether it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from paas.builders.rootless import Rootless
from paas.core.containers.image import BuildCache
from paas.core.errors import DockerError


class FakeCache:
    """The build cache of its engine; ``keeps`` has what it was pruned to."""

    def __init__(self) -> None:
        self.cache = BuildCache(0, 0)
        self.keeps: list[int] = []

    def build_cache(self) -> BuildCache:
        return self.cache

    def prune_build_cache(self, keep: int) -> int:
        self.keeps.append(keep)
        return max(0, self.cache.total - keep)


class FakeRootless(Rootless):
    """A `Rootless`. ``why`` is the reason why it does not answer, empty while it does once it was started."""

    def __init__(self) -> None:
        super().__init__(Path("/nonexistent"), "0123456789ab", list, list)
        self.docker: Any = FakeCache()
        self.runs = False
        self.engine_version = "28.5.1"
        self.why = ""

    def version(self) -> str:
        if self.why or not self.runs:
            raise DockerError("the builder apart from the host does not answer", why=self.why, code="builder-down")
        return self.engine_version

    def start(self) -> None:
        self.runs = not self.why
        self.version()

    def stop(self) -> None:
        self.runs = False
