"""What somebody may have meant who wrote a name that there is not."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def meant(name: str, known: Iterable[str], count: int = 1) -> str:
    """``Did you mean hello or hallo?`` with at most so many of the names that are spelt alike; empty if none is."""
    near = difflib.get_close_matches(name, list(known), count)
    return f"Did you mean {' or '.join(near)}?" if near else ""
