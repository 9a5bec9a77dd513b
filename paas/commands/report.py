"""Reports of apps: of one, of each, or one value of it."""

from __future__ import annotations

from collections.abc import Callable

from paas.commands.render import Report, Reports
from paas.core.errors import UsageError
from paas.core.model import App
from paas.jobs.context import Context

EVERY = "every app"
"""Name for the app in a report of all apps."""


def reports(
    ctx: Context, app: App | str | None, flag: str, make: Callable[[App | None], Report]
) -> Report | Reports | str:
    """Return the report of the app, of the server for None, or of every app; or the one value that the flag selects."""
    if not isinstance(app, str):
        return pick(make(app), flag)
    if flag:
        raise UsageError(f"{flag} selects a value of one app", fix="Name the app, or use --global.")
    return Reports(tuple(make(one) for one in ctx.store.apps.all()))


def pick(report: Report, flag: str) -> Report | str:
    """Return the whole report, or one value for a flag like ``--git-deploy-branch``."""
    if not flag:
        return report
    prefix = f"--{report.namespace}-"
    key = flag.removeprefix(prefix)
    if not flag.startswith(prefix) or key not in report.facts:
        raise UsageError(
            f"the report has no field {flag}",
            why="It has: " + ", ".join(prefix + known for known in report.facts),
            code="no-such-value",
        )
    return report.facts[key]
