"""Time, replaceable in tests."""

from __future__ import annotations

import threading
import time


class Clock:
    """Clock: seconds since 1970 for records, and monotonic seconds for waiting."""

    def now(self) -> float:
        """Return seconds since 1970, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds that never go back, for differences."""
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until the event is set, at most ``seconds``. Return True if it is set."""
        return event.wait(seconds)
