"""Turns: one change at a time for an app, and so many builds at a time on the host.

Both live in the daemon's memory, so neither outlives its holder.
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
    """A lock for each key, taken in the order of asking."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._queues: dict[int, deque[str]] = {}

    @contextmanager
    def hold(
        self, key: int, who: str, waiting: Callable[[str], None], cancelled: threading.Event
    ) -> Iterator[None]:
        """Inside, nobody else holds ``key``. ``waiting`` is told who does, once, if one has to wait."""
        with self._changed:
            queue = self._queues.setdefault(key, deque())
            # A str subclass instance of its own, so that equal descriptions stay apart by identity.
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
        """Who holds the key, or None."""
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
    """So many at a time; ``limit`` is asked each time, so that a changed setting counts at once."""

    def __init__(self, limit: Callable[[], int]) -> None:
        self._limit = limit
        self._changed = threading.Condition()
        self._queue: deque[object] = deque()
        self._busy = 0

    @contextmanager
    def take(self, waiting: Callable[[int], None], cancelled: threading.Event) -> Iterator[None]:
        """Inside, fewer than ``limit`` others are; whoever came first is let in first.

        ``waiting`` is told how many have to end before one gets in, at first and whenever that changes.
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
        """Takes a slot and returns 0, or returns how many have to end before."""
        with self._changed:
            before = self._before(ticket)
            if not before:
                self._queue.remove(ticket)
                self._busy += 1
            return before

    def _before(self, ticket: object) -> int:
        return max(0, self._queue.index(ticket) + self._busy - self._limit() + 1)


class PublishLock:
    """Turns at what the edge serves: one change at a time for an app, or one of all apps alone.

    Whoever publishes has to read what is wanted, publish it and record it in one turn; otherwise two that come at once
    would publish what the other has already replaced.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._busy: set[int] = set()
        self._whole = False
        self._whole_waiting = 0

    @contextmanager
    def of(self, *app_ids: int) -> Iterator[None]:
        """Inside, nobody else changes what is served for these apps."""
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
        """Inside, nobody else changes what is served for any app."""
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
    """Something that happens again and again, and that threads wait for."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0
        self._events: list[threading.Event] = []

    def notify(self) -> None:
        """It happened."""
        with self._changed:
            self._count += 1
            self._changed.notify_all()
            events = list(self._events)
        for event in events:
            event.set()

    def sets(self, event: threading.Event) -> threading.Event:
        """From now on, the event is set each time it happens. Return the event."""
        with self._changed:
            self._events.append(event)
        return event

    def count(self) -> int:
        """How often it happened so far; give it to `wait`."""
        with self._changed:
            return self._count

    def wait(self, seen: int, timeout: float) -> int:
        """Waits until it happened more often than ``seen``, or the timeout in seconds; returns the new count."""
        with self._changed:
            self._changed.wait_for(lambda: self._count != seen, timeout)
            return self._count


class Announcements:
    """Tells those who hold connections that a key or token was removed, in the thread that removed it."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Revocation], None]] = []

    def listen(self, *listeners: Callable[[Revocation], None]) -> None:
        """From now on they are told, too; they must not block."""
        self._listeners += listeners

    def tell(self, revocation: Revocation) -> None:
        """Tells everybody who listens."""
        for listener in self._listeners:
            listener(revocation)
