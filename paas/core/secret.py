"""A value that does not print itself."""

from __future__ import annotations

MASK = "********"


class Secret:
    """Text that is only returned by `reveal`; ``repr``, ``str`` and formatting return a mask."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text. Each call is a place where a secret can leak: keep them few."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)
