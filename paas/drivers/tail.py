"""The last lines of a file, and those that come."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

BLOCK = 1 << 16


def last_lines(path: Path, count: int, wanted: Callable[[str], bool], most: int = 64 << 20) -> list[str]:
    """The last lines that are wanted, in their order; only the last ``most`` bytes of the file are looked at."""
    found: list[str] = []
    if count and path.exists():
        for line in _backwards(path, most):
            if wanted(line):
                found.append(line)
                if len(found) == count:
                    break
    return found[::-1]


def _backwards(path: Path, most: int) -> Iterator[str]:
    with path.open("rb") as file:
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


class Follower:
    """Reads on from the end of a file, also when another file takes its name."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb") if path.exists() else None
        self._rest = b""
        if self._file:
            self._file.seek(0, os.SEEK_END)

    def lines(self) -> list[str]:
        """The whole lines that came since the last call."""
        if self._file is None:
            self._file = self._path.open("rb") if self._path.exists() else None
        if self._file is None:
            return []
        data = self._rest + self._file.read()
        if not data and self._path.exists() and self._path.stat().st_ino != os.fstat(self._file.fileno()).st_ino:
            self._file.close()
            self._file = self._path.open("rb")
            data = self._file.read()
        *whole, self._rest = data.split(b"\n")
        return [line.decode(errors="replace") for line in whole]

    def close(self) -> None:
        """Lets the file go."""
        if self._file:
            self._file.close()
