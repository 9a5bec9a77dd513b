"""Read values from parsed configuration files. Every error names the file, the place in it, and the rule."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from paas.core import values
from paas.core.errors import InvalidValue
from paas.core.spelling import meant

LONGEST = 1 << 16
"""Limit in characters of a file with settings of an app."""
# A lone surrogate, such as "\ud800" in JSON, can be neither stored nor printed.
_UNFIT = re.compile("[\0\ud800-\udfff]")


def check_length(text: str, path: str, code: str) -> None:
    """Raise `InvalidValue` for a file longer than `LONGEST`."""
    if len(text) > LONGEST:
        raise InvalidValue(
            f"{path} has {len(text)} characters, and may have {LONGEST}",
            why="It is read by the server, and says how an app runs: that takes some kilobytes at most.",
            fix="Remove everything that is not a setting. Data of the app belongs into a file that only the app reads.",
            code=code,
        )


class Reader:
    """Reader of parsed values. Every error names the file, the place, and the rule."""

    def __init__(self, file: str, code: str) -> None:
        self._file = file
        self._code = code

    def wrong(self, at: str, what: str, why: str = "") -> InvalidValue:
        """Return the error for one place."""
        place = f"{self._file}: {at}" if at else self._file
        return InvalidValue(f"{place}: {what}" if at else f"{place} {what}", why=why, code=self._code)

    def mapping(self, value: object, at: str) -> Mapping[str, Any]:
        """Return a mapping; None counts as an empty one."""
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise self.wrong(at, f"must be names with values, not {kind_of(value)}")
        for key in value:
            if not isinstance(key, str) or _UNFIT.search(key):
                raise self.wrong(at, f"has the name {show(key)}, which is {kind_of(key)}", "Put it in quotes.")
        return value

    def sequence(self, value: object, at: str) -> Sequence[Any]:
        """Return a list."""
        if not isinstance(value, list):
            raise self.wrong(at, f"must be a list, not {kind_of(value)}")
        return value

    def known(self, value: Mapping[str, Any], at: str, fields: Sequence[str]) -> None:
        """Raise `InvalidValue` for an unknown field."""
        for key in value:
            if key not in fields:
                place = f"{at}.{key}" if at else key
                why = f"{meant(key, fields)} There are: {', '.join(fields)}."
                raise self.wrong(place, "there is no such field", why.strip())

    def text(self, value: object, at: str) -> str:
        """Return a text that is not empty."""
        if not isinstance(value, str) or not value.strip() or _UNFIT.search(value):
            raise self.wrong(at, f"must be text, not {show(value)}")
        return value

    def boolean(self, value: object, at: str) -> bool:
        """Return a boolean."""
        if not isinstance(value, bool):
            raise self.wrong(at, f"must be true or false, not {show(value)}")
        return value

    def number(self, value: object, at: str, low: int, high: int) -> int:
        """Return an integer from ``low`` to ``high``."""
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.wrong(at, f"must be a whole number from {low} to {high}, not {show(value)}")
        return value

    def port(self, value: object, at: str) -> int:
        """Return a TCP port."""
        return self.number(value, at, 1, 65535)

    def seconds(self, value: object, at: str) -> float:
        """Return seconds from a number or a text such as ``2s`` or ``500ms``; at most an hour."""
        wrong = self.wrong(at, f"must be seconds such as 5, or 500ms, 5s, 2m; at most an hour; not {show(value)}")
        try:
            if isinstance(value, bool) or not isinstance(value, int | float | str):
                raise wrong
            found = values.seconds(value) if isinstance(value, str) else float(value)
        except (ValueError, OverflowError) as error:
            raise wrong from error
        if not 0 <= found <= 3600:
            raise wrong
        return found

    def positive(self, value: object, at: str) -> float:
        """Return seconds as `seconds` does, but not 0."""
        found = self.seconds(value, at)
        if not found:
            raise self.wrong(at, "must be more than 0")
        return found


def kind_of(value: object) -> str:
    """Return the name of the value's type for a message."""
    words = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "a mapping"}
    return words.get(type(value), "nothing" if value is None else type(value).__name__)


def show(value: object) -> str:
    """Return the value for a message, or its type."""
    # Lists and mappings may be infinite: YAML has references.
    return repr(value)[:60] if isinstance(value, str | int | float) else kind_of(value)
