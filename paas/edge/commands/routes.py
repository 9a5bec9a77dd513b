"""``routes:*``: paths of an app that another process answers."""

from __future__ import annotations

from typing import Annotated

from paas.commands import arguments as args
from paas.commands.declare import Arg, command
from paas.core.access.caller import Access
from paas.core.edge.items import ROUTE, RouteTarget, target
from paas.edge import changes
from paas.edge.commands.arguments import Prefix, some
from paas.jobs.context import Context


@command("routes:list", access=Access.VIEW)
def routes_list(ctx: Context, app: args.App) -> list[dict[str, str]]:
    """Show the paths that lead elsewhere than to web."""
    names = {other.id: other.name for other in ctx.store.apps.all()}
    found = [(prefix, target(text)) for prefix, text in ctx.store.edge.of(app, ROUTE).items()]
    return [
        {"prefix": prefix, "to": _title(names, to), "strip": str(to.strip).lower()} for prefix, to in found
    ]


def _title(names: dict[int, str], to: RouteTarget) -> str:
    return f"{names.get(to.app_id, 'gone')}:{to.process_type}" if to.app_id else to.process_type


@command("routes:add", access=Access.DEPLOY)
def routes_add(
    ctx: Context, app: args.App, prefix: Prefix, to: Annotated[str, Arg("[APP:]PROCESS")], *, strip: bool = False
) -> None:
    """Have everything below PREFIX answered by another process type, of this app or of another one.

    With --strip the target sees the path without the prefix, and the prefix as X-Forwarded-Prefix. A prefix that has a
    route already gets the new one.
    """
    changes.add_route(ctx, app, prefix, to, strip=strip)
    ctx.out.step(f"{app.name}{prefix} goes to {to}" + (", without the prefix" if strip else ""))


@command("routes:remove", access=Access.DEPLOY)
def routes_remove(ctx: Context, app: args.App, *prefixes: Prefix) -> None:
    """Have paths answered by web again."""
    changes.remove(ctx, app, ROUTE, some(prefixes, "routes:remove APP /api"), "route")
