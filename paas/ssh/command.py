"""The command line that an SSH client sends as one string."""

from __future__ import annotations

import shlex

from paas.core.errors import UsageError

MAX_BYTES = 64 * 1024

HARMLESS = "\t\n\r"


def split(command: str) -> list[str]:
    """The words of ``command``, quoted as for a POSIX shell; nothing is expanded. A ``--`` before them is dropped.

    Raises `UsageError` when the quotes don't match, for control characters, and beyond 64 KiB.
    """
    if len(command.encode(errors="surrogateescape")) > MAX_BYTES:
        raise UsageError(
            "The command is too long",
            why=f"A command line has at most {MAX_BYTES // 1024} KiB.",
            fix="Send large values on standard input.",
        )

    if any((character < " " and character not in HARMLESS) or character == "\x7f" for character in command):
        raise UsageError(
            "The command holds control characters",
            why="Commands are text.",
            fix="Send binary values on standard input, or base64-encoded with --encoded where the command has it.",
        )

    try:
        words = shlex.split(command)
    except ValueError:
        raise UsageError(
            "The command's quotes don't match",
            why="The words are split as a POSIX shell does: a quote or a backslash at the end has no counterpart.",
            fix="Your own shell takes one level of quotes away; quote twice: ssh … config:set APP \"KEY='two words'\"",
        ) from None

    return words[1:] if words[:1] == ["--"] else words
