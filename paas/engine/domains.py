"""The domains of apps, and the global ones below which every app has its name."""

from __future__ import annotations

from collections.abc import Sequence

from paas.core.errors import AlreadyExists, NotFound
from paas.core.model import App
from paas.engine import routes
from paas.engine.context import Context


def add(ctx: Context, app: App | None, domains: Sequence[str]) -> None:
    """Adds domains; those that are there already stay where they are."""
    _change(ctx, app, list(dict.fromkeys([*ctx.store.apps.domains(app), *domains])))


def remove(ctx: Context, app: App | None, domains: Sequence[str]) -> None:
    """Removes domains; refuses one that is not there, and then removes none."""
    present = ctx.store.apps.domains(app)
    for domain in domains:
        if domain not in present:
            raise NotFound(
                f"{app.name if app else 'the server'} has no domain {domain}",
                why="It has: " + (", ".join(present) or "none"),
                code="no-such-domain",
            )
    _change(ctx, app, [domain for domain in present if domain not in domains])


def replace(ctx: Context, app: App | None, domains: Sequence[str]) -> None:
    """Makes these, and no others, the domains."""
    _change(ctx, app, list(dict.fromkeys(domains)))


def _change(ctx: Context, app: App | None, domains: list[str]) -> None:
    before = ctx.store.apps.domains(app)
    if domains == before:
        return
    others = _default_hosts_of_others(ctx, app)
    for domain in domains:
        if domain in others and domain not in before:
            raise AlreadyExists(
                f"the domain {domain} belongs to the app {others[domain]!r}",
                why="Every app is served at its name below each global domain.",
                code="domain-taken",
            )
    ctx.store.apps.set_domains(app, domains)
    try:
        # A domain that is given up may be the default name of another app.
        if app and not set(before) & others.keys():
            routes.refresh(ctx, app)
        else:
            routes.refresh_all(ctx)
    except Exception:
        # The proxy did not take them: what is recorded is what is served.
        ctx.store.apps.set_domains(app, before)
        raise


def _default_hosts_of_others(ctx: Context, app: App | None) -> dict[str, str]:
    """For a change of one app's domains: the names of other apps by the hosts that they have below global domains."""
    others = [other for other in ctx.store.apps.all() if app and other.id != app.id]
    domains = ctx.store.apps.domains(None)
    return {f"{other.name}.{domain}": other.name for other in others for domain in domains}
