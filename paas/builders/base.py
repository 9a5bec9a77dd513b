"""The seam between a commit and an image."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from paas.core.access.remote_credentials import Login
from paas.core.secret import Secret


@dataclass(frozen=True)
class BuildSource:
    """Source of a build: the app's work tree at the commit, and the files that describe the build.

    ``options`` are additional arguments of the command, ``logins`` the credentials of registries by their server.
    Temporary files may be written to ``work``. ``recipe`` is the text of a Dockerfile from buildpacks, empty if the
    repository has its own. Its steps get ``environment``, a shell script with the app's variables, as BuildKit's secret
    ``env``.
    """

    tree: Path
    build_dir: str
    dockerfile: str
    labels: Mapping[str, str]
    arguments: Mapping[str, str]
    secrets: Mapping[str, Path]
    timeout: float
    work: Path
    options: tuple[str, ...] = ()
    logins: Mapping[str, Login] = field(default_factory=dict)
    recipe: str = ""
    environment: Secret = field(default_factory=lambda: Secret(""))


class Builder(Protocol):
    """Way of building images."""

    def program(self) -> str:
        """Return the command that it builds with. Raise `PaasError` if something is missing."""

    def build(self, source: BuildSource, show: Callable[[str], None], cancelled: threading.Event) -> str:
        """Build. Return the image's id; ``show`` gets each readable line.

        Raise `BuildFailed`, or `Cancelled` once the event is set.
        """
