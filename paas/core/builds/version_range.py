"""Version ranges in the syntaxes of npm, pip, Poetry, Bundler and Composer, compared with the available version.

A stack has one version of a language, with its security fixes, so only the first ``precision`` numbers are compared:
"3.11.4" means 3.11 if that is 2, and "18.19.0" means 18 if it is 1.
"""

from __future__ import annotations

import re

_COMPARATOR = re.compile(r"(\^|~=|~>|~|>=|<=|==|!=|=|>|<)? ?v?(\d+(?:\.(?:\d+|[xX*]))*)(?:[-+.]?[A-Za-z][\w.+-]*)?")
_ANY = {"", "*", "x", "X", "latest", "lts", "lts/*", "node", "stable"}

Version = tuple[int, ...]


def numbers(text: str) -> Version:
    """Return ``(3, 11)`` for ``3.11``, up to the first part that is not a number."""
    found = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def allows(wanted: str, available: str, precision: int) -> bool | None:
    """Return True if the available version matches; None for a text that is not a range."""
    have = numbers(available)[:precision]
    answers = [_all(part, have, precision) for part in re.split(r"\|\|?", wanted)]
    if None in answers:
        return None
    return any(answers)


def _all(text: str, have: Version, precision: int) -> bool | None:
    # Collapse blanks: the expression would try all of them, from each of them.
    plain = " ".join(text.split())
    if plain in _ANY:
        return True
    ranged = re.fullmatch(r"v?([\d.xX*]+)\s+-\s+v?([\d.xX*]+)", plain)
    if ranged:
        plain = f">={ranged[1]} <={ranged[2]}"
    if re.sub(r"[\s,]+", "", _COMPARATOR.sub("", plain)):
        return None
    found = _COMPARATOR.findall(plain)
    return all(_one(sign, numbers(version), have, precision) for sign, version in found) if found else None


def _one(sign: str, given: Version, have: Version, precision: int) -> bool:
    exact = len(given) <= precision
    wanted = given[:precision]
    padded = wanted + (0,) * (precision - len(wanted))
    if sign in ("", "=", "=="):
        return have[: len(wanted)] == wanted
    if sign == "!=":
        # Excluding one patch release still allows the others.
        return not exact or have[: len(wanted)] != wanted
    if sign == ">=":
        return have >= padded
    if sign == "<":
        return have < padded if exact else have <= padded
    if sign == ">":
        return have[: len(wanted)] > wanted if exact else have >= padded
    if sign == "<=":
        return have[: len(wanted)] <= wanted
    return have >= padded and have[: _fixed(sign, given)] == given[: _fixed(sign, given)][:precision]


def _fixed(sign: str, given: Version) -> int:
    """Return how many of the first numbers must be equal."""
    if sign == "^":
        # The first number that is not 0 must be equal.
        return next((place for place, number in enumerate(given, 1) if number), 1)
    if sign == "~":
        return min(2, len(given))
    # ~= and ~>: the last given number may grow.
    return max(1, len(given) - 1)
