"""Recording where time goes. Whoever does something that takes time says so with `span`, and need not know who records.

The recorder is found through a context variable, as in OpenTelemetry, so no function in between has to hand it on.
Where nobody records, a span does nothing.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from paas.core.jobs.trace import Span

_T = TypeVar("_T")


class Recorder:
    """Takes the spans of one change, from any thread; the time counts from when it was made."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._origin = monotonic()
        self._spans: list[Span] = []
        self._lock = threading.Lock()

    def spans(self) -> list[Span]:
        """Those that ended so far, in the order of their beginnings."""
        with self._lock:
            return sorted(self._spans, key=lambda span: (span.began, span.depth))

    @contextmanager
    def time(self, name: str, depth: int) -> Iterator[None]:
        """Records what happens inside, whether it succeeds or not."""
        began = self._monotonic()
        try:
            yield
        finally:
            span = Span(name, depth, began - self._origin, self._monotonic() - began)
            with self._lock:
                self._spans.append(span)


_place: contextvars.ContextVar[tuple[Recorder, int] | None] = contextvars.ContextVar("place", default=None)
"""The recorder of this thread, and how deep inside its spans it is."""


@contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    """Inside, spans of this thread go to the recorder."""
    token = _place.set((recorder, 0))
    try:
        yield
    finally:
        _place.reset(token)


def recorder() -> Recorder | None:
    """The one that this thread's spans go to, or None."""
    place = _place.get()
    return place[0] if place else None


@contextmanager
def span(name: str) -> Iterator[None]:
    """Records how long the inside takes, where somebody records."""
    place = _place.get()
    if place is None:
        yield
        return
    recording_one, depth = place
    token = _place.set((recording_one, depth + 1))
    try:
        with recording_one.time(name, depth):
            yield
    finally:
        _place.reset(token)


def carried(function: Callable[[], _T]) -> Callable[[], _T]:
    """The function such that, in whatever thread it is called, its spans go where they would go here."""
    context = contextvars.copy_context()
    return lambda: context.run(function)
