"""Logs as the engine's API sends them: frames, each a timestamp, a space, and a line or a part of a long one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

LONGEST = 2 << 20


def joined(frames: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines, each after its first timestamp; a line that is very long comes in several."""
    parts: list[bytes] = []
    size = 0
    for frame in frames:
        # Of a long line, every part has a timestamp of its own.
        parts.append(frame.partition(b" ")[2] if parts else frame)
        size += len(frame)
        if frame.endswith(b"\n") or size > LONGEST:
            line = b"".join(parts)
            yield line if line.endswith(b"\n") else line + b"\n"
            parts, size = [], 0
    if parts:
        yield b"".join(parts)
