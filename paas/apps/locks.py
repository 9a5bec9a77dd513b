"""Locking an app against changes, and refusing them while it is."""

from __future__ import annotations

from paas.core.apps.lock import AppLock, refusal
from paas.core.errors import Disconnected
from paas.core.model import App
from paas.jobs.context import Context
from paas.store.locks import Locks

_POLL_SECONDS = 0.25


def lock(ctx: Context, app: App, reason: str, seconds: float | None) -> AppLock:
    """Locks the app, for so many seconds or until it is unlocked. What is under way or queued goes on.

    Raises `Locked` if somebody else's lock holds; one's own is replaced.
    """
    now = ctx.clock.now()
    made = AppLock(ctx.caller.name, reason, now, now + seconds if seconds is not None else None)
    # Of two who come at once one has it.
    with ctx.store.transaction():
        held = current(ctx, app)
        if held is not None and held.actor != ctx.caller.name:
            raise refusal(app.name, held)
        ctx.store.table(Locks).set(app, made)
    return made


def unlock(ctx: Context, app: App) -> AppLock | None:
    """Removes the lock and returns it, None if none held."""
    held = current(ctx, app)
    ctx.store.table(Locks).clear(app)
    return held


def current(ctx: Context, app: App) -> AppLock | None:
    """The lock that holds now, or None."""
    found = ctx.store.table(Locks).get(app)
    return found if found is not None and found.holds(ctx.clock.now()) else None


def enter(ctx: Context, app: App, wait: float = 0.0) -> None:
    """Returns once the app is not locked; after ``wait`` seconds it raises `Locked`."""
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
