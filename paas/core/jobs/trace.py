"""Trace of a deployment: nested spans of time, and their picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

WIDTH = 48
BEFORE, BETWEEN = "(before)", "(between)"
NOTABLE_SECONDS = 0.0005


@dataclass(frozen=True)
class Span:
    """Span of ``seconds`` from ``began`` on, both relative to the start of the deployment; ``depth`` 0 is a step."""

    name: str
    depth: int
    began: float
    seconds: float

    @property
    def ended(self) -> float:
        """Time of its end."""
        return self.began + self.seconds


def length(spans: Sequence[Span]) -> float:
    """Return the seconds from the start to the end of the last span."""
    return max((span.ended for span in spans), default=0.0)


def complete(spans: Sequence[Span]) -> list[Span]:
    """Return the spans in order, with additional spans for the time between steps, so that the steps sum up to the
    total.
    """
    return list(_complete(sorted(spans, key=lambda span: (span.began, span.depth))))


def _complete(spans: Sequence[Span]) -> Iterator[Span]:
    reached = 0.0
    for span in spans:
        if span.depth == 0:
            if span.began - reached > NOTABLE_SECONDS:
                yield Span(BETWEEN if reached else BEFORE, 0, reached, span.began - reached)
            reached = max(reached, span.ended)
        yield span


def waterfall(spans: Sequence[Span]) -> list[str]:
    """Return one line for each span: its name, its milliseconds, and a bar at its position in the total."""
    rows = complete(spans)
    whole = length(rows)
    width = max((len(_label(span)) for span in rows), default=0)
    return [f"{_label(span):<{width}}  {span.seconds * 1000:>8.1f} ms  {_bar(span, whole)}".rstrip() for span in rows]


def _label(span: Span) -> str:
    return "  " * span.depth + span.name


def _bar(span: Span, whole: float) -> str:
    if whole <= 0:
        return ""
    first = min(round(span.began / whole * WIDTH), WIDTH - 1)
    last = round(span.ended / whole * WIDTH)
    return " " * first + ("█" * (last - first) or "▏")
