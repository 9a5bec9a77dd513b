"""Where the dashboard and the HTTP API are served: a host of the server's own, which no app can take."""

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
"""What stands for an app's name at the edge and in its log: no app can be called so."""
NONE = "none"
LABEL = "paas"
LONGEST_CALL_SECONDS = 3600
# Its threads are few: nginx waits for who sends or reads slowly, and a live stream says that it is one. The body may be
# longer than what the web itself takes, so that it is the one to say that something is a little too long. A command may
# take as long as a build does.
OPTIONS = ProxyOptions(
    client_max_body_size=4 * MIB,
    proxy_request_buffering=True,
    proxy_buffering=True,
    proxy_read_timeout=LONGEST_CALL_SECONDS,
)

_log = logging.getLogger(__name__)


def wanted(ctx: Context) -> bool:
    """Whether there is a web at all."""
    return bool(ctx.settings.value(SETTING) != NONE)


def hosts(ctx: Context) -> list[str]:
    """The host that it is served at, if there is one."""
    if not wanted(ctx):
        return []
    chosen = ctx.settings.value(SETTING)
    shared = ctx.store.apps.domains(None)
    return [host_name(chosen)] if chosen else [f"{LABEL}.{domain}" for domain in shared[:1]]


def vhost(ctx: Context) -> Vhost | None:
    """What the proxy serves for it; None where there is no web, or an app has had its host since before."""
    found = hosts(ctx)
    if not found:
        return None
    taken = set(found) & _hosts_of_apps(ctx)
    if taken:
        _log.error("there is no dashboard: an app has its host %s", taken.pop())
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
    """Its URL: over HTTPS where it has a certificate; empty where there is none."""
    for host in hosts(ctx):
        secure = tls.is_secure(tls.assigned(ctx, None, [host]).get(host)) and ctx.settings.value("https-port")
        port = ctx.settings.value("https-port" if secure else "http-port")
        scheme, usual = ("https", 443) if secure else ("http", 80)
        return f"{scheme}://{host}" + ("" if port == usual else f":{port}")
    return ""


def check_free(ctx: Context, names: Sequence[str]) -> None:
    """Refuses a host that is the dashboard's."""
    taken = set(names) & set(hosts(ctx))
    if taken:
        raise AlreadyExists(
            f"the domain {taken.pop()} belongs to the dashboard",
            why="The server's own dashboard and HTTP API are served there.",
            fix="Choose another one, or give the dashboard another host: 'settings:set dashboard-domain HOST'.",
            code="domain-taken",
        )
