"""``headers:*``: headers added to every response of an app."""

from __future__ import annotations

from typing import Annotated

from paas.commands import arguments as args
from paas.commands.declare import Arg, command
from paas.core.access.caller import Access
from paas.core.edge import items
from paas.core.edge.items import HEADER
from paas.edge import changes
from paas.edge.commands.arguments import some
from paas.jobs.context import Context

Name = Annotated[str, Arg("HEADER")]


@command("headers:list", access=Access.VIEW)
def headers_list(ctx: Context, app: args.App) -> list[dict[str, str]]:
    """Show the headers added to responses of the app, including those of the property security-headers."""
    secure = bool(ctx.store.properties.of(app).value("nginx", "security-headers"))
    found = items.headers(ctx.store.edge.of(app, HEADER), secure=secure)
    return [{"header": header.name, "value": header.value} for header in found]


@command("headers:set", access=Access.DEPLOY)
def headers_set(ctx: Context, app: args.App, name: Name, value: Annotated[str, Arg("VALUE")]) -> None:
    """Add a header to every response of the app. It replaces the app's own header of that name."""
    changes.set_header(ctx, app, name, value)
    ctx.out.step(f"{app.name} answers with {name}: {value}")


@command("headers:unset", access=Access.DEPLOY)
def headers_unset(ctx: Context, app: args.App, *names: Name) -> None:
    """Stop adding these headers to responses."""
    changes.remove(ctx, app, HEADER, some(names, "headers:unset APP X-Robots-Tag"), "header")
