"""The host of the dashboard and the HTTP API. No app can take it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from paas.core.edge.hosts import default_names, host_name
from paas.core.edge.proxy_options import MIB, ProxyOptions
from paas.core.edge.vhost import Vhost
from paas.core.errors import AlreadyExists
from paas.edge import tls
from paas.jobs.context import Context
from paas.store.redirects import Redirects

KEY = "dashboard"
SETTING = "dashboard-domain"
NAME = "paas_dashboard"
"""Takes the place of an app's name at the edge and in its log. It is no valid name for an app."""
NONE = "none"
LABEL = "paas"
LONGEST_CALL_SECONDS = 3600
# The web process has few threads, so nginx buffers for slow clients; a live stream turns buffering off in its response.
# The limit on the body is higher than the web's own, so that the web reports a body that is slightly too long.
# A command may take as long as a build.
OPTIONS = ProxyOptions(
    client_max_body_size=4 * MIB,
    proxy_request_buffering=True,
    proxy_buffering=True,
    proxy_read_timeout=LONGEST_CALL_SECONDS,
)

_log = logging.getLogger(__name__)


def wanted(ctx: Context) -> bool:
    """Return True unless the setting turns the dashboard and the API off."""
    return bool(ctx.settings.value(SETTING) != NONE)


def hosts(ctx: Context) -> list[str]:
    """Return the host of the dashboard; empty if it is turned off or has none."""
    if not wanted(ctx):
        return []
    chosen = ctx.settings.value(SETTING)
    shared = ctx.store.apps.domains(None)
    return [host_name(chosen)] if chosen else [f"{LABEL}.{domain}" for domain in shared[:1]]


def vhost(ctx: Context) -> Vhost | None:
    """Return the dashboard's virtual host; None if it has no host, or an app took the host earlier."""
    found = hosts(ctx)
    if not found:
        return None
    taken = set(found) & _hosts_of_apps(ctx)
    if taken:
        _log.error("The dashboard is not served: its host %s belongs to an app.", taken.pop())
        return None
    values = ctx.store.properties.of(None)
    secured = tls.of(ctx, None, values, found, ())
    socket = str(ctx.paths.web_socket)
    return Vhost(app=NAME, key=KEY, hosts=tuple(found), options=OPTIONS, tls=secured, socket=socket)


def _hosts_of_apps(ctx: Context) -> set[str]:
    shared = ctx.store.apps.domains(None)
    default = {host for app in ctx.store.apps.all() for host in default_names(app.name, shared)}
    return default | ctx.store.apps.domain_owners().keys() | ctx.store.table(Redirects).owners().keys()


def url(ctx: Context) -> str:
    """Return the URL of the dashboard, https if it has a trusted certificate; empty if it has no host."""
    for host in hosts(ctx):
        secure = tls.is_secure(tls.assigned(ctx, None, [host]).get(host)) and ctx.settings.value("https-port")
        port = ctx.settings.value("https-port" if secure else "http-port")
        scheme, usual = ("https", 443) if secure else ("http", 80)
        return f"{scheme}://{host}" + ("" if port == usual else f":{port}")
    return ""


def check_free(ctx: Context, names: Sequence[str]) -> None:
    """Raise `AlreadyExists` if one of the names is the dashboard's host."""
    taken = set(names) & set(hosts(ctx))
    if taken:
        raise AlreadyExists(
            f"the domain {taken.pop()} belongs to the dashboard",
            why="The dashboard and the HTTP API of the server are served there.",
            fix="Choose another domain, or move the dashboard: 'settings:set dashboard-domain HOST'.",
            code="domain-taken",
        )
