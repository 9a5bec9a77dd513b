"""Pauses before retries."""

from __future__ import annotations

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 60.0
_DOUBLINGS = 30


def seconds(failures: int, first: float = FIRST_SECONDS, longest: float = LONGEST_SECONDS) -> float:
    """Return 0 before the first failure, then 1, 2, 4, … up to 60 seconds, or from ``first`` to ``longest``."""
    return min(first * (1 << min(failures - 1, _DOUBLINGS)), longest) if failures else 0.0
