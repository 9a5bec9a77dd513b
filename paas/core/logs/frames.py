"""Logs as Docker's API sends them: frames, each a timestamp, a space, and a line or a part of a long one.

Parts are joined by stream, since a part of a long line on one stream may be followed by a line on the other:
https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

LONGEST = 2 << 20
MOST_BYTES = 64 << 20
"""Limit on the newest lines of a log that is read backwards, which Docker's API does not support."""
PART = 1 << 14
"""Bytes in Docker's parts of a long line."""

_HEAD = 8
_LINE = 64
"""Memory that a line takes in addition to its bytes."""

Frame = tuple[int, bytes]
"""Number of a stream, and data written to it."""


# Unlike `container_stream.unframe`, this keeps frames separate, as each begins with a timestamp.
def frames(read: Callable[[int], bytes]) -> Iterator[Frame]:
    """Yield the frames of a container without a terminal. ``read`` returns that many bytes, fewer at the end."""
    while len(head := read(_HEAD)) == _HEAD:
        size = int.from_bytes(head[4:], "big")
        if size:
            yield head[0], read(size)


def lines(chunks: Iterable[bytes]) -> Iterator[Frame]:
    """Yield the frames of a container with a terminal, whose output Docker sends unframed."""
    pending = b""
    for chunk in chunks:
        *whole, pending = (pending + chunk).split(b"\n")
        yield from ((0, line + b"\n") for line in whole)
        if len(pending) > LONGEST:
            yield 0, pending
            pending = b""
    if pending:
        yield 0, pending


def joined(found: Iterable[Frame]) -> Iterator[bytes]:
    """Yield whole lines, each after its first timestamp. Lines over `LONGEST` bytes are split."""
    begun: dict[int, tuple[list[bytes], int]] = {}
    for stream, frame in found:
        parts, size = begun.pop(stream, ([], 0))
        # Every part of a long line has its own timestamp.
        parts.append(frame.partition(b" ")[2] if parts else frame)
        size += len(frame)
        if frame.endswith(b"\n") or size > LONGEST:
            line = b"".join(parts)
            yield line if line.endswith(b"\n") else line + b"\n"
        else:
            begun[stream] = parts, size
    for parts, _ in begun.values():
        yield b"".join(parts)


def newest(found: Iterable[bytes], most: int) -> list[bytes]:
    """Return the last lines, at most ``most`` bytes in total."""
    kept: deque[bytes] = deque()
    size = 0
    for line in found:
        kept.append(line)
        size += len(line) + _LINE
        while size > most and len(kept) > 1:
            size -= len(kept.popleft()) + _LINE
    return list(kept)


def complete(found: list[bytes], asked: int) -> bool:
    """Return True if Docker, asked for that many lines, returned the whole log. It counts parts, not lines."""
    return sum(len(line) // PART + 1 for line in found) < asked
