"""Detect repeated and missing lines in a log that is followed through Docker's API.

When the files of a busy log rotate, Docker (at least 20.10) sends some lines twice, and skips others if the files
rotate faster than it reads: https://github.com/moby/moby/issues?q=json-file+follow+rotate
"""

from __future__ import annotations

from collections import deque

from paas.core.logs import query
from paas.core.logs.line import LogLine

REMEMBERED = 20_000
"""Number of lines remembered, of which Docker may repeat some."""
BUSY_LINES, BUSY_SECONDS = 1000, 10.0
"""Only a log that grows this fast is rotated while it is read."""
JUMP_SECONDS = 0.25
_TENTHS = len("2026-01-01T00:00:00.1")


class Steps:
    """Detector over consecutive lines. Call `took` for each accepted line."""

    def __init__(self) -> None:
        self._order: deque[tuple[str, int]] = deque()
        self._known: set[tuple[str, int]] = set()
        self.last = ""

    def repeats(self, line: LogLine) -> bool:
        """Return True if a line with the same time (in nanoseconds) and text was accepted before."""
        return line.time <= self.last and _key(line) in self._known

    def skips(self, line: LogLine) -> bool:
        """Return True if lines may be missing before this one: the log was busy, then paused."""
        if line.time[:_TENTHS] == self.last[:_TENTHS] or len(self._order) < BUSY_LINES:
            return False
        last = query.seconds(self.last)
        busy = last - query.seconds(self._order[-BUSY_LINES][0]) < BUSY_SECONDS
        return busy and query.seconds(line.time) - last > JUMP_SECONDS

    def took(self, line: LogLine) -> None:
        """Accept the line."""
        key = _key(line)
        self._order.append(key)
        self._known.add(key)
        if len(self._order) > REMEMBERED:
            self._known.discard(self._order.popleft())
        self.last = max(self.last, line.time)


def _key(line: LogLine) -> tuple[str, int]:
    return line.time, hash(line.text)
