"""The Procfile, which has the command of each process type.

Format: https://devcenter.heroku.com/articles/procfile#procfile-format
"""

from __future__ import annotations

import re

from paas.core import names
from paas.core.errors import InvalidValue

DEFAULT_PORT = 5000
"""Port of a web process if nothing else specifies one."""

# Applied to a stripped line: with \s* at the end, a line with many blanks would take hours.
_LINE = re.compile(r"([^:\s]+)\s*:\s*(.*)")


def parse(text: str, path: str = "Procfile") -> dict[str, str]:
    """Return the commands by process type, in the order of the file. Skip blank lines and comments.

    Raise `InvalidValue` naming file and line.
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
    """Return the web port: the configured PORT, else the image's only EXPOSE, else 5000."""
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
