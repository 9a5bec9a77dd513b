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
    """What to build: the app's work tree at the wanted commit, and which files of it say how.

    ``options`` are further words for the command, ``logins`` the credentials of registries by their server. Temporary
    files may be in ``work``. ``recipe`` is the text of a Dockerfile that buildpacks gave, empty where the repository
    has its own. Its steps get ``environment``, a shell script with the app's variables, as BuildKit's secret ``env``.
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
    """One way of building."""

    def program(self) -> str:
        """The command that it builds with; `PaasError` says what is missing."""

    def build(self, source: BuildSource, show: Callable[[str], None], cancelled: threading.Event) -> str:
        """Builds and returns the image's id; ``show`` gets each line worth reading.

        Raises `BuildFailed`, or `Cancelled` once the event is set.
        """
