"""What clients claim about themselves, made safe to pass on: the terminal's size and kind, environment variables."""

from __future__ import annotations

import re
from collections.abc import Mapping

from paas.commands.invocation import Terminal

VARIABLES = {"GIT_PROTOCOL": re.compile(r"[A-Za-z0-9=:.-]{1,256}")}
"""The variables of the client's environment that reach the command, and the rule for their values."""

TERMINAL_KIND = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]{0,63}")


def terminal(columns: int, rows: int, kind: str) -> Terminal:
    """A terminal of a believable size and kind: 80 columns, 24 rows, or ``dumb`` stand for what isn't."""
    return Terminal(
        columns=columns if 1 <= columns <= 10_000 else 80,
        rows=rows if 1 <= rows <= 10_000 else 24,
        kind=kind if TERMINAL_KIND.fullmatch(kind) else "dumb",
    )


def environment(claimed: Mapping[str, str]) -> dict[str, str]:
    """Those of the client's variables that are let through."""
    return {
        name: claimed[name] for name, rule in VARIABLES.items() if name in claimed and rule.fullmatch(claimed[name])
    }
