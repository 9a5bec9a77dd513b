"""Files that nobody can find: what came from outside waits there until it has been checked."""

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
    """The bytes in a file without a name, at its beginning; gone when the context ends, or the process.

    ``took`` is told the size of each chunk before it is written, and may refuse it.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        for chunk in chunks:
            took(len(chunk))
            file.write(chunk)
        file.seek(0)
        yield file


def size_of(file: IO[bytes]) -> int:
    """The bytes that are in it."""
    return os.fstat(file.fileno()).st_size


def in_chunks(file: IO[bytes]) -> Iterator[bytes]:
    """What is left of it."""
    return iter(lambda: file.read(CHUNK), b"")


def gunzipped(file: IO[bytes]) -> Iterator[bytes]:
    """The unpacked bytes, never more than `CHUNK` at a time. Raises `zlib.error` and `EOFError`."""
    unpacker = zlib.decompressobj(wbits=31)
    for packed in in_chunks(file):
        data = packed
        while data:
            if unpacker.eof:
                # Members one after the other, or padding at the end.
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
    """A file of which only so many bytes are read until `allow` is said again: for headers that are read as a whole."""

    def __init__(self, file: IO[bytes], refused: Callable[[], Exception]) -> None:
        self._file = file
        self._size = size_of(file)
        self._refused = refused
        self._left: int | None = 0

    def allow(self, count: int | None) -> None:
        """From now on so many bytes may be read, any number for None."""
        self._left = count

    def read(self, count: int = -1) -> bytes:
        """As that of a file; raises what ``refused`` makes when it is too much."""
        wanted = self._size - self._file.tell() if count < 0 else count
        if self._left is not None:
            self._left -= max(wanted, 0)
            if self._left < 0:
                raise self._refused()
        return self._file.read(count)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As that of a file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """As that of a file."""
        return self._file.tell()

    def seekable(self) -> bool:
        """It is."""
        return True
