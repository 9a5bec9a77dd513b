"""Recording of durations. Slow operations open a `span`, without knowing the recorder.

The recorder is in a context variable, as in OpenTelemetry, so that no function has to pass it on. Without a recorder, a
span does nothing.
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
    """Recorder of the spans of one deployment, from any thread; times are relative to its creation."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._origin = monotonic()
        self._spans: list[Span] = []
        self._lock = threading.Lock()

    def spans(self) -> list[Span]:
        """Return the ended spans, in the order of their beginnings."""
        with self._lock:
            return sorted(self._spans, key=lambda span: (span.began, span.depth))

    @contextmanager
    def time(self, name: str, depth: int) -> Iterator[None]:
        """Record the duration of the context, also if it fails."""
        began = self._monotonic()
        try:
            yield
        finally:
            span = Span(name, depth, began - self._origin, self._monotonic() - began)
            with self._lock:
                self._spans.append(span)


_place: contextvars.ContextVar[tuple[Recorder, int] | None] = contextvars.ContextVar("place", default=None)
"""Recorder of this thread, and the depth of the current span."""


@contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    """Return a context in which spans of this thread go to the recorder."""
    token = _place.set((recorder, 0))
    try:
        yield
    finally:
        _place.reset(token)


def recorder() -> Recorder | None:
    """Return the recorder of this thread's spans, or None."""
    place = _place.get()
    return place[0] if place else None


@contextmanager
def span(name: str) -> Iterator[None]:
    """Record the duration of the context if there is a recorder."""
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
    """Return the function such that its spans go to this thread's recorder, in whatever thread it is called."""
    context = contextvars.copy_context()
    return lambda: context.run(function)
