"""Build the virtual host of an app from its recorded state, and publish it to the proxy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress

from paas.core.edge.hosts import default_names as default_names
from paas.core.edge.hosts import is_host as is_host
from paas.core.edge.hosts import is_pattern
from paas.core.edge.redirects import Redirect
from paas.core.edge.vhost import Vhost, VhostState
from paas.core.errors import InvalidValue, PaasError
from paas.core.model import WEB, App, Endpoint
from paas.edge import dashboard, former_hosts, rules, tls
from paas.edge.new_hosts import NewHosts
from paas.edge.rules import Running
from paas.jobs.context import Context
from paas.jobs.locks import PublishLock
from paas.proxies.base import Switch
from paas.store.redirects import Redirects


def hosts(ctx: Context, app: App) -> tuple[str, ...]:
    """Return the app's own domains, then its default ones unless it gave them up; none while they are disabled.

    A default name that is a domain, redirect or name of another app belongs to that app.
    """
    return _hosts(ctx, app) if ctx.store.apps.domains_enabled(app) else ()


def _hosts(ctx: Context, app: App, own: Sequence[str] | None = None) -> tuple[str, ...]:
    default = free_hosts(ctx, app) if ctx.store.apps.default_domains(app) else []
    return tuple(dict.fromkeys([*(ctx.store.apps.domains(app) if own is None else own), *default]))


def free_hosts(ctx: Context, app: App) -> list[str]:
    """Return the app's default names that belong to no other app."""
    default = default_hosts(ctx, app)
    owners = ctx.store.apps.host_owners(default) if default else {}
    return [name for name in default if owners.get(name, app.id) == app.id]


def default_hosts(ctx: Context, app: App) -> list[str]:
    """Return the app's name below each global domain, or the name itself if it is a host name."""
    return default_names(app.name, ctx.store.apps.domains(None))


def all_hosts(ctx: Context, app: App) -> tuple[str, ...]:
    """Return the hosts that the app serves or redirects."""
    served, moved = routed(ctx, app)
    return tuple(dict.fromkeys([*served, *(redirect.source for redirect in moved)]))


def routed(
    ctx: Context, app: App, own: Sequence[str] | None = None
) -> tuple[tuple[str, ...], tuple[Redirect, ...]]:
    """Return the hosts that the app serves, and its redirects; neither while its domains are disabled.

    ``own`` replaces the recorded domains.
    """
    served, moved, _ = _divided(ctx, app, own)
    return served, moved


def _divided(
    ctx: Context, app: App, own: Sequence[str] | None
) -> tuple[tuple[str, ...], tuple[Redirect, ...], tuple[str, ...]]:
    """Return the hosts that the app serves, its redirects, and the hosts left unserved while domains are disabled."""
    answered, moved = _hosts(ctx, app, own), tuple(ctx.store.table(Redirects).of(app))
    if ctx.store.apps.domains_enabled(app):
        return answered, moved, ()
    return (), (), tuple(dict.fromkeys([*answered, *(redirect.source for redirect in moved)]))


def first_host(ctx: Context, app: App, own: Sequence[str] | None = None) -> str:
    """Return the host name that health checks and URLs use; ``localhost`` if the app has none."""
    return next(iter(_visited(ctx, app, own)), "localhost")


def scheme(ctx: Context, app_id: int, host: str) -> str:
    """Return ``https`` if requests for the host arrive over HTTPS, else ``http``."""
    if not tls.is_secure(tls.choose(ctx, app_id, host)):
        return "http"
    properties = ctx.store.properties.of(ctx.store.apps.by_id(app_id))
    return "https" if properties.value("nginx", "https-redirect") else "http"


def urls(ctx: Context, app: App) -> list[str]:
    """Return the URLs of the app, the main one first; https where it has a trusted certificate."""
    visited = _visited(ctx, app)
    secure = {host for host, one in tls.assigned(ctx, app, visited).items() if tls.is_secure(one)}
    plain, encrypted = (ctx.settings.value(key) for key in ("http-port", "https-port"))

    def url(host: str) -> str:
        if host in secure and encrypted:
            return f"https://{host}" + ("" if encrypted == 443 else f":{encrypted}")
        return f"http://{host}" + ("" if plain == 80 else f":{plain}")

    return [url(host) for host in visited]


def no_address(ctx: Context, app: App) -> list[str]:
    """Return a warning, in lines, for an app without a host because other apps have its names; else nothing."""
    if not ctx.store.apps.domains_enabled(app) or not ctx.store.apps.default_domains(app) or hosts(ctx, app):
        return []
    default = default_hosts(ctx, app)
    owners = ctx.store.apps.host_owners(default) if default else {}
    taken = [f"{host} belongs to {ctx.store.apps.by_id(number).name}" for host, number in owners.items()]
    if not taken:
        return []
    return [
        f"{app.name} is released, but has no address: {', '.join(taken)}.",
        f"Give it one: 'domains:add {app.name} DOMAIN'.",
    ]


def _visited(ctx: Context, app: App, own: Sequence[str] | None = None) -> list[str]:
    """Return the hosts a client can request: no patterns and no redirected hosts."""
    served, redirects = routed(ctx, app, own)
    moved = {redirect.source for redirect in redirects}
    return [host for host in served if not is_pattern(host) and host not in moved]


