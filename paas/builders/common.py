"""What the builders share: the folder that is built, and the stack images that builds start from."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from paas.builders.base import Source
from paas.core.errors import BuildFailed
from paas.drivers import buildkit, stack
from paas.drivers.docker import Docker

# Blanks of one line: where there are thousands of empty ones, each would be looked at from all those before it.
_STACK = re.compile(r"^[^\S\n]*FROM\s+(?:--\S+\s+)*paas/stack:([a-z]+)\b", re.MULTILINE | re.IGNORECASE)


def context_of(source: Source, *also: str) -> Path:
    """The folder to build; neither it nor the files ``also`` in it may be links that lead out of the repository."""
    context = source.tree / source.build_dir if source.build_dir else source.tree
    root = source.tree.resolve()
    if not all(path.resolve().is_relative_to(root) for path in (context, *(context / name for name in also))):
        raise BuildFailed(
            "the build folder or the Dockerfile is a link that leads out of the repository", code="link-out"
        )
    return context


def ensure_stacks(docker: Docker, text: str, show: Callable[[str], None]) -> None:
    """Makes the stack images that the Dockerfile builds from, where they aren't there: no registry has them."""
    for suite in sorted(set(_STACK.findall(text))):
        if suite in stack.SUITES and docker.image(stack.tag(suite)) is None:
            stack.ensure(suite, docker_cli=buildkit.cli()[0], progress=show)
