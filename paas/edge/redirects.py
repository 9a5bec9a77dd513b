"""Redirects of hosts. They take effect at once."""

from __future__ import annotations

from paas.core.edge import redirects
from paas.core.edge.redirects import Redirect
from paas.core.errors import NotFound
from paas.core.model import App
from paas.edge import domains, publish
from paas.jobs.context import Context
from paas.store.redirects import Redirects


def add(ctx: Context, app: App, redirect: Redirect) -> None:
    """Redirect requests for the source instead of serving it. Raise `AlreadyExists` for a host of another app."""
    with ctx.store.transaction():
        domains.check_free(ctx, app, [redirect.source])
        before = ctx.store.table(Redirects).of(app)
        others = [other for other in before if other.source != redirect.source]
        redirects.check(redirect, others, ctx.store.table(Redirects).all(), domains.everywhere(ctx))
        ctx.store.table(Redirects).put(app, redirect)
    _refresh(ctx, app, redirect.source, before)


def remove(ctx: Context, app: App, source: str) -> None:
    """Remove the redirect. Raise `NotFound`, which lists the existing ones."""
    with ctx.store.transaction():
        before = ctx.store.table(Redirects).of(app)
        if not ctx.store.table(Redirects).remove(app, source):
            raise NotFound(
                f"{app.name} does not redirect {source}",
                why="It redirects: " + (", ".join(redirect.source for redirect in before) or "nothing"),
                code="no-such-redirect",
            )
    _refresh(ctx, app, source, before)


def _refresh(ctx: Context, app: App, source: str, before: list[Redirect]) -> None:
    def undo() -> None:
        with ctx.store.transaction():
            ctx.store.table(Redirects).remove(app, source)
            for redirect in before:
                if redirect.source == source:
                    ctx.store.table(Redirects).put(app, redirect)

    publish.or_undo(ctx, app, undo, moved=True)
