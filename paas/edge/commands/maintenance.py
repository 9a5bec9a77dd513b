"""``maintenance:*``: the maintenance page."""

from __future__ import annotations

from typing import Annotated

from paas.commands import arguments as args
from paas.commands.declare import Arg, command
from paas.commands.render import Report, Reports
from paas.commands.report import EVERY, reports
from paas.core.access.caller import Access
from paas.core.edge import rules
from paas.core.edge.items import MAINTENANCE, maintenance
from paas.core.errors import UsageError
from paas.core.model import App
from paas.edge import changes
from paas.jobs.context import Context

Networks = Annotated[tuple[str, ...], Arg("NETWORK,…", lambda ctx, text: tuple(map(rules.network, text.split(","))))]


@command("maintenance:on", access=Access.DEPLOY)
def maintenance_on(
    ctx: Context, app: args.App, *, message: Annotated[str, Arg("TEXT")] = "", allow_ip: Networks = ()
) -> None:
    """Show a maintenance page with status 503 instead of the app, at once.

    --message is the heading of the page; --allow-ip lists networks, separated by commas, that still see the app.
    """
    changes.set_maintenance(ctx, app, message, allow_ip)
    ctx.out.step(f"{app.name} is in maintenance" + (f", except for {', '.join(allow_ip)}" if allow_ip else ""))


@command("maintenance:off", access=Access.DEPLOY)
def maintenance_off(ctx: Context, app: args.App) -> None:
    """Serve the app again."""
    if changes.end_maintenance(ctx, app):
        ctx.out.step(f"{app.name} is served again")
    else:
        ctx.out.detail(f"{app.name} is not in maintenance.")


@command("maintenance:report", access=Access.VIEW)
def maintenance_report(
    ctx: Context, app: args.Scope | str = EVERY, *, key: args.Selected = ""
) -> Report | Reports | str:
    """Show whether an app, or every app, is in maintenance."""

    def report(one: App | None) -> Report:
        if one is None:
            raise UsageError("maintenance is set per app", fix="Name an app instead of --global.")
        found = maintenance(ctx.store.edge.of(one, MAINTENANCE))
        facts = {
            "enabled": str(found is not None).lower(),
            "message": found.message if found else "",
            "allow-ip": ",".join(found.allow) if found else "",
        }
        return Report(one.name, "maintenance", facts)

    return reports(ctx, app, key, report)
