"""The kinds of deployments, as filters take them."""

from __future__ import annotations

KINDS: list[str] = []
"""Kinds of all features, sorted; `declare` adds them when features are loaded."""


def declare(*kinds: str) -> None:
    """Add kinds. Several features may start changes of one kind."""
    KINDS[:] = sorted({*KINDS, *kinds})
