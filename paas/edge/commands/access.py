"""``access:*`` and ``auth:*``: access to an app by network and password."""

from __future__ import annotations

from paas.commands import arguments as args
from paas.commands.declare import Stdin, command
from paas.commands.invocation import Invocation
from paas.core.access.caller import Access
from paas.core.edge.items import ACCESS, USER
from paas.core.model import App
from paas.edge import changes
from paas.edge.commands.arguments import Network, User, some
from paas.jobs.context import Context


@command("access:list", access=Access.VIEW)
def access_list(ctx: Context, app: args.App) -> list[dict[str, str]]:
    """Show the networks that are allowed or denied. The first rule that matches a client applies."""
    return [{"network": name, "action": action} for name, action in ctx.store.edge.of(app, ACCESS).items()]


@command("access:allow", access=Access.DEPLOY)
def access_allow(ctx: Context, app: args.App, *networks: Network) -> None:
    """Allow clients from these networks. Once a network is allowed, clients that match no rule are denied."""
    changes.set_access(ctx, app, some(networks, "access:allow APP 192.0.2.0/24"), "allow")
    _tell(ctx, app)


@command("access:deny", access=Access.DEPLOY)
def access_deny(ctx: Context, app: args.App, *networks: Network) -> None:
    """Deny clients from these networks: they get a 403 page."""
    changes.set_access(ctx, app, some(networks, "access:deny APP 192.0.2.0/24"), "deny")
    _tell(ctx, app)


@command("access:remove", access=Access.DEPLOY)
def access_remove(ctx: Context, app: args.App, *networks: Network) -> None:
    """Remove the allow or deny rules for these networks."""
    changes.remove(ctx, app, ACCESS, some(networks, "access:remove APP 192.0.2.0/24"), "rule for")
    _tell(ctx, app)


def _tell(ctx: Context, app: App) -> None:
    rules = ctx.store.edge.of(app, ACCESS)
    shown = ", ".join(f"{action} {name}" for name, action in rules.items())
    ctx.out.step(f"{app.name}: {shown or 'all clients are allowed'}")


@command("auth:list", access=Access.VIEW)
def auth_list(ctx: Context, app: args.App) -> list[str]:
    """Show the users who have a password for the app. Without users, the app asks for no password."""
    return list(ctx.store.edge.of(app, USER))


@command("auth:add", access=Access.DEPLOY, stdin=Stdin.TEXT)
def auth_add(ctx: Context, app: args.App, user: User, *, invocation: Invocation) -> None:
    """Protect the app with a password: add USER with the password on standard input.

    Adding a user again changes the password. The app itself no longer receives the Authorization header.
    """
    changes.set_user(ctx, app, user, changes.read_password(args.read_input(invocation, 4096)))
    ctx.out.step(f"{app.name} is protected by a password; {user} has access")


@command("auth:remove", access=Access.DEPLOY)
def auth_remove(ctx: Context, app: args.App, *users: User) -> None:
    """Remove users. Once the last one is removed, the app asks for no password."""
    changes.remove(ctx, app, USER, some(users, "auth:remove APP ada"), "user")
    left = ctx.store.edge.of(app, USER)
    ctx.out.step(f"{app.name}: " + (", ".join(left) if left else "no longer protected by a password"))
