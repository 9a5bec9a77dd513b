"""A clock that a test sets."""

from __future__ import annotations

import threading

from paas.drivers.clock import Clock

EPOCH = 1_767_225_600.0
"""2026-01-01T00:00:00Z: when every test begins."""


class FakeClock(Clock):
    """Waiting is over at once, and the thread that waited is as much later as it wanted to wait.

    Each thread has its own time, so that one which waits for a minute does not make the others miss their deadlines.
    """

    def __init__(self) -> None:
        self._advanced = 0.0
        self._own = threading.local()

    def advance(self, seconds: float) -> None:
        """Later, for everybody."""
        self._advanced += seconds

    def now(self) -> float:
        """See `Clock.now`."""
        return EPOCH + self._advanced

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return self._advanced + float(getattr(self._own, "waited", 0.0))

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """See `Clock.wait`."""
        if not event.is_set():
            self._own.waited = getattr(self._own, "waited", 0.0) + seconds
        return event.is_set()
