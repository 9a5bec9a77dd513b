"""Time, as one thing that tests can put another in place of."""

from __future__ import annotations

import threading
import time


class Clock:
    """Seconds since 1970 for records, and monotonic seconds for waiting."""

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean anything."""
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Waits until the event is set or the time is over; says whether it is set."""
        return event.wait(seconds)
