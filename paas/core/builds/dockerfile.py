"""Parser for Dockerfiles: https://docs.docker.com/reference/dockerfile/"""

from __future__ import annotations

import re
from collections.abc import Iterator

_COMMENT = re.compile(r"\s*#")
_ESCAPE = re.compile(r"#\s*escape\s*=\s*(\S)", re.IGNORECASE)
_DIRECTIVE = re.compile(r"#\s*\w+\s*=")


def escape_of(text: str) -> str:
    """Return the character that continues lines, from the directives at the top."""
    for line in text.removeprefix("\ufeff").splitlines():
        if match := _ESCAPE.match(line):
            return match[1]
        if not _DIRECTIVE.match(line):
            break
    return "\\"


def instructions(text: str, escape: str = "") -> Iterator[tuple[int, str]]:
    """Yield each instruction in one line, with the number of its first line.

    ``escape`` continues lines; empty: as the file says.
    """
    escape = escape or escape_of(text)
    start, whole = 0, ""
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        if _COMMENT.match(line) or not line.strip():
            continue
        start = start or number
        if line.rstrip().endswith(escape):
            whole += line.rstrip()[:-1]
            continue
        yield start, whole + line
        start, whole = 0, ""
    if whole:
        yield start, whole


def split(instruction: str) -> tuple[str, str]:
    """Return the instruction's keyword in upper case (for ONBUILD the inner one), and the rest."""
    word, rest = "", instruction
    while word in ("", "ONBUILD"):
        parts = rest.split(None, 1)
        word, rest = (parts[0].upper(), parts[1] if len(parts) == 2 else "") if parts else ("-", "")
    return word, rest
