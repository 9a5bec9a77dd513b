"""The kinds of changes of apps, by which people look for them."""

from __future__ import annotations

KINDS: list[str] = []
"""Those of all features, sorted; `declare` fills it when they are loaded."""


def declare(*kinds: str) -> None:
    """Add kinds. Several features may start changes of one kind."""
    KINDS[:] = sorted({*KINDS, *kinds})
