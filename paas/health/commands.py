"""``checks:*``: health checks of new containers."""

from __future__ import annotations

from typing import Annotated

from paas.commands import arguments as args
from paas.commands.declare import Arg, command
from paas.commands.render import Judged
from paas.core.access.caller import Access
from paas.core.errors import PaasError
from paas.core.health.checks import Mode
from paas.core.model import App
from paas.health import checks
from paas.jobs.context import Context

Type = args.ProcessType


@command("checks:enable", access=Access.DEPLOY)
def checks_enable(ctx: Context, app: args.App, *types: Type) -> None:
    """Enable the checks of an app, or of some of its process types. This is the default."""
    _set(ctx, app, Mode.ENABLED, types, "are checked")


@command("checks:disable", access=Access.DEPLOY)
def checks_disable(ctx: Context, app: args.App, *types: Type) -> None:
    """Disable the checks of an app, or of some of its process types, and zero-downtime deploys with them.

    Old containers stop before new ones start, so the app is down meanwhile. For processes that must not overlap but
    should be checked, set 'overlap: false' in paas.yml instead.
    """
    _set(ctx, app, Mode.DISABLED, types, "are not checked, and their old containers stop before new ones start")


@command("checks:skip", access=Access.DEPLOY)
def checks_skip(ctx: Context, app: args.App, *types: Type) -> None:
    """Skip the checks of an app, or of some of its process types.

    Old containers still serve until the new ones have started.
    """
    _set(ctx, app, Mode.SKIPPED, types, "are not checked")


def _set(ctx: Context, app: App, mode: Mode, types: tuple[str, ...], what: str) -> None:
    changed = checks.set_mode(ctx, app, mode, types)
    ctx.out.step(f"{app.name}: {', '.join(changed) or 'all processes'} {what}")


@command("checks:run", access=Access.DEPLOY)
def checks_run(
    ctx: Context, app: args.App, process: Annotated[str, Arg("TYPE|TYPE.N", of_app=args.process_types)] = ""
) -> Judged:
    """Run the checks of an app's containers once and show the results; the exit status is 1 if one failed."""
    results = checks.run(ctx, app, process)
    failed = [row for row in results if row.result == "failed"]
    error = PaasError(f"{len(failed)} of {len(results)} checks failed", code="checks-failed") if failed else None
    return Judged(results, error)
