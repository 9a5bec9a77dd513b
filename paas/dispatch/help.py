"""``help``: written from the declarations of the commands."""

from __future__ import annotations

from typing import Annotated

from paas.commands.declare import COMMANDS, Arg, Command, command
from paas.core.access.caller import Access
from paas.core.errors import NotFound, UsageError
from paas.jobs.context import Context

INTRODUCTION = """\
Usage: paas COMMAND …, or ssh -p PORT paas@HOST COMMAND …
Deploy: git push ssh://paas@HOST:PORT/APP main

help COMMAND shows one command, help NAMESPACE the commands of one namespace.
Every list and report takes --format json; --quiet leaves headings out; --app NAME stands for the first argument.
"""


def visible() -> list[Command]:
    """Return the commands in the help, by namespace and name."""
    return sorted((entry for entry in COMMANDS.values() if not entry.hidden), key=lambda c: (c.namespace, c.name))


@command("help", access=Access.VIEW)
def help_(
    ctx: Context,
    topic: Annotated[str, Arg("TOPIC", complete=lambda ctx: [c.name for c in visible()])] = "",
    *,
    all: bool = False,
) -> str:
    """Show the commands, those of one namespace, or one command in full. With --all, every command in full."""
    if all and topic:
        raise UsageError("help takes a topic, or --all")
    if all:
        return "\n\n\n".join(one(entry) for entry in visible())
    if topic in COMMANDS and not any(entry.name.startswith(f"{topic}:") for entry in visible()):
        return one(COMMANDS[topic])
    if not topic:
        return INTRODUCTION + "\n" + table(visible())
    found = [entry for entry in visible() if entry.namespace == topic]
    if found:
        parts = [one(COMMANDS[topic])] if topic in COMMANDS else []
        return "\n\n".join([*parts, table(found)])
    raise NotFound(f"there is no help on {topic!r}", fix="'help' lists the commands.", code="no-such-topic")


def one(entry: Command) -> str:
    """Return the help of one command."""
    shared = f"\n\nWith --global it needs the role {entry.shared.name.lower()}." if entry.shared else ""
    return f"Usage: {entry.usage()}\n\n{entry.doc}{shared}"


def table(entries: list[Command]) -> str:
    """Return a line for each command."""
    width = max(len(entry.name) for entry in entries) + 2
    return "\n".join(f"  {entry.name:<{width}}{entry.summary}" for entry in entries)
