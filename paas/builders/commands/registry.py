"""``registry:*``: credentials of image registries. What is pushed where are properties."""

from __future__ import annotations

from typing import Annotated

from paas.builders import registries
from paas.commands import arguments as args
from paas.commands.declare import Arg, Stdin, command
from paas.commands.invocation import Invocation
from paas.core.access.caller import Access
from paas.core.access.remote_credentials import Login
from paas.core.containers import image_name
from paas.core.errors import UsageError
from paas.core.secret import Secret
from paas.jobs.context import Context

ServerName = Annotated[str, Arg("SERVER", lambda ctx, text: image_name.server(text))]


@command("registry:login", access=Access.DEPLOY, stdin=Stdin.TEXT)
def registry_login(
    ctx: Context,
    app: args.ScopeBeforeHost,
    server: ServerName,
    user: Annotated[str, Arg("USER")],
    password: Annotated[str, Arg("PASSWORD")] = "",
    *,
    password_stdin: bool = False,
    invocation: Invocation,
) -> None:
    """Keep the credentials for a registry, for one app or with --global for all, once the registry has taken them.

    Without an app, "registry:login SERVER USER", they are for all, too.

    Without PASSWORD, or with --password-stdin, it is read from standard input. It is encrypted at rest. Builds, pulls
    and pushes of the app use it.
    """
    if password and password_stdin:
        raise UsageError("registry:login takes a password or --password-stdin, not both")
    registries.keep(ctx, app, server, Login(user, Secret(password or args.read_password(invocation))))
    ctx.out.step(f"Saved the credentials of {user} for {server}")


@command("registry:logout", access=Access.DEPLOY)
def registry_logout(ctx: Context, app: args.ScopeBeforeHost, server: ServerName) -> None:
    """Forget the credentials for a registry, of one app or those for all."""
    registries.forget(ctx, app, server)
    ctx.out.step(f"Removed the credentials for {server}")
