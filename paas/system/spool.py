"""Files without a name: data from outside waits there until it has been checked."""

from __future__ import annotations

import os
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

CHUNK = 1 << 16


@contextmanager
def spooled(folder: Path, chunks: Iterable[bytes], took: Callable[[int], None]) -> Iterator[IO[bytes]]:
    """Yield the bytes in a file without a name, at its beginning. It is deleted at the end of the context or process.

    ``took`` gets the size of each chunk before it is written, and may raise an error.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        for chunk in chunks:
            took(len(chunk))
            file.write(chunk)
        file.seek(0)
        yield file


def size_of(file: IO[bytes]) -> int:
    """Return the size of the file in bytes."""
    return os.fstat(file.fileno()).st_size


def in_chunks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the rest of the file."""
    return iter(lambda: file.read(CHUNK), b"")


def gunzipped(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the decompressed bytes, at most `CHUNK` at a time. Raise `zlib.error` and `EOFError`."""
    unpacker = zlib.decompressobj(wbits=31)
    for packed in in_chunks(file):
        data = packed
        while data:
            if unpacker.eof:
                # Another member, or padding at the end.
                data = data.lstrip(b"\0")
                if not data:
                    break
                unpacker = zlib.decompressobj(wbits=31)
            yield unpacker.decompress(data, CHUNK)
            data = unpacker.unconsumed_tail or unpacker.unused_data
    while more := unpacker.decompress(unpacker.unconsumed_tail, CHUNK):
        yield more
    if not unpacker.eof:
        raise EOFError("it ends early")


class Bounded:
    """File of which only a limited number of bytes is read until the next `allow`, for headers that are read as a
    whole.
    """

    def __init__(self, file: IO[bytes], refused: Callable[[], Exception]) -> None:
        self._file = file
        self._size = size_of(file)
        self._refused = refused
        self._left: int | None = 0

    def allow(self, count: int | None) -> None:
        """Allow that many more bytes; None for no limit."""
        self._left = count

    def read(self, count: int = -1) -> bytes:
        """Read like a file. Raise the error of ``refused`` beyond the limit."""
        wanted = self._size - self._file.tell() if count < 0 else count
        if self._left is not None:
            self._left -= max(wanted, 0)
            if self._left < 0:
                raise self._refused()
        return self._file.read(count)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Seek like a file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position like a file."""
        return self._file.tell()

    def seekable(self) -> bool:
        """Return True."""
        return True
