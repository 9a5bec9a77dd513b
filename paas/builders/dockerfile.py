"""Builds an app with the Dockerfile in its repository."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

from paas.builders.base import Source
from paas.core.errors import BuildFailed
from paas.drivers import buildkit, stack
from paas.drivers.docker import Docker

_STACK = re.compile(r"^\s*FROM\s+(?:--\S+\s+)*paas/stack:([a-z]+)\b", re.MULTILINE | re.IGNORECASE)


class DockerfileBuilder:
    """The app says itself how it is built. Stack images that it builds from are made if they are not there."""

    def __init__(self, docker: Docker) -> None:
        self._docker = docker

    def program(self) -> str:
        """See `Builder.program`."""
        return " ".join(buildkit.cli())

    def build(self, source: Source, show: Callable[[str], None], cancelled: threading.Event) -> str:
        """See `Builder.build`."""
        context = source.tree / source.build_dir if source.build_dir else source.tree
        dockerfile = context / source.dockerfile
        root = source.tree.resolve()
        # A symbolic link in the repository must not lead the build out of it.
        if not context.resolve().is_relative_to(root) or not dockerfile.resolve().is_relative_to(root):
            raise BuildFailed(
                "the build folder or the Dockerfile is a link that leads out of the repository", code="link-out"
            )
        if not dockerfile.is_file():
            raise BuildFailed(
                f"there is no {dockerfile.relative_to(source.tree)} in the repository",
                why="Without one the platform does not know how to build the app.",
                fix="Add a Dockerfile and commit it, or say where it is: "
                "'builder-dockerfile:set APP dockerfile-path PATH', 'builder:set APP build-dir FOLDER'.",
                code="no-dockerfile",
            )
        self._ensure_stacks(dockerfile.read_text(encoding="utf-8", errors="replace"), show)
        request = buildkit.BuildRequest(
            context, dockerfile, source.labels, source.arguments, source.secrets, source.timeout
        )
        return buildkit.build(request, show, cancelled)

    def _ensure_stacks(self, text: str, show: Callable[[str], None]) -> None:
        for suite in sorted(set(_STACK.findall(text))):
            # No registry has them, so a build can't fetch them by itself.
            if suite in stack.SUITES and self._docker.image(stack.tag(suite)) is None:
                stack.ensure(suite, docker_cli=buildkit.cli()[0], progress=show)
