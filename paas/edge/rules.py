"""Convert the edge settings of an app into values for the proxy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from paas.core.edge import items
from paas.core.edge.address import Address
from paas.core.edge.items import Texts, target
from paas.core.edge.proxy_options import ProxyOptions
from paas.core.edge.rules import Cache, Edge, Files, Forwarded, RateLimits, Route, Stream
from paas.core.edge.server_options import ServerOptions
from paas.core.edge.trusted_proxies import TrustedProxies
from paas.core.model import App, Endpoint
from paas.core.properties import Properties, find
from paas.edge import release_files
from paas.jobs.context import Context
from paas.store import Store

Running = Mapping[int, Sequence[Endpoint]]
"""Endpoints by the id of their app, which replace the recorded ones."""


def options(values: Properties) -> ProxyOptions:
    """Return the nginx directives of one app. Each field is a property of the same name."""
    found = {each.name: values.value("nginx", each.name.replace("_", "-")) for each in fields(ProxyOptions)}
    return ProxyOptions(**{key: _whole(value) for key, value in found.items()})


def server_options(ctx: Context) -> ServerOptions:
    """Return the options of the whole server."""
    values = ctx.store.properties.of(None)
    return ServerOptions(
        client_header_timeout=_whole(values.value("nginx", "client-header-timeout")),
        underscores_in_headers=values.value("nginx", "underscore-in-headers"),
        listen_ipv6=values.text("nginx", "bind-address-ipv6"),
        drain_seconds=drain_seconds(ctx.store),
        generations=values.value("nginx", "old-generations"),
        header_buffers=values.value("nginx", "large-client-header-buffers"),
        trusted=_trusted(values),
    )


def _trusted(values: Properties) -> TrustedProxies | None:
    networks = values.value("nginx", "trusted-proxies")
    if not networks:
        return None
    protocol = values.text("nginx", "trusted-proxies-protocol")
    return TrustedProxies(networks, protocol, values.value("nginx", "trusted-proxies-headers"))


def drain_seconds(store: Store) -> int:
    """Return the seconds that old nginx workers have to finish their connections.

    nginx has one limit for all apps, so it is the longest of theirs. Old containers are stopped by their app's own.
    """
    row = find("checks", "wait-to-retire")
    general = int(_whole(store.properties.of(None).value("nginx", "worker-shutdown-timeout")))
    given = store.properties.everywhere(row.namespace, row.key)
    return max(general, *(int(_whole(row.kind.read(row.name, text))) for text in [row.default, *given]))


def _whole(value: Any) -> Any:
    # nginx accepts only whole seconds in some places; rounded up, since 0 has another meaning.
    return math.ceil(value) if isinstance(value, float) else value


def of(ctx: Context, app: App, values: Properties, endpoints: Sequence[Endpoint], running: Running) -> Edge:
    """Return the edge settings of the app, with these properties and endpoints."""
    texts = ctx.store.edge.all(app)

    def part(kind: str) -> Texts:
        return texts.get(kind, {})

    return Edge(
        forwarded=Forwarded(
            values.text("nginx", "x-forwarded-for-value"),
            values.text("nginx", "x-forwarded-port-value"),
            values.text("nginx", "x-forwarded-proto-value"),
            values.text("nginx", "x-forwarded-ssl"),
        ),
        headers=items.headers(part(items.HEADER), secure=values.value("nginx", "security-headers")),
        rules=items.rules(part(items.ACCESS)),
        users=items.users(part(items.USER)),
        maintenance=items.maintenance(part(items.MAINTENANCE)),
        limits=RateLimits(
            values.value("limit", "rate"), values.value("limit", "burst"), values.value("limit", "connections")
        ),
        routes=tuple(
            _route(ctx, prefix, text, endpoints, running) for prefix, text in part(items.ROUTE).items()
        ),
        cache=Cache(
            values.value("nginx", "cache-paths") or (),
            _whole(values.value("nginx", "cache-for")),
            app.version or 0,
        ),
        files=release_files.served(ctx, app) if app.version else Files(),
        snippets=items.snippets(part(items.SNIPPET)),
        streams=tuple(
            Stream(one.protocol, one.address, one.port, upstreams(endpoints, one.process_type))
            for one in items.bindings(part(items.PORT))
        ),
        keepalive=values.value("nginx", "proxy-keepalive"),
        access_log=not values.text("nginx", "access-log-path"),
    )


def _route(ctx: Context, prefix: str, text: str, endpoints: Sequence[Endpoint], running: Running) -> Route:
    where = target(text)
    if where.app_id in running:
        endpoints = running[where.app_id]
    elif where.app_id:
        endpoints = ctx.store.apps.endpoints(where.app_id)
    return Route(prefix, upstreams(endpoints, where.process_type), where.strip)


def upstreams(endpoints: Sequence[Endpoint], process_type: str) -> tuple[Address, ...]:
    """Return the addresses of the process type."""
    return tuple(one.address for one in endpoints if one.process_type == process_type)


Led = Sequence[tuple[int, int]]
"""For each route the ids of the app that has it and of its target app; 0 for the same app."""


def led(ctx: Context) -> Led:
    """Return the routes of all apps."""
    routes = ctx.store.edge.everywhere(items.ROUTE)
    return [(owner, target(text).app_id) for owner, texts in routes.items() for text in texts.values()]


def dependents(app: App, all_routes: Led) -> set[int]:
    """Return the ids of the other apps that have routes to this one."""
    return {owner for owner, to in all_routes if to == app.id} - {app.id}


def involved(app: App, all_routes: Led) -> set[int]:
    """Return the ids of this app, of apps that have routes to it, and of apps it has routes to."""
    return {app.id, *(number for pair in all_routes if app.id in pair for number in pair if number)}
