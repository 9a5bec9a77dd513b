"""Domains of apps, and global domains: every app is served at its name below each global domain."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from paas.core.edge import redirects
from paas.core.edge.hosts import CATCH_ALL, is_pattern
from paas.core.edge.items import undone
from paas.core.errors import AlreadyExists, InvalidValue, NotFound, PaasError
from paas.core.model import App
from paas.edge import dashboard, publish
from paas.jobs.context import Context
from paas.store.redirects import Redirects


@dataclass(frozen=True)
class Own:
    """The domains of an app, or the global ones. With ``default``, the app is served at its default names, too."""

    names: tuple[str, ...] = ()
    default: bool = True


def add(ctx: Context, app: App | None, domains: Sequence[str]) -> None:
    """Add domains; existing ones keep their place. Enable the app's domains if they were disabled.

    An app without default names gets them back when all of them are added.
    """
    if app is not None and not ctx.store.apps.domains_enabled(app):
        enable(ctx, app, enabled=True)

    def added(present: Own) -> Own:
        default = publish.default_hosts(ctx, app) if app and not present.default else []
        whole = bool(default) and set(default) <= {*present.names, *domains}
        if app and whole:
            check_free(ctx, app, default)
        new = [domain for domain in domains if not (whole and domain in default)]
        return Own(tuple(dict.fromkeys([*present.names, *new])), present.default or whole)

    _change(ctx, app, added)


def remove(ctx: Context, app: App | None, domains: Sequence[str]) -> None:
    """Remove domains, also default names. If one of them does not exist, raise `NotFound` and remove none."""

    def without(present: Own) -> Own:
        default = publish.free_hosts(ctx, app) if app and present.default else []
        there = [*dict.fromkeys([*present.names, *default])]
        for domain in domains:
            if domain not in there:
                raise NotFound(
                    f"{app.name if app else 'the server'} has no domain {domain}",
                    why="It has: " + (", ".join(there) or "none"),
                    code="no-such-domain",
                )
        if set(default) & set(domains):
            # The other default names stay, as domains of the app.
            return Own(tuple(name for name in there if name not in domains), default=False)
        return Own(tuple(name for name in present.names if name not in domains), present.default)

    _change(ctx, app, without)


def replace(ctx: Context, app: App | None, domains: Sequence[str]) -> None:
    """Replace all domains with these. An app loses its default names."""
    _change(ctx, app, lambda present: Own(tuple(dict.fromkeys(domains)), default=app is None))


def reset(ctx: Context, app: App) -> None:
    """Replace all domains of the app with its default names."""
    enable(ctx, app, enabled=True)
    _change(ctx, app, lambda present: Own())


def enable(ctx: Context, app: App, *, enabled: bool) -> None:
    """Serve the app at its domains, or at none."""
    before = ctx.store.apps.domains_enabled(app)
    if before == enabled:
        return
    ctx.store.apps.enable_domains(app, enabled)
    publish.or_undo(ctx, app, lambda: ctx.store.apps.enable_domains(app, before))


def enable_all(ctx: Context, *, enabled: bool) -> None:
    """Enable or disable the domains of every app, with one reload of nginx."""
    with ctx.store.transaction():
        changed = [app for app in ctx.store.apps.all() if ctx.store.apps.domains_enabled(app) != enabled]
        for app in changed:
            ctx.store.apps.enable_domains(app, enabled)

    def undo() -> None:
        for app in changed:
            ctx.store.apps.enable_domains(app, not enabled)

    publish.or_undo(ctx, None, undo)


def with_listed(ctx: Context, app: App, names: Sequence[str] | None) -> list[str]:
    """Return the app's domains if its paas.yml listed ``names`` in place of those it lists now.

    With None the list stays. Domains added by command are kept.
    """
    there, old = ctx.store.apps.domains(app), ctx.store.apps.domains_from_file(app)
    names = old if names is None else names
    kept = [name for name in there if name not in old or name in names]
    return list(dict.fromkeys([*kept, *names]))


def record_listed(ctx: Context, app: App, names: Sequence[str]) -> None:
    """Record the domains that paas.yml lists. Domains added by command in the meantime are kept."""
    with ctx.store.transaction():
        there, old = ctx.store.apps.domains(app), ctx.store.apps.domains_from_file(app)
        by_command = [name for name in there if name not in old]
        wanted = with_listed(ctx, app, names)
        if wanted != there or list(names) != old:
            ctx.store.apps.set_domains(app, wanted, [name for name in names if name not in by_command])


def _change(ctx: Context, app: App | None, edit: Callable[[Own], Own]) -> None:
    """Record what ``edit`` returns and publish it. Undo it if the proxy refuses it; concurrent changes stay."""
    with ctx.store.transaction():
        before, listed = _own(ctx, app), ctx.store.apps.domains_from_file(app) if app else []
        after = edit(before)
        if after == before:
            return
        others = _default_hosts_of_others(ctx, app) if app else {}
        if app is None:
            _check_global(after.names)
        else:
            check_free(ctx, app, [name for name in after.names if name not in before.names])
        # A domain that is given up may be the default name of another app.
        given_up = {*before.names, *(() if after.default or app is None else publish.default_hosts(ctx, app))}
        _record(ctx, app, after)
        redirects.check_gone(given_up - everywhere(ctx), ctx.store.table(Redirects).all() if app else ())
    alone = app if app and not given_up & others.keys() else None
    publish.or_undo(ctx, alone, lambda: _take_back(ctx, app, before, after, listed), moved=True)


def move_dashboard(ctx: Context, host: str) -> None:
    """Serve the dashboard at the host: empty for the default host, ``none`` to turn it off.

    Raise `AlreadyExists` if the host belongs to an app.
    """
    before = ctx.settings.current().file.get(dashboard.SETTING, "")
    ctx.settings.set(dashboard.SETTING, host)
    try:
        _check_owners(ctx, None, dashboard.hosts(ctx))
    except PaasError:
        ctx.settings.set(dashboard.SETTING, before)
        raise
    publish.or_undo(ctx, None, lambda: ctx.settings.set(dashboard.SETTING, before))


def _own(ctx: Context, app: App | None) -> Own:
    return Own(tuple(ctx.store.apps.domains(app)), ctx.store.apps.default_domains(app) if app else True)


def _record(ctx: Context, app: App | None, wanted: Own, listed: Collection[str] | None = None) -> None:
    ctx.store.apps.set_domains(app, wanted.names, listed)
    if app:
        ctx.store.apps.set_default_domains(app, wanted.default)


def _take_back(ctx: Context, app: App | None, before: Own, after: Own, listed: Collection[str]) -> None:
    with ctx.store.transaction():
        now = _own(ctx, app)
        texts = [dict.fromkeys(own.names, "") for own in (now, before, after)]
        owners = ctx.store.apps.domain_owners() if app else {}
        names = tuple(name for name in undone(*texts) if app is None or owners.get(name, app.id) == app.id)
        default = before.default if now.default == after.default else now.default
        still = ctx.store.apps.domains_from_file(app) if app else []
        _record(ctx, app, Own(names, default), {*still, *listed})


def _check_global(domains: Collection[str]) -> None:
    for domain in domains:
        if is_pattern(domain):
            raise InvalidValue(
                f"{domain} can't be a global domain",
                why="Every app is served at its name below each global domain.",
                fix=f"Leave out {domain[:2]!r}" if domain != CATCH_ALL else "Add it to one app.",
            )


def check_free(ctx: Context, app: App | None, names: Sequence[str]) -> None:
    """Raise `AlreadyExists` if a name is the dashboard's, or a domain, redirect or default name of another app."""
    dashboard.check_free(ctx, names)
    _check_owners(ctx, app, names)


