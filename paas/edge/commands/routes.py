"""``routes:*``: paths of an app served by another process type."""

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
    """Show the paths that are not served by web."""
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
    """Route requests below PREFIX to another process type, of this app or of another one.

    With --strip the target gets the path without the prefix, and the prefix as X-Forwarded-Prefix. An existing route
    of the prefix is replaced.
    """
    changes.add_route(ctx, app, prefix, to, strip=strip)
    ctx.out.step(f"{app.name}{prefix} goes to {to}" + (", without the prefix" if strip else ""))


@command("routes:remove", access=Access.DEPLOY)
def routes_remove(ctx: Context, app: args.App, *prefixes: Prefix) -> None:
    """Remove routes: web serves these paths again."""
    changes.remove(ctx, app, ROUTE, some(prefixes, "routes:remove APP /api"), "route")
