"""``ps:*``: what runs of an app."""

from __future__ import annotations

import os
import re
from typing import Annotated

from paas.apps import processes
from paas.apps.changes import each
from paas.apps.processes import ProcessStatus
from paas.commands import arguments as args
from paas.commands.declare import Arg, command
from paas.core.access.caller import Access
from paas.core.errors import InvalidValue, UsageError
from paas.core.model import App
from paas.core.releases.rollout import parse_scale
from paas.jobs.context import Context
from paas.releases import landing

EVERY_CORE = -1
MOST_AT_ONCE = 16


@command("ps", access=Access.VIEW)
def ps(ctx: Context, app: args.App) -> list[ProcessStatus]:
    """List the containers of an app with their state."""
    return processes.statuses(ctx, app)


def _quantities(ctx: Context, app: App) -> list[str]:
    return [f"{name}=" for name in args.process_types(ctx, app)]


@command("ps:scale", access=Access.DEPLOY)
def ps_scale(
    ctx: Context,
    app: args.App,
    *pairs: Annotated[str, Arg("TYPE=NUMBER", of_app=_quantities)],
    skip_deploy: bool = False,
) -> dict[str, int] | None:
    """Show or change the number of containers of each process type.

    Only the difference is started or retired; all other containers are not touched. With --skip-deploy the numbers take
    effect at the next deploy or restart.
    """
    if not pairs:
        return processes.formation(ctx, app)
    processes.scale(ctx, app, parse_scale(pairs), skip_deploy=skip_deploy)
    return None


def _some(ctx: Context, app: App | None, everything: bool, name: str) -> list[App]:
    if everything == (app is not None):
        raise UsageError(f"{name} takes the name of an app, or --all")
    return [app] if app else [found for found in ctx.store.apps.all() if found.version is not None]


def _at_once(ctx: Context, text: str) -> int:
    number = int(text) if re.fullmatch(r"-?[0-9]{1,4}", text) else 0
    if number != EVERY_CORE and not 1 <= number <= MOST_AT_ONCE:
        raise InvalidValue(
            f"{text!r} is not a number of apps", why=f"It is from 1 to {MOST_AT_ONCE}, or -1: one for each core."
        )
    return (os.cpu_count() or 1) if number == EVERY_CORE else number


Parallel = Annotated[int, Arg("NUMBER", parse=_at_once)]


@command("ps:restart", access=Access.DEPLOY)
def ps_restart(
    ctx: Context,
    app: args.App | None = None,
    process: args.ProcessType = "",
    *,
    all: bool = False,
    parallel: Parallel = 1,
) -> None:
    """Replace the containers of an app, or of one process type, by new ones. No request is lost.

    Configuration that was changed with --no-restart takes effect. With --all, restart every app that is not stopped;
    --parallel limits how many at a time, -1 for the number of the server's cores.
    """
    chosen = [one for one in _some(ctx, app, all, "ps:restart") if not (all and one.stopped)]
    each(ctx, chosen, lambda own, one: processes.restart(own, one, process), parallel)


@command("ps:stop", access=Access.DEPLOY)
def ps_stop(ctx: Context, app: args.App | None = None, *, all: bool = False) -> None:
    """Stop an app. It answers with a page that says so, and stays stopped over restarts of the server."""
    each(ctx, _some(ctx, app, all, "ps:stop"), processes.stop)


@command("ps:start", access=Access.DEPLOY)
def ps_start(ctx: Context, app: args.App | None = None, *, all: bool = False) -> None:
    """Start a stopped app."""
    each(ctx, _some(ctx, app, all, "ps:start"), processes.start)


@command("ps:rebuild", access=Access.DEPLOY)
def ps_rebuild(
    ctx: Context, app: args.App | None = None, *, all: bool = False, parallel: Parallel = 1
) -> None:
    """Build and release the newest commit of the deploy branch again. --parallel is as with ps:restart."""
    each(ctx, _some(ctx, app, all, "ps:rebuild"), landing.rebuild, parallel)
