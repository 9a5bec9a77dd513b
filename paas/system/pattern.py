"""Regular expressions of users, evaluated in linear time by RE2.

Python's own engine can take forever for some, and blocks all threads meanwhile. Syntax:
https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

import functools
import re
from typing import Any

import re2

from paas.core.errors import InvalidValue

_ANCHORS = re.compile(r"\^|\$|\\[AbBzQEC]")
"""Parts of an expression that depend on the beginning and end of a line, or on quoting."""


class PatternMatcher:
    """Predicate for lines that contain the expression.

    ``anywhere`` takes bytes with several lines: False means that no part matches.
    """

    def __init__(self, text: str, expression: Any) -> None:
        self._search = expression.search
        self._anchored = bool(_ANCHORS.search(text))

    def __call__(self, line: bytes) -> bool:
        """Return True if the line contains it."""
        return self._search(line) is not None

    def anywhere(self, block: bytes) -> bool:
        """Return True if a part of the block may match."""
        return self._anchored or self._search(block) is not None


def finder(text: str) -> PatternMatcher:
    """Return a matcher for lines. Raise `InvalidValue` for an invalid expression."""
    # Match bytes: a log may contain any, and a dot matches each of them. In Latin-1 every byte of the typed UTF-8
    # stands for itself.
    return PatternMatcher(text, _compiled(text, text.encode(), re2.Options.Encoding.LATIN1))


@functools.lru_cache(1024)
def in_lines(text: str) -> Any:
    """Compile the expression for texts, with ``^`` and ``$`` at each line. Raise `InvalidValue` for an invalid one."""
    return _compiled(text, f"(?m){text}", re2.Options.Encoding.UTF8)


def first_groups(expression: str, text: str) -> tuple[str | None, ...] | None:
    """Return the groups of the first match in the text, with lines on their own; None without a match."""
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
