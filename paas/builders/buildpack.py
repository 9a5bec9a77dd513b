"""Build an app without its own Dockerfile, with one from buildpacks."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from paas.builders import buildkit
from paas.builders.base import Builder, BuildSource
from paas.builders.common import build, context_of
from paas.builders.places import Places
from paas.core.builds import trust_store
from paas.git.fetch import SYSTEM_CA
from paas.system.memory_file import in_memory

_HINT = "'buildpacks:detect APP' shows the Dockerfile of the last pushed commit."


def _trust_store(extra: Path, folder: Path) -> Path:
    """Return a trust store for Java: the server's usual certificates and the additional ones."""
    usual = SYSTEM_CA.read_text(encoding="utf-8") if SYSTEM_CA.is_file() else ""
    path = folder / "jks"
    path.write_bytes(trust_store.jks(f"{usual}\n{extra.read_text(encoding='utf-8', errors='replace')}"))
    return path


class BuildpackBuilder:
    """Builder for sources with a recipe. It passes those with their own Dockerfile to the other builder."""

    def __init__(self, places: Places, other: Builder) -> None:
        self._places = places
        self._other = other

    def program(self) -> str:
        return self._other.program()

    def build(self, source: BuildSource, show: Callable[[str], None], cancelled: threading.Event) -> str:
        if not source.recipe:
            return self._other.build(source, show, cancelled)
        context = context_of(source)
        with (
            tempfile.TemporaryDirectory(prefix="recipe-", dir=source.work) as folder,
            in_memory(source.environment.reveal()) as environment,
        ):
            dockerfile = Path(folder) / "Dockerfile"
            dockerfile.write_text(source.recipe, encoding="utf-8")
            # The commit is a variable of the build's steps: as an argument it would invalidate the cache.
            arguments = {key: value for key, value in source.arguments.items() if key != "GIT_REV"}
            secrets = {**source.secrets, "env": environment}
            if "ca" in secrets and "id=jks" in source.recipe:
                secrets["jks"] = _trust_store(secrets["ca"], Path(folder))
            request = buildkit.BuildRequest(
                context,
                dockerfile,
                source.labels,
                arguments,
                secrets,
                source.timeout,
                source.work,
                source.options,
                source.logins,
                _HINT,
            )
            return build(self._places, source.recipe, request, show, cancelled)
