"""What a work item is: something that the platform does, and that can be done by hand, with figures to compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench.stats import Goal

if TYPE_CHECKING:
    from bench.ground import Ground

Sample = Mapping[str, float]
"""One measurement: the value of each figure by its key. A figure that is missing was not measured this time."""


@dataclass(frozen=True)
class Figure:
    """One number that a work item measures. ``unit`` is ``s``, ``MB``, ``kB``, ``requests/s``, ``lines/s``, ``%`` or
    ``requests``."""

    key: str
    title: str
    unit: str = "s"
    goal: Goal | None = None


@dataclass
class Size:
    """How much is measured: ``repeat`` times, with the large things as large as the table says or ``quick`` ones."""

    repeat: int = 9
    quick: bool = False
    seconds: float = 180.0
    """No measurement of an item begins later than that after its first."""


class Work:
    """One work item. A subclass says what is measured, and does it once in `ours` and once in `floor`.

    Each returns a `Sample`. What prepares a measurement and what cleans up after it is not part of its figures.
    ``repeat`` limits the repetitions of what takes long; ``warm_up`` measurements come first and do not count.
    """

    key: str
    title: str
    floor_title: str = "–"
    figures: tuple[Figure, ...] = ()
    repeat: int | None = None
    warm_up: int = 1

    def __init__(self, ground: Ground, size: Size) -> None:
        self.ground = ground
        self.size = size
        self.notes: list[str] = []
        self.extra: dict[str, Any] = {}

    def set_up(self) -> None:
        """Once, before the first measurement."""

    def ours(self) -> Sample:
        """The platform does it."""
        raise NotImplementedError

    def floor(self) -> Sample:
        """It is done by hand; an empty sample where there is nothing to compare with."""
        return {}

    def tear_down(self) -> None:
        """Once, whatever happened before."""


@dataclass
class Curve:
    """A figure by number of apps: the medians of ours, and of the floor where it grows with them, too."""

    title: str
    unit: str
    ours: dict[int, float] = field(default_factory=dict)
    floor: dict[int, float] = field(default_factory=dict)


@dataclass
class Measured:
    """All samples of one work item. ``error`` says why there are no more."""

    ours: list[Sample] = field(default_factory=list)
    floor: list[Sample] = field(default_factory=list)
    seconds: float = 0.0
    error: str = ""
    notes: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    def values(self, side: str, key: str) -> list[float]:
        """The values of one figure, of ``ours`` or the ``floor``."""
        return [sample[key] for sample in getattr(self, side) if key in sample]
