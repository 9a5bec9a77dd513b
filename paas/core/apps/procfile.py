"""The Procfile: which command each process type runs.

Format: https://devcenter.heroku.com/articles/procfile#procfile-format
"""

from __future__ import annotations

import re

from paas.core import names
from paas.core.errors import InvalidValue

DEFAULT_PORT = 5000
"""The port a web process is told to listen on when nothing else says one."""

# Of a stripped line: with \s* at the end, too, a line with many blanks in it would take hours.
_LINE = re.compile(r"([^:\s]+)\s*:\s*(.*)")


def parse(text: str, path: str = "Procfile") -> dict[str, str]:
    """Commands by process type, in the order of the file. Blank lines and comments are passed over.

    Raises `InvalidValue` naming file and line.
    """
    commands: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue

        match = _LINE.fullmatch(line.strip())
        if not match or not match[2]:
            raise InvalidValue(
                f"{path}:{number}: {line.strip()!r} is not of the form 'type: command'",
                fix="Write one process a line, for instance 'web: python app.py'.",
                code="invalid-procfile",
            )
        if match[1] in commands:
            raise InvalidValue(
                f"{path}:{number}: process type {match[1]!r} appears twice",
                fix="Keep one of the two lines.",
                code="invalid-procfile",
            )
        commands[names.process_type(match[1])] = match[2]
    return commands


def web_port(exposed: tuple[int, ...], configured: str | None) -> int:
    """The web port: the PORT that the app configured, else the image's one EXPOSE, else 5000."""
    if configured is not None:
        if not configured.isdecimal() or not 1 <= int(configured) <= 65535:
            raise InvalidValue(
                f"PORT={configured} is not a port",
                why="The configuration variable PORT is the port the web process listens on, 1 to 65535.",
                fix="Run 'config:unset APP PORT' to have it chosen, or set a number.",
                code="invalid-port",
            )
        return int(configured)
    return exposed[0] if len(exposed) == 1 else DEFAULT_PORT
