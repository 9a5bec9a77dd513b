"""``access:*`` and ``auth:*``: who may enter an app."""

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
    """Show the networks that are allowed or denied. The first that fits a client counts."""
    return [{"network": name, "action": action} for name, action in ctx.store.edge.of(app, ACCESS).items()]


@command("access:allow", access=Access.DEPLOY)
def access_allow(ctx: Context, app: args.App, *networks: Network) -> None:
    """Let clients of these networks in. Once one is allowed, all that no rule speaks of are kept out."""
    changes.set_access(ctx, app, some(networks, "access:allow APP 192.0.2.0/24"), "allow")
    _tell(ctx, app)


@command("access:deny", access=Access.DEPLOY)
def access_deny(ctx: Context, app: args.App, *networks: Network) -> None:
    """Keep clients of these networks out: they get a 403 page."""
    changes.set_access(ctx, app, some(networks, "access:deny APP 192.0.2.0/24"), "deny")
    _tell(ctx, app)


@command("access:remove", access=Access.DEPLOY)
def access_remove(ctx: Context, app: args.App, *networks: Network) -> None:
    """Remove rules, whether they allow or deny."""
    changes.remove(ctx, app, ACCESS, some(networks, "access:remove APP 192.0.2.0/24"), "rule for")
    _tell(ctx, app)


def _tell(ctx: Context, app: App) -> None:
    rules = ctx.store.edge.of(app, ACCESS)
    ctx.out.step(f"{app.name}: " + (", ".join(f"{action} {name}" for name, action in rules.items()) or "all may enter"))


@command("auth:list", access=Access.VIEW)
def auth_list(ctx: Context, app: args.App) -> list[str]:
    """Show who has a password for the app. Without anybody, no password is asked for."""
    return list(ctx.store.edge.of(app, USER))


@command("auth:add", access=Access.DEPLOY, stdin=Stdin.TEXT)
def auth_add(ctx: Context, app: args.App, user: User, *, invocation: Invocation) -> None:
    """Ask for a password at the app, and let USER in with the one on standard input.

    Adding a user again changes the password. The app itself sees no Authorization header then.
    """
    changes.set_user(ctx, app, user, changes.read_password(args.read_input(invocation, 4096)))
    ctx.out.step(f"{user} may enter {app.name} with a password")


@command("auth:remove", access=Access.DEPLOY)
def auth_remove(ctx: Context, app: args.App, *users: User) -> None:
    """Take passwords away; with the last one, everybody may enter."""
    changes.remove(ctx, app, USER, some(users, "auth:remove APP ada"), "user")
    left = ctx.store.edge.of(app, USER)
    ctx.out.step(f"{app.name}: " + (", ".join(left) if left else "no password is asked for any more"))
