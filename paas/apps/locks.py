"""App locks: lock an app against changes, and refuse changes of a locked app."""

from __future__ import annotations

from paas.core.apps.lock import AppLock, refusal
from paas.core.errors import Disconnected
from paas.core.model import App
from paas.jobs.context import Context
from paas.store.locks import Locks

_POLL_SECONDS = 0.25


def lock(ctx: Context, app: App, reason: str, seconds: float | None) -> AppLock:
    """Lock the app, for ``seconds`` or until it is unlocked. Running and queued deployments continue.

    Replace the caller's own lock. Raise `Locked` if someone else holds one.
    """
    now = ctx.clock.now()
    made = AppLock(ctx.caller.name, reason, now, now + seconds if seconds is not None else None)
    # Of two simultaneous callers one gets it.
    with ctx.store.transaction():
        held = current(ctx, app)
        if held is not None and held.actor != ctx.caller.name:
            raise refusal(app.name, held)
        ctx.store.table(Locks).set(app, made)
    return made


def unlock(ctx: Context, app: App) -> AppLock | None:
    """Remove the lock and return it, or None."""
    held = current(ctx, app)
    ctx.store.table(Locks).clear(app)
    return held


def current(ctx: Context, app: App) -> AppLock | None:
    """Return the current lock, or None."""
    found = ctx.store.table(Locks).get(app)
    return found if found is not None and found.holds(ctx.clock.now()) else None


def enter(ctx: Context, app: App, wait: float = 0.0) -> None:
    """Return when the app is not locked. Raise `Locked` after ``wait`` seconds."""
    deadline = ctx.clock.monotonic() + wait
    told = False
    while (held := current(ctx, app)) is not None:
        if ctx.clock.monotonic() >= deadline:
            raise refusal(app.name, held)
        if not told:
            ctx.out.step(f"{app.name} is locked: {held.words()}; waiting at most {wait:g} s")
            told = True
        if ctx.clock.wait(ctx.gone, _POLL_SECONDS):
            raise Disconnected
