"""Locks: one deployment at a time for each app, and a limited number of builds.

They live in the daemon's memory, so none outlives its holder.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from paas.core.access.revocation import Revocation
from paas.core.errors import Cancelled

_RECHECK_SECONDS = 0.2


class FifoLock:
    """Lock for each key, taken in the order of requests."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._queues: dict[int, deque[str]] = {}

    @contextmanager
    def hold(
        self, key: int, who: str, waiting: Callable[[str], None], cancelled: threading.Event
    ) -> Iterator[None]:
        """Return a context in which no other thread holds ``key``.

        ``waiting`` is called once with the holder if it must wait.
        """
        with self._changed:
            queue = self._queues.setdefault(key, deque())
            # An instance of a str subclass, so that equal descriptions differ by identity.
            ticket = _Ticket(who)
            queue.append(ticket)
            holder = queue[0] if queue[0] is not ticket else None
        try:
            if holder is not None:
                waiting(holder)
            with self._changed:
                while queue[0] is not ticket:
                    if cancelled.is_set():
                        raise Cancelled("cancelled while waiting for another deployment")
                    self._changed.wait(_RECHECK_SECONDS)
            yield
        finally:
            with self._changed:
                queue.remove(ticket)
                if not queue:
                    self._queues.pop(key, None)
                self._changed.notify_all()

    def holder(self, key: int) -> str | None:
        """Return the holder of the key, or None."""
        with self._changed:
            queue = self._queues.get(key)
            return str(queue[0]) if queue else None


class _Ticket(str):
    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


class Slots:
    """Limited number of slots. ``limit`` is called each time, so that a changed setting takes effect at once."""

    def __init__(self, limit: Callable[[], int]) -> None:
        self._limit = limit
        self._changed = threading.Condition()
        self._queue: deque[object] = deque()
        self._busy = 0

    @contextmanager
    def take(self, waiting: Callable[[int], None], cancelled: threading.Event) -> Iterator[None]:
        """Return a context in which fewer than ``limit`` others are; in the order of requests.

        ``waiting`` is called with the number of slots that must become free first, at the beginning and after each
        change.
        """
        ticket = object()
        told = 0
        with self._changed:
            self._queue.append(ticket)
        try:
            while before := self._enter(ticket):
                if cancelled.is_set():
                    raise Cancelled("cancelled while waiting for a build slot")
                if before != told:
                    waiting(before)
                    told = before
                with self._changed:
                    if self._before(ticket) == before:
                        self._changed.wait(_RECHECK_SECONDS)
        finally:
            with self._changed:
                if ticket in self._queue:
                    self._queue.remove(ticket)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()

    def _enter(self, ticket: object) -> int:
        """Take a slot and return 0, or return how many must become free first."""
        with self._changed:
            before = self._before(ticket)
            if not before:
                self._queue.remove(ticket)
                self._busy += 1
            return before

    def _before(self, ticket: object) -> int:
        return max(0, self._queue.index(ticket) + self._busy - self._limit() + 1)


class PublishLock:
    """Lock on what the edge serves: one change at a time for an app, or one for all apps.

    A publisher must read the desired state, publish it and record it under one lock; otherwise two concurrent ones
    could publish what the other has already replaced.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._busy: set[int] = set()
        self._whole = False
        self._whole_waiting = 0

    @contextmanager
    def of(self, *app_ids: int) -> Iterator[None]:
        """Return a context in which no other thread changes what is served for these apps."""
        wanted = set(app_ids)
        with self._changed:
            self._changed.wait_for(lambda: not (self._whole or self._whole_waiting or wanted & self._busy))
            self._busy |= wanted
        try:
            yield
        finally:
            with self._changed:
                self._busy -= wanted
                self._changed.notify_all()

    @contextmanager
    def of_all(self) -> Iterator[None]:
        """Return a context in which no other thread changes what is served for any app."""
        with self._changed:
            self._whole_waiting += 1
            self._changed.wait_for(lambda: not (self._whole or self._busy))
            self._whole_waiting -= 1
            self._whole = True
        try:
            yield
        finally:
            with self._changed:
                self._whole = False
                self._changed.notify_all()


class Broadcast:
    """Repeated event that threads wait for."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0
        self._events: list[threading.Event] = []

    def notify(self) -> None:
        """Count one event and wake waiting threads."""
        with self._changed:
            self._count += 1
            self._changed.notify_all()
            events = list(self._events)
        for event in events:
            event.set()

    def sets(self, event: threading.Event) -> threading.Event:
        """Set the event at each notification from now on. Return the event."""
        with self._changed:
            self._events.append(event)
        return event

    def count(self) -> int:
        """Return the number of notifications so far, for `wait`."""
        with self._changed:
            return self._count

    def wait(self, seen: int, timeout: float) -> int:
        """Wait for more notifications than ``seen``, or ``timeout`` seconds. Return the new count."""
        with self._changed:
            self._changed.wait_for(lambda: self._count != seen, timeout)
            return self._count


class Announcements:
    """Announcement of removed keys and tokens to the holders of connections, in the thread that removed them."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Revocation], None]] = []

    def listen(self, *listeners: Callable[[Revocation], None]) -> None:
        """Add listeners. They must not block."""
        self._listeners += listeners

    def tell(self, revocation: Revocation) -> None:
        """Call all listeners."""
        for listener in self._listeners:
            listener(revocation)
