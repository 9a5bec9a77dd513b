"""Hosts that nobody has any more, and that a certificate is still there for.

A domain that moves is removed from one app and added to the next. In between, and after an app was destroyed or
renamed, visitors who were told to come over HTTPS get a page that says that there is no app, and no failed handshake.
"""

from __future__ import annotations

from paas.core.certs.certificate import CertificateSource
from paas.core.edge.hosts import default_names
from paas.core.edge.redirects import matched
from paas.core.edge.tls import Credential, Tls
from paas.core.edge.vhost import Vhost, VhostState
from paas.core.model import App
from paas.edge import dashboard
from paas.jobs.context import Context
from paas.store.redirects import Redirects

KEY = "former"
"""Names its file, which nginx reads after those of the apps and the dashboard: a host that somebody has again is
theirs, whatever is left of it here."""
NAME = "paas_former"


def owned(ctx: Context, leaving: App | None = None) -> set[str]:
    """Return the hosts and patterns that an app serves or redirects, or the dashboard has; without those of the app
    that is ``leaving``."""
    shared, without = ctx.store.apps.domains(None), ctx.store.apps.without_default_domains()
    apps = [app for app in ctx.store.apps.all() if app.id not in without and (leaving is None or app.id != leaving.id)]
    found = {host for app in apps for host in default_names(app.name, shared)} | set(dashboard.hosts(ctx))
    for owners in (ctx.store.apps.domain_owners(), ctx.store.table(Redirects).owners()):
        found |= {host for host, owner in owners.items() if leaving is None or owner != leaving.id}
    return found


def vhost(ctx: Context, leaving: App | None = None) -> Vhost:
    """What the proxy serves for them: nothing over HTTP, where they are hosts like any other that nobody has."""
    issued = ctx.store.certificates.issued()
    taken = owned(ctx, leaving) if issued else set()
    hosts = [host for host in issued if not matched(host, taken)]
    there = ctx.store.certificates.usable(0, hosts) if hosts else []
    now, credentials = ctx.clock.now(), []
    for host in hosts:
        issues = [one for one in there if (one.name, one.source) == (host, CertificateSource.ACME)]
        best = max(issues, key=lambda one: one.facts.not_after, default=None)
        if best is not None and not best.facts.expired(now):
            credentials.append(Credential(best.chain, best.key, (host,)))
    return Vhost(
        app=NAME,
        key=KEY,
        hosts=tuple(credential.hosts[0] for credential in credentials),
        state=VhostState.GONE,
        tls=Tls(tuple(credentials), redirect=False),
    )


def served(ctx: Context, leaving: App | None = None) -> list[Vhost]:
    """The same for publishing it; empty where nothing is there, nor was."""
    found = vhost(ctx, leaving)
    return [found] if found.hosts or ctx.proxy.config(KEY) else []
