"""Points at which a test pauses other threads, examines the state, and lets them continue."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from paas.core.errors import Cancelled
from paas.system.clock import Clock

SECONDS = 60.0
"""How long a test waits for an expected event before it fails."""
SOON_SECONDS, LATER_SECONDS = 0.0002, 0.005
"""Pauses between checks of a condition, at first and at last."""


class Unexpected(AssertionError):
    """A fake was asked for something that it was not told about, or that the real thing would not do either."""


class Gate:
    """Point that is closed until the test opens it; `wait_until_reached` returns once a thread waits there."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.reached = threading.Event()
        self._open = threading.Event()

    def wait_until_reached(self) -> None:
        """Return once a thread waits at the gate."""
        if not self.reached.wait(SECONDS):
            raise Unexpected(f"nothing came to {self.name}")

    def open(self) -> None:
        """Let all threads pass, now and later."""
        self._open.set()

    def pass_through(self, cancelled: threading.Event | None) -> None:
        """Wait until the gate is open. Raise `Cancelled` if the event is set before."""
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
        """Close the gate of that name during the context."""
        gate = self._held[name] = Gate(name)
        try:
            yield gate
        finally:
            self._held.pop(name, None)
            gate.open()

    def held(self) -> bool:
        """Return True if any gate is closed."""
        return bool(self._held)

    def at(self, name: str, cancelled: threading.Event | None = None) -> None:
        """Pass a gate: ``build``, ``start``, ``inspect``, ``publish``, ``stop``."""
        self.trace.append(name)
        gate = self._held.get(name)
        if gate is not None:
            gate.pass_through(cancelled)


def eventually(condition: Callable[[], object], what: str = "") -> None:
    """Return once the condition holds. Fail after `SECONDS`."""
    clock = Clock()
    deadline = clock.monotonic() + SECONDS
    pause, seconds = threading.Event(), SOON_SECONDS
    while not condition():
        if clock.monotonic() > deadline:
            raise Unexpected(f"it did not happen within {SECONDS:g} s: {what or condition}")
        clock.wait(pause, seconds)
        seconds = min(2 * seconds, LATER_SECONDS)
