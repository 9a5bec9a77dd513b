"""Logs as the engine's API sends them: frames, each a timestamp, a space, and a line or a part of a long one.

Frames are told apart by their stream, since a part of a long line of one may be followed by a line of the other:
https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

LONGEST = 2 << 20
MOST_BYTES = 64 << 20
"""Of a log that is read from its end, the newest are looked through: the engine has no way to go backwards."""
PART = 1 << 14
"""The engine's parts of a long line have so many bytes."""

_HEAD = 8
_LINE = 64
"""What a line takes beside its bytes."""

Frame = tuple[int, bytes]
"""The number of a stream, and what was written to it."""


# Not `container_stream.unframe`: where a frame ends matters here, as each begins with a timestamp.
def frames(read: Callable[[int], bytes]) -> Iterator[Frame]:
    """Takes apart what a container without a terminal wrote. ``read`` gives that many bytes, fewer at the end."""
    while len(head := read(_HEAD)) == _HEAD:
        size = int.from_bytes(head[4:], "big")
        if size:
            yield head[0], read(size)


def lines(chunks: Iterable[bytes]) -> Iterator[Frame]:
    """The same of one with a terminal, which the engine sends as it is."""
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
    """Whole lines, each after its first timestamp; a line that is very long comes in several."""
    begun: dict[int, tuple[list[bytes], int]] = {}
    for stream, frame in found:
        parts, size = begun.pop(stream, ([], 0))
        # Of a long line, every part has a timestamp of its own.
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
    """The last of the lines, of that many bytes together at most."""
    kept: deque[bytes] = deque()
    size = 0
    for line in found:
        kept.append(line)
        size += len(line) + _LINE
        while size > most and len(kept) > 1:
            size -= len(kept.popleft()) + _LINE
    return list(kept)


def complete(found: list[bytes], asked: int) -> bool:
    """Whether the lines are all that there are, where the engine was asked for that many: it counts parts."""
    return sum(len(line) // PART + 1 for line in found) < asked
