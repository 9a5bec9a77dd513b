"""Sandboxes: records and names."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from paas.core import names
from paas.core.errors import InvalidValue

PREFIX = "sandbox-"
MAX_COUNT = 100


@dataclass(frozen=True)
class Sandbox:
    """Recorded sandbox. ``until`` is when it expires; times are seconds since 1970, UTC."""

    name: str
    image: str
    actor: str
    created_at: float
    until: float


def free_name(taken: Collection[str]) -> str:
    """Return ``sandbox-1``, or the first free number after it."""
    return next(name for number in range(1, len(taken) + 2) if (name := f"{PREFIX}{number}") not in taken)


def numbered(name: str, count: int | None) -> list[str]:
    """Return the name itself, or for a count ``NAME1``, ``NAME2``, …. Raise `InvalidValue`."""
    if count is None:
        return [names.app_name(name)]
    if not 1 <= count <= MAX_COUNT:
        raise InvalidValue(f"invalid count {count}", why=f"It must be from 1 to {MAX_COUNT}.")
    return [names.app_name(f"{name}{number}") for number in range(1, count + 1)]
