"""Sanitize what clients send about themselves: the size and kind of the terminal, and environment variables."""

from __future__ import annotations

import re
from collections.abc import Mapping

from paas.commands.invocation import Terminal

VARIABLES = {"GIT_PROTOCOL": re.compile(r"[A-Za-z0-9=:.-]{1,256}")}
"""The environment variables passed on to the command, each with the pattern for its values."""

TERMINAL_KIND = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]{0,63}")


def terminal(columns: int, rows: int, kind: str) -> Terminal:
    """Return a terminal of a valid size and kind. Invalid values become 80 columns, 24 rows, and ``dumb``."""
    return Terminal(
        columns=columns if 1 <= columns <= 10_000 else 80,
        rows=rows if 1 <= rows <= 10_000 else 24,
        kind=kind if TERMINAL_KIND.fullmatch(kind) else "dumb",
    )


def environment(claimed: Mapping[str, str]) -> dict[str, str]:
    """Return the client's variables that are passed on."""
    return {
        name: claimed[name] for name, rule in VARIABLES.items() if name in claimed and rule.fullmatch(claimed[name])
    }