def vhost(
    ctx: Context,
    app: App,
    endpoints: Sequence[Endpoint],
    *,
    stopped: bool,
    running: Running | None = None,
    own: Sequence[str] | None = None,
) -> Vhost:
    """Return the app's virtual host with these endpoints. ``own`` replaces the recorded domains."""
    values = ctx.store.properties.of(app)
    upstreams = rules.upstreams(endpoints, WEB)
    live = bool(upstreams) and not stopped
    served, moved, unserved = _divided(ctx, app, own)
    return Vhost(
        app=app.name,
        key=str(app.id),
        hosts=served,
        tls=tls.of(ctx, app, values, served, moved),
        redirects=moved,
        upstreams=upstreams if live else (),
        grpc=any(one.process_type == WEB and one.protocol == "grpc" for one in endpoints),
        state=VhostState.LIVE if live else VhostState.STOPPED if app.version else VhostState.EMPTY,
        options=rules.options(values),
        edge=rules.of(ctx, app, values, endpoints, running or {}),
        unserved=unserved,
    )


def current(ctx: Context, app: App, running: Running | None = None) -> Vhost:
    """Return the app's virtual host as recorded now."""
    return vhost(ctx, app, ctx.store.apps.endpoints(app.id), stopped=app.stopped, running=running)


@contextmanager
def turn(ctx: Context, app: App) -> Iterator[set[int]]:
    """Hold the publish lock of the app, of apps it routes to, and of apps that route to it.

    Yield the ids of the apps that route to it.
    """
    while True:
        apps = rules.involved(app, rules.led(ctx))
        with ctx.part(PublishLock).of(*apps):
            # A route may have been added while this waited for the lock.
            led = rules.led(ctx)
            if rules.involved(app, led) <= apps:
                yield rules.dependents(app, led)
                return


def publish(
    ctx: Context,
    app: App,
    others: Collection[int],
    endpoints: Sequence[Endpoint],
    *,
    stopped: bool,
    own: Sequence[str] | None = None,
) -> Switch:
    """Publish the app with these endpoints, and the apps ``others`` that route to it, as `turn` yielded them.

    ``own`` replaces the recorded domains.
    """
    running = {app.id: endpoints}
    leading = [ctx.store.apps.by_id(number) for number in sorted(others)]
    return ctx.proxy.publish(
        vhost(ctx, app, endpoints, stopped=stopped, own=own), *(current(ctx, other, running) for other in leading)
    )


def follow(ctx: Context, app: App) -> None:
    """Publish the app again if its scheduler has moved its processes since they were recorded.

    A process type of which nothing runs keeps its recorded endpoints: it is coming up somewhere else.
    """
    with turn(ctx, app) as others:
        app = ctx.store.apps.by_id(app.id)
        recorded = ctx.store.apps.endpoints(app.id)
        found = ctx.schedulers.of(app).endpoints(app, ctx.store.apps.replicas(app))
        reached = {one.process_type for one in found}
        endpoints = [*found, *(one for one in recorded if one.process_type not in reached)]
        if set(endpoints) == set(recorded) or app.stopped:
            return
        publish(ctx, app, others, endpoints, stopped=False)
        ctx.store.apps.set_endpoints(app, endpoints)


def refresh(ctx: Context, app: App, *, moved: bool = False) -> Switch:
    """Publish the app as recorded now, after its domains or properties changed.

    ``moved``: the set of hosts may have changed, so publish the former hosts, too.
    """
    with turn(ctx, app):
        current_app = current(ctx, ctx.store.apps.by_id(app.id))
        switch = ctx.proxy.publish(current_app, *(former_hosts.served(ctx) if moved else ()))
    ctx.part(NewHosts).set()
    return switch


def publish_current(ctx: Context, app: App) -> Switch:
    """Publish the app as recorded now. The caller holds its `turn`."""
    return ctx.proxy.publish(current(ctx, ctx.store.apps.by_id(app.id)))


def refresh_all(ctx: Context) -> None:
    """Publish every app and the server's own hosts with one reload.

    An app that can't be served as recorded keeps its previous configuration; its error is raised at the end.
    """
    served: list[Vhost] = []
    refusals: dict[str, InvalidValue] = {}
    with ctx.part(PublishLock).of_all():
        own = dashboard.vhost(ctx)
        served += [own] if own else []
        served += former_hosts.served(ctx)
        for app in ctx.store.apps.all():
            try:
                served.append(current(ctx, app))
            except InvalidValue as error:
                refusals[str(app.id)] = error
        ctx.proxy.sync(served, rules.server_options(ctx), refusals.keys())
    ctx.part(NewHosts).set()
    for refusal in refusals.values():
        raise refusal


def or_undo(ctx: Context, app: App | None, undo: Callable[[], object], *, moved: bool = False) -> None:
    """Publish the recorded state of the app, or of all apps. If nginx refuses it, call ``undo`` and raise.

    With all apps, those that nginx accepted have the new state by then, so all are published again after ``undo``.
    """
    try:
        if app is not None:
            refresh(ctx, app, moved=moved)
        else:
            refresh_all(ctx)
    except Exception:
        undo()
        if app is None:
            with suppress(PaasError):
                refresh_all(ctx)
        raise


def refresh_dashboard(ctx: Context) -> None:
    """Publish the dashboard alone, after its certificate changed."""
    with ctx.part(PublishLock).of_all():
        own = dashboard.vhost(ctx)
        if own is not None:
            ctx.proxy.publish(own)


def refresh_former(ctx: Context) -> None:
    """Publish the former hosts alone, after a change that does not publish them."""
    ctx.proxy.publish(*former_hosts.served(ctx))
