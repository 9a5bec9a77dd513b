"""Places where a test stops what is under way, looks around, and lets it go on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from paas.core.errors import Cancelled
from paas.system.clock import Clock

SECONDS = 60.0
"""How long a test waits for what must happen, before it fails."""
SOON_SECONDS, LATER_SECONDS = 0.0002, 0.005
"""How long it waits before it looks again, at first and at last."""


class Unexpected(AssertionError):
    """A fake was asked for something that it was not told about, or that the real thing would not do either."""


class Gate:
    """Closed until the test opens it; `wait_until_reached` returns once somebody stands before it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.reached = threading.Event()
        self._open = threading.Event()

    def wait_until_reached(self) -> None:
        """Returns once somebody stands before the gate."""
        if not self.reached.wait(SECONDS):
            raise Unexpected(f"nothing came to {self.name}")

    def open(self) -> None:
        """Lets everybody through, now and later."""
        self._open.set()

    def pass_through(self, cancelled: threading.Event | None) -> None:
        """Waits until the gate is open; `Cancelled` if the event is set before."""
        self.reached.set()
        eventually(lambda: self._open.is_set() or (cancelled is not None and cancelled.is_set()), self.name)
        if not self._open.is_set():
            raise Cancelled(f"cancelled at {self.name}")


class Gates:
    """The gates of one server. Without one that is held, everything goes through; ``trace`` has what passed."""

    def __init__(self) -> None:
        self._held: dict[str, Gate] = {}
        self.trace: list[str] = []

    @contextmanager
    def hold(self, name: str) -> Iterator[Gate]:
        """Closes the gate of that name; it is open again after the context."""
        gate = self._held[name] = Gate(name)
        try:
            yield gate
        finally:
            self._held.pop(name, None)
            gate.open()

    def held(self) -> bool:
        """Whether any gate is closed."""
        return bool(self._held)

    def at(self, name: str, cancelled: threading.Event | None = None) -> None:
        """Somebody comes to the gate: ``build``, ``start``, ``inspect``, ``publish``, ``stop``."""
        self.trace.append(name)
        gate = self._held.get(name)
        if gate is not None:
            gate.pass_through(cancelled)


def eventually(condition: Callable[[], object], what: str = "") -> None:
    """Returns once the condition holds; fails after `SECONDS`."""
    clock = Clock()
    deadline = clock.monotonic() + SECONDS
    pause, seconds = threading.Event(), SOON_SECONDS
    while not condition():
        if clock.monotonic() > deadline:
            raise Unexpected(f"it did not happen within {SECONDS:g} s: {what or condition}")
        clock.wait(pause, seconds)
        seconds = min(2 * seconds, LATER_SECONDS)
