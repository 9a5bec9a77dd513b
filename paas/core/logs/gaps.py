"""What is odd about a log as the engine's API tells it while it grows.

Where the files of a busy log rotate, engines (20.10 at least) tell some lines twice, and leave others out if the files
rotate faster than they read: https://github.com/moby/moby/issues?q=json-file+follow+rotate
"""

from __future__ import annotations

from collections import deque

from paas.core.logs import query
from paas.core.logs.line import LogLine

REMEMBERED = 20_000
"""Lines back to which the engine may go."""
BUSY_LINES, BUSY_SECONDS = 1000, 10.0
"""Only a log that grows as fast as this rotates while it is read."""
JUMP_SECONDS = 0.25
_TENTHS = len("2026-01-01T00:00:00.1")


class Steps:
    """Looks from one line to the next. Lines are told by `took` when they count."""

    def __init__(self) -> None:
        self._order: deque[tuple[str, int]] = deque()
        self._known: set[tuple[str, int]] = set()
        self.last = ""

    def repeats(self, line: LogLine) -> bool:
        """Whether the same line was told before: of the same nanosecond, and the same text."""
        return line.time <= self.last and _key(line) in self._known

    def skips(self, line: LogLine) -> bool:
        """Whether something may be missing before the line: a log that was busy up to then made a pause."""
        if line.time[:_TENTHS] == self.last[:_TENTHS] or len(self._order) < BUSY_LINES:
            return False
        last = query.seconds(self.last)
        busy = last - query.seconds(self._order[-BUSY_LINES][0]) < BUSY_SECONDS
        return busy and query.seconds(line.time) - last > JUMP_SECONDS

    def took(self, line: LogLine) -> None:
        """The line counts."""
        key = _key(line)
        self._order.append(key)
        self._known.add(key)
        if len(self._order) > REMEMBERED:
            self._known.discard(self._order.popleft())
        self.last = max(self.last, line.time)


def _key(line: LogLine) -> tuple[str, int]:
    return line.time, hash(line.text)
