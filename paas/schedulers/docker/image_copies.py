"""Images as streams and layers, to copy them to another Docker Engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

import docker.errors

from paas.core.containers.container import LABEL_APP_ID, LABEL_INSTANCE
from paas.schedulers.docker.api import Docker
from paas.schedulers.docker.client import engine_call

_CHUNK = 1 << 20


@engine_call("saving an image")
def save(engine: Docker, reference: str) -> Iterator[bytes]:
    """Yield the output of ``docker save`` for the image."""
    chunks: Iterator[bytes] = engine.client.get_image(reference, chunk_size=_CHUNK)
    return chunks


@engine_call("inspecting images")
def layers(engine: Docker, app_id: str, names: Sequence[str]) -> list[list[str]]:
    """Return the layers, lowest first, of the images that were built for the app, and of existing ones of those names.
    """
    of_app = {"label": [f"{LABEL_APP_ID}={app_id}", f"{LABEL_INSTANCE}={engine.instance}"]}
    found = []
    for reference in [*engine.client.images(filters=of_app, quiet=True), *names]:
        with suppress(docker.errors.ImageNotFound):
            found.append(list(engine.client.inspect_image(reference)["RootFS"].get("Layers") or ()))
    return found
