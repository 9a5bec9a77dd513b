"""``ps:*``: what runs of an app."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

from paas.commands import arguments as args
from paas.commands.registry import Arg, command
from paas.core.caller import Access
from paas.core.errors import PaasError, UsageError
from paas.core.model import App
from paas.core.rollout import parse_scale
from paas.engine import applocks, processes, receive
from paas.engine.context import Context
from paas.engine.processes import Status


@command("ps", access=Access.VIEW)
def ps(ctx: Context, app: args.App) -> list[Status]:
    """List the containers of an app with their state."""
    return processes.statuses(ctx, app)


@command("ps:scale", access=Access.DEPLOY)
def ps_scale(
    ctx: Context, app: args.App, *pairs: Annotated[str, Arg("TYPE=NUMBER")], skip_deploy: bool = False
) -> dict[str, int] | None:
    """Change how many containers each process type has, or show it.

    Only the difference is started or retired; the other containers go on untouched. With --skip-deploy the numbers
    count from the next deploy or restart on.
    """
    if not pairs:
        return processes.formation(ctx, app)
    processes.scale(ctx, app, parse_scale(pairs), skip_deploy=skip_deploy)
    return None


def _some(ctx: Context, app: App | None, everything: bool, name: str) -> list[App]:
    if everything == (app is not None):
        raise UsageError(f"{name} takes the name of an app, or --all")
    return [app] if app else [found for found in ctx.store.apps.all() if found.version is not None]


def each(ctx: Context, apps: Sequence[App], act: Callable[[App], None]) -> None:
    """Does it for every app. One that fails is told and keeps no other from it; then the command fails."""
    if len(apps) == 1:
        act(apps[0])
        return
    failed = []
    for app in apps:
        try:
            applocks.enter(ctx, app)
            act(app)
        except PaasError as error:
            ctx.out.warning(f"{app.name}:")
            ctx.out.error(error)
            failed.append(app.name)
    if failed:
        raise PaasError(
            f"{len(failed)} of {len(apps)} apps failed: {', '.join(failed)}",
            why="What is said above of each.",
            code="some-failed",
        )


@command("ps:restart", access=Access.DEPLOY)
def ps_restart(
    ctx: Context, app: args.App | None = None, process: Annotated[str, Arg("TYPE")] = "", *, all: bool = False
) -> None:
    """Replace the containers of an app, or of one process type, by fresh ones. No request is lost.

    Configuration that was changed with --no-restart counts from here on. With --all, every app that is not stopped.
    """
    chosen = [one for one in _some(ctx, app, all, "ps:restart") if not (all and one.stopped)]
    each(ctx, chosen, lambda one: processes.restart(ctx, one, process))


@command("ps:stop", access=Access.DEPLOY)
def ps_stop(ctx: Context, app: args.App | None = None, *, all: bool = False) -> None:
    """Stop an app. It answers with a page that says so, and stays stopped over restarts of the server."""
    each(ctx, _some(ctx, app, all, "ps:stop"), lambda one: processes.stop(ctx, one))


@command("ps:start", access=Access.DEPLOY)
def ps_start(ctx: Context, app: args.App | None = None, *, all: bool = False) -> None:
    """Start a stopped app."""
    each(ctx, _some(ctx, app, all, "ps:start"), lambda one: processes.start(ctx, one))


@command("ps:rebuild", access=Access.DEPLOY)
def ps_rebuild(ctx: Context, app: args.App | None = None, *, all: bool = False) -> None:
    """Build and release the newest commit of the deploy branch again."""
    each(ctx, _some(ctx, app, all, "ps:rebuild"), lambda one: receive.rebuild(ctx, one))
