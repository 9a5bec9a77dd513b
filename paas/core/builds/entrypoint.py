"""Images whose ENTRYPOINT does not run the commands of the app.

Docker passes a command to the ENTRYPOINT as arguments: https://docs.docker.com/reference/dockerfile/#entrypoint
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Mapping, Sequence

from paas.core.containers import shell_line
from paas.core.errors import BuildFailed

_SHELL = re.compile(r"(ba|da|a|z|k)?sh")
_INTERPRETER = re.compile(r"(python|node|nodejs|ruby|perl|php|java|deno|bun|lua|Rscript)[0-9.]*")


def swallows(entrypoint: Sequence[str]) -> bool:
    """Return True if it is a shell with its own command line, which ignores arguments."""
    if len(entrypoint) < 2 or not _SHELL.fullmatch(posixpath.basename(entrypoint[0])):
        return False
    if not re.fullmatch(r"-[a-z]*c", entrypoint[1]):
        return False
    # With `sh -c` alone, the first word of a command is the line, and the others are lost.
    return len(entrypoint) == 2 or not re.search(r"\$\{?[@*]", entrypoint[2])


def check(entrypoint: Sequence[str], commands: Mapping[str, str]) -> None:
    """Raise an error for commands, by their names, that an image with this ENTRYPOINT would not run as given."""
    if swallows(entrypoint) and commands:
        raise BuildFailed(
            f"the image's ENTRYPOINT would not run the app's commands: {', '.join(commands)}",
            why=f"It is a line for a shell ({shlex.join(entrypoint)}), and the shell ignores added "
            "arguments. Each command would run the image's own program.",
            fix='Turn ENTRYPOINT into CMD in the Dockerfile, or write it as a list (ENTRYPOINT ["program"]) with a '
            "program that runs its arguments.",
            code="shell-entrypoint",
        )
    if not entrypoint or not _INTERPRETER.fullmatch(posixpath.basename(entrypoint[0])):
        return
    for name, line in commands.items():
        if shell_line.needs_shell(line):
            own = shlex.join(entrypoint)
            raise BuildFailed(
                f"{name} needs a shell, and the image's ENTRYPOINT is {own}",
                why=f"A line with variables, quotes or operators is run by a shell: {line}. {entrypoint[0]} would take "
                "the shell for a file to run.",
                fix=f"Take ENTRYPOINT out of the Dockerfile, and write the whole command: '{own} {line}'.",
                code="entrypoint-needs-shell",
            )
