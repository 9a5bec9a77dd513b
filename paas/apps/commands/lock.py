"""``apps:lock`` and its like: keeping an app from being changed."""

from __future__ import annotations

from typing import Annotated

from paas.apps import locks
from paas.commands import arguments as args
from paas.commands.declare import Arg, command
from paas.commands.render import Exit
from paas.core.access.caller import Access
from paas.jobs.context import Context


@command("apps:lock", access=Access.DEPLOY, unlocked=True)
def apps_lock(
    ctx: Context,
    app: args.App,
    *,
    reason: Annotated[str, Arg("TEXT")] = "",
    for_: args.LockTime | None = None,
) -> None:
    """Lock an app: pushes and other changes are refused, with the reason, until it is unlocked.

    --for limits the time, such as 2h. Running and queued deployments continue.
    """
    lock = locks.lock(ctx, app, reason, for_)
    ctx.out.step(f"Locked {app.name}: {lock.words()}")


@command("apps:unlock", access=Access.DEPLOY, unlocked=True)
def apps_unlock(ctx: Context, app: args.App) -> None:
    """Unlock an app, also one that another user locked."""
    lock = locks.unlock(ctx, app)
    ctx.out.step(f"Unlocked {app.name}" if lock else f"{app.name} was not locked")


@command("apps:locked", access=Access.VIEW)
def apps_locked(ctx: Context, app: args.App) -> Exit:
    """Tell by the exit status whether an app is locked, 0 if it is, 1 if not, and print why."""
    lock = locks.current(ctx, app)
    if lock is not None:
        ctx.out.result(lock.words() + "\n")
    return Exit(0 if lock is not None else 1)
