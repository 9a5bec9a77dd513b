"""The parts of an instance that only some subjects use, by their class."""

from __future__ import annotations

from typing import Any, TypeVar, cast

_T = TypeVar("_T")


class Parts:
    """One object for each class. A test registers another one for a part that would affect the host."""

    def __init__(self) -> None:
        self._made: dict[type[Any], object] = {}

    def put(self, kind: type[_T], part: _T) -> None:
        """Register the part of that class. Raise an error if there is one."""
        if kind in self._made:
            raise ValueError(f"there is a {kind.__name__} already")
        self._made[kind] = part

    def has(self, kind: type[Any]) -> bool:
        """Return True if there is a part of that class."""
        return kind in self._made

    def get(self, kind: type[_T]) -> _T:
        """Return the part of that class."""
        try:
            return cast(_T, self._made[kind])
        except KeyError:
            raise LookupError(
                f"no feature has registered a {kind.__name__}: name it in `parts` of the Feature that makes it"
            ) from None