def _check_owners(ctx: Context, app: App | None, names: Sequence[str]) -> None:
    default = _default_hosts_of_others(ctx, app)
    given, moved = ctx.store.apps.domain_owners(), ctx.store.table(Redirects).owners()
    for name in names:
        for owners, verb, why in ((given, "domains", ""), (moved, "redirect", "The app redirects it.")):
            owner = owners.get(name)
            if owner is not None and (app is None or owner != app.id):
                other = ctx.store.apps.by_id(owner).name
                raise _taken(name, other, why, f"Run '{verb}:remove {other} {name}' first.")
        if name in default:
            raise _taken(name, default[name], "Every app is served at its name below each global domain.")


def _taken(name: str, owner: str, why: str = "", fix: str = "") -> AlreadyExists:
    return AlreadyExists(f"the domain {name} belongs to the app {owner!r}", why=why, fix=fix, code="domain-taken")


def everywhere(ctx: Context) -> set[str]:
    """Return the hosts and patterns of all apps: domains and default names."""
    return {*ctx.store.apps.domain_owners(), *_default_hosts_of_others(ctx, None)}


def _default_hosts_of_others(ctx: Context, app: App | None) -> dict[str, str]:
    """Return the default hosts of all apps but this one, each with the name of its app."""
    without = ctx.store.apps.without_default_domains() | ({app.id} if app else set())
    others = [other for other in ctx.store.apps.all() if other.id not in without]
    shared = ctx.store.apps.domains(None)
    return {host: other.name for other in others for host in publish.default_names(other.name, shared)}
