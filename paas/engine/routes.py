"""From what is wanted of an app to what the proxy serves."""

from __future__ import annotations

import math
from collections.abc import Sequence

from paas.core.model import WEB, App, Replica
from paas.core.vhost import ProxyOptions, Vhost, VhostState
from paas.engine.context import Context


def hosts(ctx: Context, app: App) -> tuple[str, ...]:
    """The host names that the app answers to: its own domains, then its name below each global domain.

    A name that another app has as a domain of its own is that app's alone.
    """
    owners = ctx.store.apps.domain_owners()
    default = [name for name in default_hosts(ctx, app) if owners.get(name, app.id) == app.id]
    return tuple(dict.fromkeys([*ctx.store.apps.domains(app), *default]))


def default_hosts(ctx: Context, app: App) -> list[str]:
    """The app's name below each global domain."""
    return [f"{app.name}.{domain}" for domain in ctx.store.apps.domains(None)]


def first_host(ctx: Context, app: App) -> str:
    """The host name that health checks and URLs use."""
    return next(iter(hosts(ctx, app)), "localhost")


def urls(ctx: Context, app: App) -> list[str]:
    """The URLs of the app, the main one first."""
    port = ctx.settings.value("http-port")
    suffix = "" if port == 80 else f":{port}"
    return [f"http://{host}{suffix}" for host in hosts(ctx, app) if not host.startswith("*")]


def vhost(ctx: Context, app: App, replicas: Sequence[Replica], *, stopped: bool) -> Vhost:
    """What the proxy serves for the app with these replicas."""
    properties = ctx.store.properties.of(app)

    def option(key: str) -> int:
        return math.ceil(float(properties.value("nginx", key)))

    ports = tuple(replica.port for replica in replicas if replica.process_type == WEB and replica.port is not None)
    live = bool(ports) and not stopped
    return Vhost(
        app=app.name,
        key=str(app.id),
        hosts=hosts(ctx, app),
        ports=ports if live else (),
        state=VhostState.LIVE if live else VhostState.STOPPED if app.version else VhostState.EMPTY,
        options=ProxyOptions(
            client_max_body_size=option("client-max-body-size"),
            proxy_buffering=bool(properties.value("nginx", "proxy-buffering")),
            proxy_connect_timeout=option("proxy-connect-timeout"),
            proxy_read_timeout=option("proxy-read-timeout"),
            proxy_send_timeout=option("proxy-send-timeout"),
        ),
    )


def current(ctx: Context, app: App) -> Vhost:
    """What the proxy should serve for the app now."""
    return vhost(ctx, app, ctx.store.apps.replicas(app), stopped=app.stopped)


def refresh(ctx: Context, app: App) -> None:
    """Publishes what should be served now, after domains or properties changed."""
    with ctx.routing.of(app.id):
        ctx.proxy.publish(current(ctx, ctx.store.apps.by_id(app.id)))


def refresh_all(ctx: Context) -> None:
    """The same for every app, with one reload."""
    with ctx.routing.of_all():
        ctx.proxy.sync([current(ctx, app) for app in ctx.store.apps.all()])
