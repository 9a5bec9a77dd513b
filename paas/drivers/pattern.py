"""Regular expressions that people type, in time that grows with the text only: RE2.

Python's own may take for ever for some, and stop every thread meanwhile. Syntax: https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

from collections.abc import Callable

import re2

from paas.core.errors import InvalidValue


def finder(text: str) -> Callable[[bytes], bool]:
    """Whether the expression is found somewhere in a line; `InvalidValue` says what is wrong with it."""
    options = re2.Options()
    options.log_errors = False
    # Bytes as they are: a log may have any, and a dot is any of them.
    options.encoding = re2.Options.Encoding.LATIN1
    try:
        # In Latin-1 each byte of the UTF-8 that was typed stands for itself.
        expression = re2.compile(text.encode(), options)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        why = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise InvalidValue(f"{text[:80]!r} is not a regular expression", why=why, code="invalid-pattern") from error
    return lambda line: expression.search(line) is not None
