"""The domains of apps, and the global ones below which every app has its name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from paas.core.errors import AlreadyExists, InvalidValue, NotFound
from paas.core.hosts import CATCH_ALL, is_pattern
from paas.core.model import App
from paas.engine import dashboard, routes
from paas.engine.context import Context


def add(ctx: Context, app: App | None, domains: Sequence[str]) -> None:
    """Adds domains; those that are there already stay where they are. An app whose domains are disabled gets
    them back."""
    if app is not None and not ctx.store.apps.domains_enabled(app):
        enable(ctx, app, enabled=True)
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


def enable(ctx: Context, app: App, *, enabled: bool) -> None:
    """Has the app served at its domains, or at none."""
    before = ctx.store.apps.domains_enabled(app)
    if before == enabled:
        return
    ctx.store.apps.enable_domains(app, enabled)
    try:
        routes.refresh(ctx, app)
    except Exception:
        ctx.store.apps.enable_domains(app, before)
        raise


@contextmanager
def listed(ctx: Context, app: App, names: Sequence[str]) -> Iterator[None]:
    """Inside, the domains that paas.yml lists are the app's, in place of those that it listed before; on an error
    those of before are. What was added by command stays."""
    before, old = ctx.store.apps.domains(app), ctx.store.apps.domains_from_file(app)
    _list(ctx, app, names)
    try:
        yield
    except BaseException:
        if ctx.store.apps.exists(app):
            _list(ctx, app, old, at=before)
        raise


def _list(ctx: Context, app: App, names: Sequence[str], at: Sequence[str] = ()) -> None:
    """Makes these the listed ones. Others may be added by command at the same time; ``at`` says where each stood."""
    with ctx.store.transaction():
        there, old = ctx.store.apps.domains(app), ctx.store.apps.domains_from_file(app)
        by_command = [name for name in there if name not in old]
        kept = [name for name in there if name in by_command or name in names]
        wanted = list(dict.fromkeys([*kept, *names]))
        wanted.sort(key=lambda name: at.index(name) if name in at else len(at))
        if wanted != there or list(names) != old:
            ctx.store.apps.set_domains(app, wanted, [name for name in names if name not in by_command])


def _change(ctx: Context, app: App | None, domains: list[str]) -> None:
    before = ctx.store.apps.domains(app)
    if domains == before:
        return
    if app is None:
        _check_global(domains)
    else:
        check_free(ctx, app, [domain for domain in domains if domain not in before])
    others = _default_hosts_of_others(ctx, app) if app else {}
    from_file = ctx.store.apps.domains_from_file(app) if app else ()
    ctx.store.apps.set_domains(app, domains)
    try:
        # A domain that is given up may be the default name of another app.
        if app and not set(before) & others.keys():
            routes.refresh(ctx, app)
        else:
            routes.refresh_all(ctx)
    except Exception:
        # The proxy did not take them: what is recorded is what is served.
        ctx.store.apps.set_domains(app, before, from_file)
        raise


def move_dashboard(ctx: Context, host: str) -> None:
    """Serves the dashboard at the host, by default for an empty one, or nowhere for ``none``; refuses an app's."""
    before = ctx.settings.current().file.get(dashboard.SETTING, "")
    ctx.settings.set(dashboard.SETTING, host)
    try:
        _check_owners(ctx, None, dashboard.hosts(ctx))
        routes.refresh_all(ctx)
    except Exception:
        ctx.settings.set(dashboard.SETTING, before)
        raise


def _check_global(domains: Collection[str]) -> None:
    for domain in domains:
        if is_pattern(domain):
            raise InvalidValue(
                f"{domain} can't be a global domain",
                why="Every app is served at its name below each global domain.",
                fix=f"Leave out {domain[:2]!r}" if domain != CATCH_ALL else "Add it to one app.",
            )


def check_free(ctx: Context, app: App | None, names: Sequence[str]) -> None:
    """Refuses a host that another app has as a domain, redirects, or has by its name, and that of the dashboard."""
    dashboard.check_free(ctx, names)
    _check_owners(ctx, app, names)


def _check_owners(ctx: Context, app: App | None, names: Sequence[str]) -> None:
    default = _default_hosts_of_others(ctx, app)
    given, moved = ctx.store.apps.domain_owners(), ctx.store.redirects.owners()
    for name in names:
        for owners, verb, why in ((given, "domains", ""), (moved, "redirect", "It redirects it.")):
            owner = owners.get(name)
            if owner is not None and (app is None or owner != app.id):
                other = ctx.store.apps.by_id(owner).name
                raise _taken(name, other, why, f"Run '{verb}:remove {other} {name}' first.")
        if name in default:
            raise _taken(name, default[name], "Every app is served at its name below each global domain.")


def _taken(name: str, owner: str, why: str = "", fix: str = "") -> AlreadyExists:
    return AlreadyExists(f"the domain {name} belongs to the app {owner!r}", why=why, fix=fix, code="domain-taken")


def _default_hosts_of_others(ctx: Context, app: App | None) -> dict[str, str]:
    """For a change of one app's domains: the names of other apps by the hosts that they have without own domains."""
    others = [other for other in ctx.store.apps.all() if app is None or other.id != app.id]
    shared = ctx.store.apps.domains(None)
    return {host: other.name for other in others for host in routes.default_names(other.name, shared)}
