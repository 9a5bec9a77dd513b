"""``nginx:*`` except its properties: configuration and logs of nginx."""

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
    """Show the live nginx configuration of an app, or with --global that of the server.

    Only administrators see the text of snippets.
    """
    whole = ctx.caller.access >= Access.ADMIN
    return ctx.proxy.config(str(app.id) if app else None, snippets=whole).rstrip("\n")


@command("nginx:validate-config", access=Access.VIEW)
def nginx_validate_config(ctx: Context, app: args.App | None = None) -> Exit:
    """Test the nginx configuration. The exit status is that of 'nginx -t'.

    nginx tests the files of all apps together, whichever app is named.
    """
    status, words = ctx.proxy.validate()
    for line in words.splitlines():
        ctx.out.warning(line)
    ctx.out.step("the nginx configuration is valid" if status == 0 else "the nginx configuration is invalid")
    return Exit(status)


@command("nginx:access-logs", access=Access.VIEW)
def nginx_access_logs(ctx: Context, app: args.App, *, tail: Tail = False, num: args.Lines = 100) -> None:
    """Show the last requests to an app, in the format of the property access-log-format.

    -t continues with new requests until Ctrl-C; -n sets the number of lines (100).
    """
    logs.requests(ctx, app, num, follow=tail)


@command("nginx:error-logs", access=Access.VIEW)
def nginx_error_logs(ctx: Context, app: args.App, *, tail: Tail = False, num: args.Lines = 100) -> None:
    """Show the errors that nginx logged for an app.

    -t continues with new lines until Ctrl-C; -n sets the number of lines (100).
    """
    logs.errors(ctx, app, num, follow=tail)
