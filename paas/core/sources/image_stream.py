"""Streams of ``docker save``: find the files that belong to the wanted image.

Format: https://github.com/moby/docker-image-spec/blob/main/v1.2.md, "Combined Image JSON + Filesystem Changeset".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from paas.core.containers import image_name
from paas.core.errors import InvalidValue, PaasError
from paas.core.git.refs import one_line

MANIFEST = "manifest.json"
MOST_LAYERS = 500


class ImageRefused(PaasError):
    """The stream is broken or has no usable image. Nothing of it was kept."""

    code = "image-refused"


@dataclass(frozen=True)
class Chosen:
    """Paths of the image's configuration and of its layers in order."""

    config: str
    layers: tuple[str, ...]


def broken(why: object) -> ImageRefused:
    """Return the error for data that is not such a stream."""
    return ImageRefused(
        "the image can't be read",
        why=one_line(str(why)),
        fix="Send what 'docker image save NAME' writes, all of it.",
        code="image-broken",
    )


def choose(manifest: bytes, wanted: str) -> Chosen:
    """Return the image of that name from the images in the stream."""
    rows = _json(manifest, list, MANIFEST)
    names: list[str] = []
    for row in rows:
        if not isinstance(row, Mapping):
            raise broken(f"{MANIFEST} has a row that is no object.")
        tags = [str(tag) for tag in row.get("RepoTags") or ()]
        names += tags
        if any(_same(tag, wanted) for tag in tags):
            return _chosen(row)
    raise ImageRefused(
        f"the stream has no image {wanted}",
        why=f"It has: {', '.join(one_line(name) for name in names[:20])}." if names else "Its images have no names.",
        fix=f"Save it by its name: docker image save {wanted}",
        code="image-not-in-stream",
    )


def only(manifest: bytes) -> Chosen:
    """Return the image of a stream that has exactly one, whatever its name."""
    rows = _json(manifest, list, MANIFEST)
    if len(rows) != 1 or not isinstance(rows[0], Mapping):
        raise broken("It has not exactly one image.")
    return _chosen(rows[0])


def _same(tag: str, wanted: str) -> bool:
    try:
        return image_name.parse(tag).canonical == image_name.parse(wanted).canonical
    except InvalidValue:
        return False


def _chosen(row: Mapping[str, Any]) -> Chosen:
    config, layers = row.get("Config"), row.get("Layers") or []
    if not isinstance(config, str) or not isinstance(layers, list) or not all(isinstance(one, str) for one in layers):
        raise broken(f"{MANIFEST} does not say what the image consists of.")
    if len(layers) > MOST_LAYERS:
        raise broken(f"It has {len(layers)} layers, more than {MOST_LAYERS}.")
    return Chosen(config, tuple(layers))


def check_architecture(built_for: str, machine: str, name: str) -> None:
    """Raise an error for an image whose programs cannot run on this server."""
    if built_for and machine and built_for != machine:
        raise ImageRefused(
            f"{name} is for {built_for}, and this server is {machine}",
            why="Its programs can't be run here.",
            fix=f"Build it for this server: docker buildx build --platform linux/{machine} …",
            code="wrong-architecture",
        )


def architecture(config: bytes) -> str:
    """Return the architecture of the image from its configuration."""
    return str(_json(config, dict, "the image's configuration").get("architecture") or "")


def _json(data: bytes, kind: type, name: str) -> Any:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise broken(f"{name} is not JSON: {error}") from error
    if not isinstance(found, kind):
        raise broken(f"{name} is not what it should be.")
    return found


def manifest(name: str, layers: int) -> bytes:
    """Return the manifest of a stream with one image, under that name or none; see `layer_path`."""
    files = [layer_path(number) for number in range(layers)]
    row = {"Config": CONFIG, "RepoTags": [name] if name else [], "Layers": files}
    return json.dumps([row]).encode()


CONFIG = "config.json"


def layer_path(number: int) -> str:
    """Return the path of the layer in the stream that Docker gets."""
    return f"{number}/layer.tar"
