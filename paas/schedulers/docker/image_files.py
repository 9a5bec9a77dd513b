"""Files of an image, read from a container that never runs. Paths are relative to the image's WORKDIR."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import PurePosixPath
from typing import Any

import docker.errors

from paas.core.errors import InvalidValue

LARGEST = 1 << 20
_BLOCKS = 64 << 10
"""Limit in bytes of the headers of an archive besides the content of one file."""


@contextmanager
def unstarted(
    api: Any, remove: Callable[[str], None], image: str, name: str, labels: dict[str, str]
) -> Iterator[str]:
    """Yield the id of a container of the image, called ``name``; ``remove`` removes it, also one left by a crash."""
    remove(name)
    made = api.create_container(image=image, command=["-"], name=name, labels=labels, network_disabled=True)
    try:
        yield str(made["Id"])
    finally:
        remove(made["Id"])


def _absolute(api: Any, container_id: str, path: str) -> PurePosixPath:
    workdir = api.inspect_container(container_id)["Config"].get("WorkingDir") or "/"
    return PurePosixPath(workdir, path)


def folder(api: Any, container_id: str, path: str) -> Iterator[bytes]:
    """Yield a folder as chunks of a tar file. Raise `InvalidValue` if it does not exist."""
    at = _absolute(api, container_id, path)
    try:
        stream, _ = api.get_archive(container_id, f"{at}/")
    except docker.errors.NotFound as error:
        what = f"paas.yml: edge: the image has no folder {at}"
        fix = "Name a folder that the Dockerfile creates, relative to WORKDIR."
        raise InvalidValue(what, fix=fix, code="no-static-folder") from error
    chunks: Iterator[bytes] = stream
    return chunks


def contents(api: Any, container_id: str, paths: Sequence[str]) -> dict[str, bytes]:
    """Return the contents of existing files. Raise `InvalidValue` for one of more than `LARGEST` bytes."""
    found = {}
    for path in paths:
        with suppress(docker.errors.NotFound):
            stream, _ = api.get_archive(container_id, str(_absolute(api, container_id, path)))
            data = content(stream, f"{path} of the image")
            if data is not None:
                found[path] = data
    return found


def content(chunks: Iterator[bytes], what: str) -> bytes | None:
    """Return the content of the first file in the archive, None if it is not a regular file.

    Raise `InvalidValue`, naming ``what`` it is, for one of more than `LARGEST` bytes.
    """
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > LARGEST + _BLOCKS:
            raise _too_large(what)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        member = archive.next()
        if member is None or not member.isreg():
            return None
        if member.size > LARGEST:
            raise _too_large(what)
        file = archive.extractfile(member)
        return file.read() if file else None


def _too_large(what: str) -> InvalidValue:
    return InvalidValue(f"{what} is larger than {LARGEST >> 20} MiB", code="file-too-large")
