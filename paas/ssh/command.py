"""The command line that an SSH client sends as one string."""

from __future__ import annotations

import shlex

from paas.core.errors import UsageError

MAX_BYTES = 64 * 1024

HARMLESS = "\t\n\r"


def split(command: str) -> list[str]:
    """Split ``command`` into words, quoted as for a POSIX shell. Expand nothing. Drop a leading ``--``.

    Raise `UsageError` for unbalanced quotes, for control characters, and beyond 64 KiB.
    """
    if len(command.encode(errors="surrogateescape")) > MAX_BYTES:
        raise UsageError(
            "The command is too long",
            why=f"The limit for a command line is {MAX_BYTES // 1024} KiB.",
            fix="Send large values on standard input.",
        )

    if any((character < " " and character not in HARMLESS) or character == "\x7f" for character in command):
        raise UsageError(
            "The command contains control characters",
            why="Commands are text.",
            fix="Send binary values on standard input, or base64-encoded with --encoded if the command has that flag.",
        )

    try:
        words = shlex.split(command)
    except ValueError:
        raise UsageError(
            "The command's quotes are not balanced",
            why="The words are split as in a POSIX shell. A quote is not closed, or a backslash is the last character.",
            fix="Your own shell removes one level of quotes. Quote twice: ssh … config:set APP \"KEY='two words'\"",
        ) from None

    return words[1:] if words[:1] == ["--"] else words
