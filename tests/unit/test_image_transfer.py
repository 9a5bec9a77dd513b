"""What is taken of an image from an engine that others may have got hold of."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import threading

import pytest
from docker.errors import ImageNotFound

from paas.builders import image_transfer
from paas.core.containers.image import Image
from paas.core.errors import BuildFailed, Cancelled, DockerError
from paas.core.sources.image_stream import ImageRefused

LABELS = {"paas.instance": "0123456789ab", "paas.app-id": "7"}


def layer(text: bytes) -> tuple[str, bytes]:
    return f"sha256:{hashlib.sha256(text).hexdigest()}", text


class Engine:
    """One that gives and takes streams. ``has`` are the layers of images that it has."""

    def __init__(self, stream: bytes = b"", has: list[list[str]] | None = None) -> None:
        self.stream = stream
        self.has = has or []
        self.loaded: list[dict[str, bytes]] = []
        self.lacks = False

    instance = "0123456789ab"

    @property
    def client(self):
        return self

    def get_image(self, reference, chunk_size):
        return (self.stream[at : at + 512] for at in range(0, len(self.stream), 512))

    def images(self, filters, quiet):
        assert filters == {"label": ["paas.app-id=7", "paas.instance=0123456789ab"]}
        return range(len(self.has))

    def inspect_image(self, reference):
        if isinstance(reference, str):
            raise ImageNotFound(reference)
        return {"RootFS": {"Layers": self.has[reference]}}

    def load(self, chunks):
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
            self.loaded.append({one.name: tar.extractfile(one).read() for one in tar})
        if self.lacks and len(self.loaded) == 1:
            raise DockerError("the image could not be loaded", why="no such file", code="image-transfer")

    def image(self, reference):
        return Image(reference) if self.loaded else None


def saved(layers, *, labels=None, tags=None, rows=1) -> tuple[str, bytes]:
    """An image's id, and what an engine saves of it."""
    given = {"Labels": LABELS if labels is None else labels}
    config = json.dumps({"config": given, "rootfs": {"diff_ids": [name for name, _ in layers]}}).encode()
    file = io.BytesIO()
    row = {"Config": "c.json", "RepoTags": tags, "Layers": [f"{at}/layer.tar" for at in range(len(layers))]}
    parts = {f"{at}/layer.tar": text for at, (_, text) in enumerate(layers)}
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, data in {"c.json": config, "manifest.json": json.dumps([row] * rows).encode(), **parts}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return f"sha256:{hashlib.sha256(config).hexdigest()}", file.getvalue()


BASE, OWN = layer(b"base"), layer(b"own")


def carried(tmp_path, image, stream, target, *, limit=1 << 20, cancelled=False):
    event = threading.Event()
    if cancelled:
        event.set()
    image_transfer.carry(Engine(stream), target, image, LABELS, tmp_path, limit, event)
    return target.loaded


def test_it_comes_without_a_name_and_with_the_layers_that_are_not_there(tmp_path):
    image, stream = saved([BASE, OWN], tags=["paas/stack:bookworm"])
    target = Engine(has=[["sha256:other"], [BASE[0], "sha256:other"], []])
    [loaded] = carried(tmp_path, image, stream, target)
    assert set(loaded) == {"config.json", "manifest.json", "1/layer.tar"}
    assert json.loads(loaded["manifest.json"])[0]["RepoTags"] == []
    assert loaded["1/layer.tar"] == b"own"


def test_all_of_it_is_sent_where_the_layers_have_gone_meanwhile(tmp_path):
    image, stream = saved([BASE, OWN])
    target = Engine(has=[[BASE[0]]])
    target.lacks = True
    first, second = carried(tmp_path, image, stream, target)
    assert ("0/layer.tar" in first, "0/layer.tar" in second) == (False, True)


@pytest.mark.parametrize("labels", [{}, {**LABELS, "paas.app-id": "8"}])
def test_an_image_for_another_app_is_refused(tmp_path, labels):
    image, stream = saved([OWN], labels=labels)
    with pytest.raises(BuildFailed) as caught:
        carried(tmp_path, image, stream, Engine())
    assert caught.value.code == "image-not-ours"


def test_so_is_another_one_than_was_built(tmp_path):
    _, stream = saved([OWN])
    target = Engine()
    with pytest.raises(BuildFailed):
        carried(tmp_path, "sha256:" + "0" * 64, stream, target)
    assert target.loaded == []


def test_so_are_several_and_too_many_bytes(tmp_path):
    image, stream = saved([OWN], rows=2)
    with pytest.raises(ImageRefused):
        carried(tmp_path, image, stream, Engine())
    image, stream = saved([OWN])
    with pytest.raises(ImageRefused):
        carried(tmp_path, image, stream, Engine(), limit=100)


def test_it_is_cancelled(tmp_path):
    image, stream = saved([OWN])
    with pytest.raises(Cancelled):
        carried(tmp_path, image, stream, Engine(), cancelled=True)
