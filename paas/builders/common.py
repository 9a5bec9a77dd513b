"""Common parts of the builders: the folder to build, and the course of a build."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from paas.builders import buildkit
from paas.builders.base import BuildSource
from paas.builders.buildkit import BuildRequest
from paas.builders.places import Places
from paas.core.errors import BuildFailed


def context_of(source: BuildSource, *also: str) -> Path:
    """Return the folder to build. Neither it nor the files ``also`` in it may be links that lead out of the repository.
    """
    context = source.tree / source.build_dir if source.build_dir else source.tree
    root = source.tree.resolve()
    if not all(path.resolve().is_relative_to(root) for path in (context, *(context / name for name in also))):
        raise BuildFailed(
            "the build folder or the Dockerfile is a link that points outside the repository", code="link-out"
        )
    return context


def build(
    places: Places,
    text: str,
    request: BuildRequest,
    show: Callable[[str], None],
    cancelled: threading.Event,
) -> str:
    """Build the Dockerfile with this text at the configured place.

    Return the id of the image on the apps' Docker Engine.
    """
    place = places.choose(text)
    place.prepare(text, show, cancelled)
    image = buildkit.build(replace(request, host=place.host), show, cancelled)
    place.hand_over(image, request.labels, cancelled)
    return image
