"""Rotating log files: read them backwards, from a time on, and as they grow."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from paas.core.logs.line import LogLine

BLOCK = 1 << 18
CHUNK = 1 << 20
LONGEST = 8 << 20
"""Limit on a block that contains no beginning of a line."""
_ROTATIONS = 1000


class Format(Protocol):
    """Decoder from bytes of a log to lines; see `paas.core.logs.json_file.JsonLog`."""

    def fresh(self) -> Format: ...
    def decode(self, block: bytes) -> list[LogLine]: ...
    def rest(self) -> list[LogLine]: ...
    def boundary(self, block: bytes) -> int: ...
    def time(self, block: bytes) -> str: ...


def rotated(current: Path) -> list[Path]:
    """Return the files of the log at ``current``, the oldest first: ``….2``, ``….1``, and itself."""
    older = []
    for number in range(1, _ROTATIONS):
        path = current.with_name(f"{current.name}.{number}")
        if not path.exists():
            break
        older.append(path)
    return [*reversed(older), *([current] if current.exists() else [])]


class _File:
    """Open file, whatever becomes of its name. ``end`` is its size when it was opened."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        found = os.fstat(self.descriptor)
        self.identity = (found.st_dev, found.st_ino)
        self.end = found.st_size

    def read(self, start: int, size: int) -> bytes:
        return os.pread(self.descriptor, size, start)

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class LogFiles:
    """Log as of opening, and everything added later.

    ``current`` grows until it is renamed (see `rotated`) and replaced. Files stay open, so that nothing is missed when
    they are renamed or removed. Raise `PermissionError` for unreadable files.
    """

    def __init__(self, current: Path, form: Format) -> None:
        self._current = current
        self._format = form
        self._files = self._opened(rotated(current))
        self._reader = form.fresh()
        self._at = self._files[-1].end if self._files else 0
        self._began = False
        self._pending = b""
        self.overtaken = 0
        """Number of files that were removed before they were read."""

    @staticmethod
    def _opened(paths: Sequence[Path]) -> list[_File]:
        files: list[_File] = []
        for path in paths:
            try:
                found = _File(path)
            except FileNotFoundError:
                # It was renamed or removed since it was listed.
                continue
            if any(other.identity == found.identity for other in files):
                found.close()
            else:
                files.append(found)
        return files

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()
        self._files = []

    def backward(self) -> Iterator[LogLine]:
        """Yield the lines as of opening, the newest first.

        For a block without a wanted line, yield a line without a source, with the time of the block: so a merge of logs
        that has enough newer lines does not read a log that is mostly of other apps.
        """
        for file in reversed(list(self._files)):
            for block in self._blocks(file):
                reader = self._format.fresh()
                lines = reader.decode(block) + reader.rest()
                yield from reversed(lines)
                if not lines and (time := self._format.time(block)):
                    yield LogLine(time, "", "", b"")

    def _blocks(self, file: _File) -> Iterator[bytes]:
        """Yield the file from its end to its beginning, in blocks of whole lines."""
        end, size = file.end, BLOCK
        while end > 0:
            start = max(0, end - size)
            block = file.read(start, end - start)
            cut = 0 if start == 0 else self._format.boundary(block)
            if (cut < 0 or cut >= len(block)) and size < LONGEST:
                size *= 2
                continue
            cut = cut if 0 <= cut < len(block) else 0
            yield block[cut:] if cut else block
            end, size = start + cut, BLOCK

    def seek(self, since: str) -> None:
        """Make `read` begin at about that time; at the beginning for an empty one."""
        self._at, self._began, self._pending = 0, True, b""
        self._reader = self._format.fresh()
        while since and len(self._files) > 1 and self._first(self._files[1], 0) <= since:
            self._files.pop(0).close()
        if since and self._files:
            self._at = self._before(self._files[0], since)

    def _first(self, file: _File, start: int) -> str:
        """Return the time of the first line after ``start``, or a time later than all others if there is none."""
        return self._format.time(file.read(start, BLOCK)) or "~"

    def _before(self, file: _File, since: str) -> int:
        """Return a position before which all lines are earlier. The file is roughly in the order of time."""
        low, high = 0, file.end
        while high - low > BLOCK:
            middle = (low + high) // 2
            block = file.read(middle, BLOCK)
            cut = self._format.boundary(block)
            if cut < 0 or (self._format.time(block[cut:]) or "~") >= since:
                high = middle
            else:
                low = middle + cut
        # One block earlier than necessary: two streams may have been written out of order.
        start = max(0, low - BLOCK)
        if start == 0:
            return 0
        return start + max(0, self._format.boundary(file.read(start, BLOCK)))

    def read(self, limit: int = CHUNK) -> list[LogLine]:
        """Return the next lines, none if there are none yet; about ``limit`` bytes at most.

        Without a `seek` they are those added after opening.
        """
        if not self._began:
            # Earlier content was read backward, or is not wanted.
            self._began = True
            for file in self._files[:-1]:
                file.close()
            self._files = self._files[-1:]
        while True:
            if not self._files and not self._next():
                return []
            data = self._files[0].read(self._at, limit)
            self._at += len(data)
            lines = self._decoded(data) if data else []
            # A chunk without lines, such as a part of a long line or requests of other apps, is not the end.
            if lines or (not data and not self._next()):
                return lines

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = self._current.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _decoded(self, data: bytes) -> list[LogLine]:
        data = self._pending + data
        end = data.rfind(b"\n") + 1
        self._pending = data[end:]
        if len(self._pending) > LONGEST:
            self._pending = b""
        return self._reader.decode(data[:end])

    def _next(self) -> bool:
        """Move to the next file. Return True if there is one."""
        if len(self._files) > 1:
            self._files.pop(0).close()
            self._at, self._pending = 0, b""
            return True
        if self._files and self._identity() in (None, self._files[0].identity):
            return False
        found = self._opened(rotated(self._current))
        if not self._files:
            self._files, self._at = found, 0
            return bool(found)
        mine = self._files[0]
        later = next((found[at + 1 :] for at, one in enumerate(found) if one.identity == mine.identity), None)
        if later is None and found:
            later = found
            self.overtaken += 1
        for one in found:
            if later is None or one not in later:
                one.close()
        if not later:
            return False
        if mine.read(self._at, 1):
            # Data was added between this check and the search for the next file.
            for one in later:
                one.close()
            return True
        mine.close()
        self._files, self._at, self._pending = list(later), 0, b""
        return True

    def rest(self) -> list[LogLine]:
        """Return an unfinished last line, once nothing more will be written."""
        return self._reader.rest()
