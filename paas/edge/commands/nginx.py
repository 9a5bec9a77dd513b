"""``nginx:*``, apart from its properties: what the edge has, and what it saw."""

from __future__ import annotations

from typing import Annotated

from paas.commands import arguments as args
from paas.commands.declare import Arg, command
from paas.commands.render import Exit
from paas.core.access.caller import Access
from paas.edge import logs
from paas.jobs.context import Context

Tail = Annotated[bool, Arg("", short="t")]


@command("nginx:show-config", access=Access.VIEW)
def nginx_show_config(ctx: Context, app: args.Scope) -> str:
    """Show the nginx configuration of an app as it is live, or with --global that of the server.

    The text of snippets is for administrators.
    """
    whole = ctx.caller.access >= Access.ADMIN
    return ctx.proxy.config(str(app.id) if app else None, snippets=whole).rstrip("\n")


@command("nginx:validate-config", access=Access.VIEW)
def nginx_validate_config(ctx: Context, app: args.App | None = None) -> Exit:
    """Have nginx read all of its configuration, and end with the status of 'nginx -t'.

    The files of all apps are read together, whichever app is named.
    """
    status, words = ctx.proxy.validate()
    for line in words.splitlines():
        ctx.out.warning(line)
    ctx.out.step("nginx takes its configuration" if status == 0 else "nginx refuses its configuration")
    return Exit(status)


@command("nginx:access-logs", access=Access.VIEW)
def nginx_access_logs(ctx: Context, app: args.App, *, tail: Tail = False, num: args.Lines = 100) -> None:
    """Show the last requests to an app, in the format of the property access-log-format.

    -t goes on as requests come, until Ctrl-C; -n sets how many (100).
    """
    logs.requests(ctx, app, num, follow=tail)


@command("nginx:error-logs", access=Access.VIEW)
def nginx_error_logs(ctx: Context, app: args.App, *, tail: Tail = False, num: args.Lines = 100) -> None:
    """Show what nginx complained of when it served an app.

    -t goes on as lines come, until Ctrl-C; -n sets how many (100).
    """
    logs.errors(ctx, app, num, follow=tail)
