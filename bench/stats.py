"""Medians and spreads of repeated measurements, and whether a goal is met. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    """``n`` measurements: their median, and the 10th and 90th percentile."""

    n: int
    median: float
    p10: float
    p90: float


def summary(values: Sequence[float]) -> Summary:
    """Of at least one value."""
    if len(values) == 1:
        return Summary(1, values[0], values[0], values[0])
    tenths = statistics.quantiles(values, n=10, method="inclusive")
    return Summary(len(values), statistics.median(values), tenths[0], tenths[8])


@dataclass(frozen=True)
class Goal:
    """What is wanted of a figure: ``kind`` is how it is judged, ``limit`` in the figure's unit or a plain ratio.

    ``at most`` and ``at least`` are about the ratio to the floor, ``absolute`` is the most that the figure may be, and
    ``above`` the most by which it may lie above the floor.
    """

    kind: str
    limit: float

    def met(self, ours: float, floor: float | None) -> bool | None:
        """None where the floor was not measured and the goal is about it."""
        if self.kind == "absolute":
            return ours <= self.limit
        if floor is None or floor == 0:
            return None
        if self.kind == "above":
            return ours - floor <= self.limit
        ratio = ours / floor
        return ratio <= self.limit if self.kind == "at most" else ratio >= self.limit
