"""Check a stream of ``docker save``, and convert it to one that may be loaded: one image, under one name of this
instance.

Docker assigns every name in a stream to its image; loaded unchanged, a stream could replace any other image.
"""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from paas.core.sources import archive, image_stream
from paas.core.sources.image_stream import Chosen, ImageRefused, broken
from paas.system.spool import Bounded, gunzipped, in_chunks, size_of, spooled

_MOST_ENTRIES = 20_000
_LARGEST_JSON = 4 << 20
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_TROUBLE = (tarfile.TarError, zlib.error, EOFError, ValueError, OverflowError, RecursionError)


@dataclass(frozen=True)
class StreamedImage:
    """Requested image: its configuration, and its layers in order, as entries of the file."""

    config: bytes
    layers: tuple[tarfile.TarInfo, ...]

    @property
    def architecture(self) -> str:
        """Return its architecture."""
        return image_stream.architecture(self.config)


class Saved:
    """Stream of ``docker save`` in a file."""

    def __init__(self, file: IO[bytes]) -> None:
        bounded = Bounded(file, archive.too_much_header)
        bounded.allow(archive.HEADER_BYTES)
        # Closing it would do nothing: the file belongs to its owner.
        self._tar = tarfile.TarFile(fileobj=cast(IO[bytes], bounded), mode="r", errorlevel=2)
        self._entries = self._listed(bounded)

    def _listed(self, bounded: Bounded) -> dict[str, tarfile.TarInfo]:
        found: dict[str, tarfile.TarInfo] = {}
        while True:
            bounded.allow(archive.HEADER_BYTES)
            info = self._tar.next()
            if info is None:
                bounded.allow(None)
                return found
            if len(found) >= _MOST_ENTRIES:
                raise broken(f"It has more than {_MOST_ENTRIES} entries.")
            found[archive.path_of(info.name)] = info

    def image(self, name: str, limit: int) -> StreamedImage:
        """Return the image of that name, checked. Raise an error for more than ``limit`` bytes of unpacked layers."""
        return self._checked(image_stream.choose(self._small(image_stream.MANIFEST), name), limit)

    def only(self, limit: int) -> StreamedImage:
        """Return the checked image of a stream that has exactly one, whatever its name."""
        return self._checked(image_stream.only(self._small(image_stream.MANIFEST)), limit)

    def _checked(self, chosen: Chosen, limit: int) -> StreamedImage:
        layers = tuple(self._entry(path) for path in chosen.layers)
        self._check_size(layers, limit)
        return StreamedImage(self._small(chosen.config), layers)

    def rewritten(self, image: StreamedImage, name: str, known: int = 0) -> Iterator[bytes]:
        """Yield a stream with only that image, under only that name or none, without its first layers that are known.
        """
        for path, data in (
            (image_stream.CONFIG, image.config),
            (image_stream.MANIFEST, image_stream.manifest(name, len(image.layers))),
        ):
            yield from _entry(path, len(data), io.BytesIO(data))
        for number, layer in list(enumerate(image.layers))[known:]:
            yield from _entry(image_stream.layer_path(number), layer.size, self._content(layer))
        yield bytes(2 * tarfile.BLOCKSIZE)

    def _entry(self, path: str) -> tarfile.TarInfo:
        """Return the file at the path. Older versions of Docker save a repeated layer as a link to the first one."""
        info = self._entries.get(archive.path_of(path))
        if info is not None and info.issym():
            info = self._entries.get(_beside(info))
        if info is None or not info.isreg() or info.issparse():
            raise broken(f"{path} is not in it.")
        return info

    def _small(self, path: str) -> bytes:
        info = self._entry(path)
        if info.size > _LARGEST_JSON:
            raise broken(f"{path} is too large.")
        return self._content(info).read()

    def _content(self, info: tarfile.TarInfo) -> IO[bytes]:
        file = self._tar.extractfile(info)
        if file is None:
            raise broken(f"{info.name} has no content.")
        return file

    def _check_size(self, layers: tuple[tarfile.TarInfo, ...], limit: int) -> None:
        total = 0
        for layer in layers:
            with self._content(layer) as file:
                head = file.read(4)
                if head == _ZSTD:
                    raise ImageRefused(
                        "a layer of the image is compressed with zstd",
                        why="Its unpacked size cannot be checked here.",
                        fix="Build it with gzip layers, or push it to a registry and use git:from-image.",
                        code="image-zstd",
                    )
                file.seek(0)
                sizes = map(len, gunzipped(file)) if head[:2] == _GZIP else iter((layer.size,))
                for count in sizes:
                    total += count
                    if total > limit:
                        raise too_large(limit)


def too_large(limit: int) -> ImageRefused:
    """Return the error for too many bytes."""
    return ImageRefused(
        f"the image is larger than {limit} bytes",
        fix="An administrator can raise the limit: 'settings:set image-max-size 20g'.",
        code="image-too-large",
    )


@contextmanager
def opened(file: IO[bytes], folder: Path, limit: int) -> Iterator[Saved]:
    """Yield the stream, decompressed first if it is gzipped. Raise `ImageRefused` and `ArchiveRefused`."""
    head = file.read(2)
    file.seek(0)
    total = 0

    def took(count: int) -> None:
        nonlocal total
        total += count
        if total > limit:
            raise too_large(limit)

    try:
        if head == _GZIP:
            with spooled(folder, gunzipped(file), took) as plain:
                yield Saved(plain)
        else:
            if size_of(file) > limit:
                raise too_large(limit)
            yield Saved(file)
    except _TROUBLE as error:
        raise broken(error) from error


def _beside(info: tarfile.TarInfo) -> str:
    parts: list[str] = []
    for part in [*archive.path_of(info.name).split("/")[:-1], *info.linkname.split("/")]:
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _entry(path: str, size: int, content: IO[bytes]) -> Iterator[bytes]:
    info = tarfile.TarInfo(path)
    info.size, info.mode = size, 0o644
    yield info.tobuf(tarfile.USTAR_FORMAT if size < 8 << 30 else tarfile.GNU_FORMAT)
    with content:
        yield from in_chunks(content)
    yield bytes(-size % tarfile.BLOCKSIZE)


