"""A value that cannot print itself."""

from __future__ import annotations

MASK = "********"


class Secret:
    """Text that is shown only where code asks for it by name; ``repr``, ``str`` and format give a mask."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself. Each call is a place where a secret leaves: keep them few."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)
