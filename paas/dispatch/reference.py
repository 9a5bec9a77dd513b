"""The reference pages in ``docs/``, written from the declarations: ``python -m paas.dispatch.reference docs``."""

from __future__ import annotations

import json
import sys
from itertools import groupby
from pathlib import Path

from paas.commands.declare import Command
from paas.core import properties, settings
from paas.dispatch import features, openapi
from paas.dispatch.help import visible

NOTICE = "<!-- Written by `make docs` from the declarations in the code; don't edit. -->\n"


def commands_page() -> str:
    """Return the page of all commands with usage, access and help."""
    features.load()
    parts = [
        "# Commands",
        NOTICE.strip(),
        "The same commands work locally as `paas COMMAND …` and over SSH as `ssh -p 2222 paas@HOST COMMAND …`. Over "
        "SSH, words are split as in a POSIX shell, so quotes and backslashes work; put `--` before a command that "
        "begins with a flag.",
        "Results go to standard output, everything else to standard error. Exit status: 0 success, 1 failure, 2 a "
        "command line with an error, 20 no such app, 130 interrupted. `--quiet` leaves out headings (as does "
        "output that is not a terminal), `--app NAME` stands for the first argument, "
        "`--lock-wait DURATION` lets a command that changes an app wait for a lock on it, "
        "`--help` shows a command's help.",
    ]
    for namespace, entries in groupby(visible(), key=lambda entry: entry.namespace):
        parts.append(f"## {namespace}")
        parts += [_command(entry) for entry in entries]
    return "\n\n".join(parts) + "\n"


def _command(entry: Command) -> str:
    summary, _, rest = entry.doc.partition("\n")
    if "\n  " in f"\n{rest}":
        # Lists in help are indented; in Markdown that makes them code.
        rest = "\n".join(f"- {line.strip()}" if line.startswith("  ") else line for line in rest.splitlines())
    body = f"{summary}\n{rest}".strip()
    shared = f"; with `--global`: {entry.shared.name.lower()}" if entry.shared else ""
    return (
        f"### `{entry.name}`\n\n```\n{entry.usage()}\n```\n\n{body}\n\nAccess: {entry.access.name.lower()}{shared}."
    )


def settings_page() -> str:
    """Return the page of all server settings and properties."""
    lines = [
        "# Settings and properties",
        "",
        NOTICE.strip(),
        "",
        "## Settings of the server",
        "",
        "Settings are lines `key: value` in `paas.yml` in the data root. Change them there or with "
        "`paas settings:set KEY [VALUE]`. The server reads the file again when it changes. `paas serve` takes those "
        "marked with a dagger as flags, too, which override the file; a change of these takes effect at the next "
        "start.",
        "",
        "| setting | a value is | default | what it does |",
        "|---|---|---|---|",
    ]
    for row in settings.SETTINGS:
        mark = "†" if row.restart else ""
        lines.append(f"| `{row.key}`{mark} | {row.kind.rule} | {_code(row.default)} | {row.help} |")
    lines += [
        "",
        "## Properties of apps",
        "",
        "`paas NAMESPACE:set APP KEY [VALUE]` sets one for an app. `--global` instead of the app sets it for all apps "
        "without a value of their own. Without a value the command unsets it. `paas NAMESPACE:report APP` shows the "
        "values. A change takes effect at once.",
        "",
        "| namespace | property | a value is | default | what it does |",
        "|---|---|---|---|---|",
    ]
    for entry in properties.PROPERTIES:
        scope = " (only with `--global`)" if entry.scope is properties.Scope.GLOBAL else ""
        lines.append(
            f"| {entry.namespace} | `{entry.key}` | {entry.kind.rule} | {_code(entry.default)} | {entry.help}{scope} |"
        )
    return "\n".join(lines) + "\n"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def openapi_page() -> str:
    """Return the description of the HTTP API."""
    return json.dumps(openapi.document(), indent=1, ensure_ascii=False) + "\n"


COMMITTED = {"commands.md": commands_page, "settings.md": settings_page}
PAGES = {**COMMITTED, "openapi.json": openapi_page}


def main(folder: str) -> None:
    """Write the pages into the folder. openapi.json is not in git: every server serves its own."""
    for name, page in PAGES.items():
        (Path(folder) / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
