"""Paths as sources of COPY: BuildKit expands quotes, variables and patterns in them, in the JSON form, too."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PATTERN = re.compile(r"[*?\[\\]")
_EXPANDED = re.compile(r"""[\\'"$]""")
_NOT_SENT = re.compile("[\n\ufffd]")
"""BuildKit's client cannot ask for a path with a newline. U+FFFD stands for bytes of a name that is not UTF-8."""


def literal(path: str) -> str:
    """Return the text that BuildKit expands to just this path.

    A character that means something in a pattern goes into a class of its own, as a backslash before it would end up
    in the path (https://pkg.go.dev/path/filepath#Match). Then what the expansion of variables takes away is escaped
    (https://docs.docker.com/reference/dockerfile/#environment-replacement).
    """
    matched = _PATTERN.sub(lambda match: r"[\\]" if match[0] == "\\" else f"[{match[0]}]", path)
    return _EXPANDED.sub(lambda match: f"\\{match[0]}", matched)


def literals(paths: Iterable[str]) -> list[str]:
    """Return the texts for those of the paths that COPY can name at all."""
    return [literal(path) for path in paths if not _NOT_SENT.search(path)]
