"""Transfer an image from one Docker Engine to another.

The builder may be controlled by those whose code it built: only the requested image is accepted, without a name, and
with the expected labels.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from paas.builders import image_stream, stack
from paas.builders.image_stream import StreamedImage
from paas.core.containers.container import LABEL_APP_ID
from paas.core.errors import BuildFailed, Cancelled, DockerError
from paas.schedulers.docker import image_copies
from paas.schedulers.docker.api import Docker
from paas.system.spans import span
from paas.system.spool import spooled


def lend(source: Docker, target: Docker, name: str, cancelled: threading.Event) -> None:
    """Copy the image of that name, unchanged, to an untrusted Docker Engine."""
    with span("lending an image"):
        target.load(_until(image_copies.save(source, name), cancelled))


def carry(
    source: Docker,
    target: Docker,
    image_id: str,
    labels: Mapping[str, str],
    work: Path,
    limit: int,
    cancelled: threading.Event,
) -> None:
    """Copy the image, of at most ``limit`` bytes, from ``source`` to ``target``. Raise `BuildFailed`."""
    total = 0

    def took(count: int) -> None:
        nonlocal total
        total += count
        if total > limit:
            raise image_stream.too_large(limit)

    with (
        span("carrying the image"),
        spooled(work, _until(image_copies.save(source, image_id), cancelled), took) as file,
        image_stream.opened(file, work, limit) as saved,
    ):
        found = saved.only(limit)
        _check(found, image_id, labels)
        stacks = [stack.tag(suite) for suite in stack.SUITES]
        known = _known(found.config, image_copies.layers(target, labels[LABEL_APP_ID], stacks))
        try:
            target.load(_until(saved.rewritten(found, "", known), cancelled))
        except DockerError as error:
            if not known or error.code != "image-transfer":
                raise
            # They are gone meanwhile.
            target.load(_until(saved.rewritten(found, ""), cancelled))
    if target.image(image_id) is None:
        raise BuildFailed("the image did not arrive in Docker", why=f"It is {image_id}.", code="not-carried")


def _check(found: StreamedImage, image_id: str, labels: Mapping[str, str]) -> None:
    given = (json.loads(found.config).get("config") or {}).get("Labels") or {}
    if f"sha256:{hashlib.sha256(found.config).hexdigest()}" != image_id or not labels.items() <= given.items():
        raise BuildFailed(
            "the isolated builder returned another image than the one it built",
            why="An earlier build may have taken it over. Or its Docker Engine uses the image store of"
            " containerd, which is not supported.",
            fix="An administrator should check recent pushes, and 'docker info' of the builder.",
            code="image-not-ours",
        )


def _known(config: bytes, stored: Iterable[Sequence[str]]) -> int:
    """Return how many of its first layers exist on a Docker Engine with images of these layers."""
    own = json.loads(config)["rootfs"]["diff_ids"]

    def common(others: Sequence[str]) -> int:
        return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(own, others, strict=False)))

    return max((common(others) for others in stored), default=0)


def _until(chunks: Iterator[bytes], cancelled: threading.Event) -> Iterator[bytes]:
    for chunk in chunks:
        if cancelled.is_set():
            raise Cancelled("the build was cancelled")
        yield chunk
