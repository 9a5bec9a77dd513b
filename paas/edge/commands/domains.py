"""``domains:*``: domains of apps, and global domains."""

from __future__ import annotations

from paas.commands import arguments as args
from paas.commands.declare import command
from paas.commands.render import Report, Reports
from paas.commands.report import EVERY, reports
from paas.core.access.caller import Access
from paas.core.edge.hosts import shown
from paas.core.errors import UsageError
from paas.core.model import App
from paas.edge import domains, publish
from paas.jobs.context import Context


def _some(name: str, values: tuple[str, ...]) -> tuple[str, ...]:
    if not values:
        example = "example.org" if name.endswith("-global") else "APP www.example.org"
        raise UsageError("missing argument: DOMAIN", fix=f"Example: {name} {example}")
    return values


def _switched(ctx: Context, app: App | None, every: bool, *, enabled: bool) -> list[App]:
    """Enable or disable the domains of the app, or of every app. Return these apps."""
    if every == (app is not None):
        raise UsageError(f"domains:{'enable' if enabled else 'disable'} takes either an app or --all")
    if app is not None:
        domains.enable(ctx, app, enabled=enabled)
        return [app]
    domains.enable_all(ctx, enabled=enabled)
    return ctx.store.apps.all()


def _hosts(ctx: Context, app: App) -> str:
    """Return the app's hosts as text; internationalized ones with their Unicode form."""
    found = [(host, shown(host)) for host in publish.hosts(ctx, app)]
    return " ".join(host if host == script else f"{host} ({script})" for host, script in found)


def _report(ctx: Context, app: App | None) -> Report:
    shared = " ".join(ctx.store.apps.domains(None))
    if app is None:
        return Report("Global", "domains", {"global-enabled": str(bool(shared)).lower(), "global-vhosts": shared})
    hosts = publish.hosts(ctx, app)
    facts = {
        "app-enabled": str(ctx.store.apps.domains_enabled(app)).lower(),
        "app-vhosts": " ".join(ctx.store.apps.domains(app)),
        "computed-vhosts": " ".join(hosts),
        "global-enabled": str(bool(shared)).lower(),
        "global-vhosts": shared,
    }
    scripts = [shown(host) for host in hosts]
    if scripts != list(hosts):
        facts["unicode-vhosts"] = " ".join(scripts)
    return Report(app.name, "domains", facts)


@command("domains:report", access=Access.VIEW)
def domains_report(
    ctx: Context, app: args.Scope | str = EVERY, *, key: args.Selected = ""
) -> Report | Reports | str:
    """Show the domains of an app, or of every app, or with --global the global ones."""
    return reports(ctx, app, key, lambda one: _report(ctx, one))


@command("domains:add", access=Access.DEPLOY)
def domains_add(ctx: Context, app: args.App, *values: args.Domain) -> None:
    """Add domains to an app. They are served at once.

    An app that gave up its default domains (its name below each global domain) gets them back once all are added.
    """
    domains.add(ctx, app, _some("domains:add", values))
    ctx.out.step(f"{app.name} answers to: {_hosts(ctx, app)}")


@command("domains:remove", access=Access.DEPLOY)
def domains_remove(ctx: Context, app: args.App, *values: args.Domain) -> None:
    """Remove domains from an app, including default ones."""
    domains.remove(ctx, app, _some("domains:remove", values))


@command("domains:set", access=Access.DEPLOY)
def domains_set(ctx: Context, app: args.App, *values: args.Domain) -> None:
    """Replace all domains of an app with these, including its default domains."""
    domains.replace(ctx, app, _some("domains:set", values))


@command("domains:clear", access=Access.DEPLOY)
def domains_clear(ctx: Context, app: args.App) -> None:
    """Remove all domains of an app, including the default ones: it is not served until it gets new ones."""
    domains.replace(ctx, app, ())


@command("domains:reset", access=Access.DEPLOY)
def domains_reset(ctx: Context, app: args.App) -> None:
    """Replace all domains of an app with its default domains: its name below each global domain."""
    domains.reset(ctx, app)


@command("domains:enable", access=Access.DEPLOY)
def domains_enable(ctx: Context, app: args.App | None = None, *, all: bool = False) -> None:
    """Serve an app, or with --all every app, at its domains again."""
    for one in _switched(ctx, app, all, enabled=True):
        ctx.out.step(f"{one.name} answers to: {_hosts(ctx, one)}")


@command("domains:disable", access=Access.DEPLOY)
def domains_disable(ctx: Context, app: args.App | None = None, *, all: bool = False) -> None:
    """Stop serving an app, or with --all every app, at its domains; they are kept for domains:enable."""
    for one in _switched(ctx, app, all, enabled=False):
        ctx.out.step(f"{one.name} answers to none of its domains")


@command("domains:add-global", access=Access.ADMIN)
def domains_add_global(ctx: Context, *values: args.Domain) -> None:
    """Add global domains: every app is served at its name below each of them."""
    domains.add(ctx, None, _some("domains:add-global", values))


@command("domains:remove-global", access=Access.ADMIN)
def domains_remove_global(ctx: Context, *values: args.Domain) -> None:
    """Remove global domains."""
    domains.remove(ctx, None, _some("domains:remove-global", values))


@command("domains:set-global", access=Access.ADMIN)
def domains_set_global(ctx: Context, *values: args.Domain) -> None:
    """Replace all global domains with these."""
    domains.replace(ctx, None, _some("domains:set-global", values))


@command("domains:clear-global", access=Access.ADMIN)
def domains_clear_global(ctx: Context) -> None:
    """Remove all global domains."""
    domains.replace(ctx, None, ())
