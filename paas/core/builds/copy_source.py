"""Paths as sources of COPY: BuildKit expands quotes, variables and patterns in them, also in the JSON form."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PATTERN = re.compile(r"[*?\[\\]")
_EXPANDED = re.compile(r"""[\\'"$]""")
_NOT_SENT = re.compile("[\n\ufffd]")
"""BuildKit's client cannot ask for a path with a newline. U+FFFD stands for bytes of a name that is not UTF-8."""


def literal(path: str) -> str:
    """Return the text that BuildKit expands to exactly this path.

    A character with a meaning in patterns becomes a class of one character, because a backslash before it would become
    part of the path (https://pkg.go.dev/path/filepath#Match). Then characters that variable expansion removes are
    escaped (https://docs.docker.com/reference/dockerfile/#environment-replacement).
    """
    matched = _PATTERN.sub(lambda match: r"[\\]" if match[0] == "\\" else f"[{match[0]}]", path)
    return _EXPANDED.sub(lambda match: f"\\{match[0]}", matched)


def literals(paths: Iterable[str]) -> list[str]:
    """Return the texts for those paths that COPY can name."""
    return [literal(path) for path in paths if not _NOT_SENT.search(path)]
