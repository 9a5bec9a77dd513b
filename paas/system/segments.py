"""Logs of removed containers: gzip files of many members, each readable separately.

``zcat`` reads them, too. The position and times of each member are recorded outside the file, so that neither a search
from the end nor one from a time on unpacks more than necessary.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from paas.core.logs.line import LogLine
from paas.system.log_files import Format, rotated

SEGMENT = 1 << 20
_READ = 1 << 18
_LEVEL = 6


class Segment(NamedTuple):
    """One member: its position in the file, and the times of its first and last line."""

    offset: int
    size: int
    first: str
    last: str


def contents(current: Path) -> Iterator[bytes]:
    """Yield the bytes of a log with its rotated files, the oldest first."""
    for path in rotated(current):
        with path.open("rb") as file:
            while data := file.read(_READ):
                yield data


def pack(chunks: Iterable[bytes], target: Path, form: Format) -> list[Segment]:
    """Write the log into the file. Return its members. The file is written completely or not at all."""
    found: list[Segment] = []
    temporary = target.with_name(f"{target.name}.new")
    with temporary.open("wb") as file:
        for block in _cut(chunks, form):
            reader = form.fresh()
            # The last line of a process may lack a newline; it often says why the process failed.
            lines = reader.decode(block) + reader.rest()
            if not lines:
                continue
            data = gzip.compress(block, _LEVEL, mtime=0)
            times = sorted((lines[0].time, lines[-1].time))
            found.append(Segment(file.tell(), len(data), times[0], times[1]))
            file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(target)
    return found


def _cut(chunks: Iterable[bytes], form: Format) -> Iterator[bytes]:
    """Yield blocks of about a segment's size, with whole lines."""
    pending = bytearray()
    enough = SEGMENT
    for chunk in chunks:
        pending += chunk
        if len(pending) < enough:
            continue
        start = SEGMENT // 2
        cut = form.boundary(bytes(pending[start:]))
        if cut < 0 and len(pending) < 4 * SEGMENT:
            # In the middle of a very long line.
            enough = len(pending) + SEGMENT
            continue
        at = start + cut if cut >= 0 else len(pending)
        yield bytes(pending[:at])
        del pending[:at]
        enough = SEGMENT
    if pending:
        yield bytes(pending)


def trim(path: Path, segments: Sequence[Segment], limit: int) -> list[Segment]:
    """Keep only the newest members, ``limit`` bytes at most. Return them."""
    kept: list[Segment] = []
    total = 0
    for segment in reversed(segments):
        total += segment.size
        if total > limit:
            break
        kept.insert(0, segment)
    if len(kept) == len(segments):
        return list(segments)
    start = kept[0].offset if kept else 0
    temporary = path.with_name(f"{path.name}.new")
    with path.open("rb") as source, temporary.open("wb") as target:
        source.seek(start)
        for segment in kept:
            target.write(source.read(segment.size))
    temporary.replace(path)
    return [segment._replace(offset=segment.offset - start) for segment in kept]


class Packed:
    """Log that `pack` wrote."""

    def __init__(self, path: Path, segments: Sequence[Segment], form: Format) -> None:
        self._path = path
        self._segments = segments
        self._format = form

    def backward(self) -> Iterator[LogLine]:
        """Yield its lines, the newest first."""
        for segment in reversed(self._segments):
            yield from reversed(self._lines(segment))

    def forward(self, since: str = "") -> Iterator[LogLine]:
        """Yield its lines from about that time on."""
        for segment in self._segments:
            if segment.last >= since:
                yield from self._lines(segment)

    def _lines(self, segment: Segment) -> list[LogLine]:
        try:
            with self._path.open("rb") as file:
                file.seek(segment.offset)
                data = file.read(segment.size)
            if len(data) < segment.size:
                raise EOFError("it ends too early")
            block = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            # Removed to make room while it was read, or damaged: report it, and return the rest.
            said = f"[a part of this log can't be read any more: {error}]".encode()
            return [LogLine(segment.first, "platform", "logs", said)]
        reader = self._format.fresh()
        return reader.decode(block) + reader.rest()
