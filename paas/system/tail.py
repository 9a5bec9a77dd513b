"""The last lines of a file, and new ones."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

BLOCK = 1 << 16


def last_lines(path: Path, count: int, wanted: Callable[[str], bool], most: int = 64 << 20) -> list[str]:
    """Return the last wanted lines in order. Only the last ``most`` bytes of the file are searched."""
    file = _opened(path) if count else None
    if file is None:
        return []
    with file:
        return list(islice(filter(wanted, _backwards(file, most)), count))[::-1]


def _backwards(file: BinaryIO, most: int) -> Iterator[str]:
    end = file.seek(0, os.SEEK_END)
    stop, rest = max(0, end - most), b""
    while end > stop:
        start = max(stop, end - BLOCK)
        file.seek(start)
        head, *lines = (file.read(end - start) + rest).split(b"\n")
        yield from (line.decode(errors="replace") for line in reversed(lines) if line)
        end, rest = start, head
    if rest and not stop:
        yield rest.decode(errors="replace")


def _opened(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None


class Follower:
    """Reader that continues from the end of a file, also after a rename and replacement."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _opened(path)
        self._rest = b""
        if self._file:
            self._file.seek(0, os.SEEK_END)

    def lines(self) -> list[str]:
        """Return the whole lines since the last call."""
        if self._file is None:
            self._file = _opened(self._path)
        if self._file is None:
            return []
        data = self._file.read()
        if not data and (following := self._following()):
            # Lines that were written to it meanwhile are read before those of the next file.
            data = self._file.read()
            self._file.close()
            self._file = following
            data += following.read()
        *whole, self._rest = (self._rest + data).split(b"\n")
        return [line.decode(errors="replace") for line in whole]

    def _following(self) -> BinaryIO | None:
        """Return the file that has the name now, None while that is the same one. It may change or vanish at any time.
        """
        assert self._file is not None
        following = _opened(self._path)
        if following and os.path.samestat(os.fstat(following.fileno()), os.fstat(self._file.fileno())):
            following.close()
            return None
        return following

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()
