"""An image with the files that a container of it wrote.

Docker's own commit puts the container's variables, command and labels into the image: secrets would stay in it, and its
containers could be mistaken for others. So that image only provides the layer. The final image has the configuration of
the original one, and is loaded as a stream that names layers which Docker has.

Format: https://github.com/moby/docker-image-spec
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from typing import Any

import docker.errors

from paas.core.errors import DockerError
from paas.schedulers.docker.client import engine_call

_OF_THE_ENGINE = {"/sbin", "/usr", "/usr/sbin", "/sbin/docker-init", "/usr/sbin/docker-init"}
"""Paths that Docker changes in a container with an init."""


@engine_call("keeping what a container wrote")
def commit(api: Any, container_id: str, image_id: str) -> str | None:
    """Return the id of the image with the changes of its ended container, None if there are none."""
    if all(row["Path"] in _OF_THE_ENGINE for row in api.diff(container_id) or []):
        return None
    before = api.inspect_image(image_id)
    means = api.commit(container_id)["Id"]
    try:
        made = api.inspect_image(means)
        config = described(before, made["RootFS"]["Layers"], made["Created"])
        said = list(api.load_image(stream(config, len(made["RootFS"]["Layers"])), quiet=True))
    finally:
        api.remove_image(means)
    made_id = f"sha256:{hashlib.sha256(config).hexdigest()}"
    refused = next((str(line["error"]) for line in said if "error" in line), "")
    if refused or not _has(api, made_id):
        raise DockerError(
            "Docker does not accept an image with the container's files",
            why=refused or "It has no image of that id afterwards.",
            code="not-kept",
        )
    return made_id


def _has(api: Any, image_id: str) -> bool:
    try:
        api.inspect_image(image_id)
    except docker.errors.ImageNotFound:
        return False
    return True


def described(image: Mapping[str, Any], layers: Sequence[str], created: str) -> bytes:
    """Return the configuration of such an image with other layers."""
    own = {"architecture": image["Architecture"], "os": image["Os"], "config": image["Config"], "created": created}
    if image.get("Variant"):
        own["variant"] = image["Variant"]
    return json.dumps({**own, "rootfs": {"type": "layers", "diff_ids": list(layers)}}).encode()


def stream(config: bytes, layers: int) -> bytes:
    """Return the input of ``docker load`` without the layers: Docker reads only those that it lacks."""
    paths = [f"{number}/layer.tar" for number in range(layers)]
    files = {
        "config.json": config,
        "manifest.json": json.dumps([{"Config": "config.json", "RepoTags": None, "Layers": paths}]).encode(),
    }
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return data.getvalue()
