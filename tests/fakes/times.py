"""A clock that a test sets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from paas.system.clock import Clock

EPOCH = 1_767_225_600.0
"""2026-01-01T00:00:00Z: when every test begins."""
STANDING_SECONDS = 0.002
"""The longest that one wait really takes while the clock stands."""


class FakeClock(Clock):
    """Waiting is over at once, and the thread that waited is as much later as it wanted to wait.

    Each thread has its own time, so that one which waits for a minute does not make the others miss their deadlines.
    """

    def __init__(self) -> None:
        self._advanced = 0.0
        self._set_back = 0.0
        self._own = threading.local()
        self._stands = False

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Return a context in which waiting takes real time, and waits only end with their event.

        Use it if something must happen while another thread waits. Otherwise a slow machine decides which is first.
        """
        self._stands = True
        try:
            yield
        finally:
            self._stands = False

    def advance(self, seconds: float) -> None:
        """Move the clock forward for all threads."""
        self._advanced += seconds

    def set_back(self, seconds: float) -> None:
        """Correct the time of day only; waits take as long as before."""
        self._set_back += seconds

    def now(self) -> float:
        return EPOCH + self._advanced - self._set_back

    def monotonic(self) -> float:
        return self._advanced + float(getattr(self._own, "waited", 0.0))

    def wait(self, event: threading.Event, seconds: float) -> bool:
        if self._stands:
            return event.wait(min(seconds, STANDING_SECONDS))
        if not event.is_set():
            self._own.waited = getattr(self._own, "waited", 0.0) + seconds
        return event.is_set()
