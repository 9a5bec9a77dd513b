"""Build an app with the Dockerfile in its repository."""

from __future__ import annotations

import threading
from collections.abc import Callable

from paas.builders import buildkit
from paas.builders.base import BuildSource
from paas.builders.common import build, context_of
from paas.builders.places import Places
from paas.core.errors import BuildFailed


class DockerfileBuilder:
    """Builder for apps with a Dockerfile. It creates missing stack images first."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def program(self) -> str:
        return " ".join(buildkit.cli())

    def build(self, source: BuildSource, show: Callable[[str], None], cancelled: threading.Event) -> str:
        context = context_of(source, source.dockerfile)
        dockerfile = context / source.dockerfile
        if not dockerfile.is_file():
            raise BuildFailed(
                f"there is no {dockerfile.relative_to(source.tree)} in the repository",
                why="The app is set to be built with a Dockerfile.",
                fix="Add a Dockerfile and commit it, or set where it is: "
                "'builder-dockerfile:set APP dockerfile-path PATH', 'builder:set APP build-dir FOLDER'. "
                "'builder:set APP selected buildpack' builds without one.",
                code="no-dockerfile",
            )
        text = dockerfile.read_text(encoding="utf-8", errors="replace")
        request = buildkit.BuildRequest(
            context,
            dockerfile,
            source.labels,
            source.arguments,
            source.secrets,
            source.timeout,
            source.work,
            source.options,
            source.logins,
        )
        return build(self._places, text, request, show, cancelled)
