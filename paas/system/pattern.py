"""Regular expressions that people type, in time that grows with the text only: RE2.

Python's own may take for ever for some, and stop every thread meanwhile. Syntax: https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

import functools
import re
from typing import Any

import re2

from paas.core.errors import InvalidValue

_ANCHORS = re.compile(r"\^|\$|\\[AbBzQEC]")
"""What depends on where a line begins and ends, or on what is quoted."""


class PatternMatcher:
    """Says of a line whether the expression is found in it. ``anywhere`` says of bytes with other lines around: False
    means that it is in no part of them."""

    def __init__(self, text: str, expression: Any) -> None:
        self._search = expression.search
        self._anchored = bool(_ANCHORS.search(text))

    def __call__(self, line: bytes) -> bool:
        """Whether it is found in the line."""
        return self._search(line) is not None

    def anywhere(self, block: bytes) -> bool:
        """Whether a part of the block may match."""
        return self._anchored or self._search(block) is not None


def finder(text: str) -> PatternMatcher:
    """What finds the expression in lines; `InvalidValue` says what is wrong with it."""
    # Bytes as they are: a log may have any, and a dot is any of them. In Latin-1 each byte of the UTF-8 that was typed
    # stands for itself.
    return PatternMatcher(text, _compiled(text, text.encode(), re2.Options.Encoding.LATIN1))


@functools.lru_cache(1024)
def in_lines(text: str) -> Any:
    """The expression, with ``^`` and ``$`` at each line, for texts; `InvalidValue` says what is wrong with it."""
    return _compiled(text, f"(?m){text}", re2.Options.Encoding.UTF8)


def first_groups(expression: str, text: str) -> tuple[str | None, ...] | None:
    """The groups of the first match in the text, lines on their own; None if there is none."""
    match = in_lines(expression).search(text)
    return match.groups() if match else None


def _compiled(shown: str, text: str | bytes, encoding: Any) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.encoding = encoding
    try:
        return re2.compile(text, options)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        why = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise InvalidValue(f"{shown[:80]!r} is not a regular expression", why=why, code="invalid-pattern") from error
