"""Logs of containers that are gone: gzip files of many members, each of which can be read on its own.

``zcat`` reads them as well. Where each member begins and which time it covers is told beside them, so that neither a
search from the end nor one from a moment on unpacks what it does not need.
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
    """One member: where it is in the file, and the times of its first and last line."""

    offset: int
    size: int
    first: str
    last: str


def contents(current: Path) -> Iterator[bytes]:
    """The bytes of a log with what was rotated of it, the oldest first."""
    for path in rotated(current):
        with path.open("rb") as file:
            while data := file.read(_READ):
                yield data


def pack(chunks: Iterable[bytes], target: Path, form: Format) -> list[Segment]:
    """Writes the log into the file, and tells its members. The file is there in full, or not at all."""
    found: list[Segment] = []
    temporary = target.with_name(f"{target.name}.new")
    with temporary.open("wb") as file:
        for block in _cut(chunks, form):
            reader = form.fresh()
            # The last words of a process may lack a newline: why it failed to start, as a rule.
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
    """Blocks of about a segment's size that begin and end where lines do."""
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
    """Leaves only the newest members, of ``limit`` bytes together at most; tells those that are left."""
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
    """A log that `pack` wrote."""

    def __init__(self, path: Path, segments: Sequence[Segment], form: Format) -> None:
        self._path = path
        self._segments = segments
        self._format = form

    def backward(self) -> Iterator[LogLine]:
        """Its lines, the newest first."""
        for segment in reversed(self._segments):
            yield from reversed(self._lines(segment))

    def forward(self, since: str = "") -> Iterator[LogLine]:
        """Its lines from about that moment on."""
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
            # Removed to make room while it was read, or damaged: the reader is told, and the rest is shown.
            said = f"[a part of this log can't be read any more: {error}]".encode()
            return [LogLine(segment.first, "platform", "logs", said)]
        reader = self._format.fresh()
        return reader.decode(block) + reader.rest()
