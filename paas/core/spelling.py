"""Suggestions for unknown names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def meant(name: str, known: Iterable[str], count: int = 1) -> str:
    """Return ``Did you mean hello or hallo?`` with at most ``count`` similar names; empty if there are none."""
    near = difflib.get_close_matches(name, list(known), count)
    return f"Did you mean {' or '.join(near)}?" if near else ""
