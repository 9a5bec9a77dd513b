"""Former hosts: they belong to no app any more, but still have a certificate.

A domain that moves is removed from one app and added to the next. In between, and after an app was destroyed or
renamed, visitors who come over HTTPS get a page that says so instead of a failed handshake.
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
"""Name of the nginx file. nginx reads it after the files of the apps and the dashboard, so a host that belongs to an
app again is served by that app even if it is still listed here."""
NAME = "paas_former"


def owned(ctx: Context, leaving: App | None = None) -> set[str]:
    """Return the hosts and patterns that apps serve or redirect, and the dashboard's.

    Those of the app ``leaving`` are left out.
    """
    shared, without = ctx.store.apps.domains(None), ctx.store.apps.without_default_domains()
    apps = [app for app in ctx.store.apps.all() if app.id not in without and (leaving is None or app.id != leaving.id)]
    found = {host for app in apps for host in default_names(app.name, shared)} | set(dashboard.hosts(ctx))
    for owners in (ctx.store.apps.domain_owners(), ctx.store.table(Redirects).owners()):
        found |= {host for host, owner in owners.items() if leaving is None or owner != leaving.id}
    return found


def vhost(ctx: Context, leaving: App | None = None) -> Vhost:
    """Return their virtual host. It serves HTTPS only: over HTTP they are answered like any unknown host."""
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
    """Return the virtual host if there is something to publish or to clear; else an empty list."""
    found = vhost(ctx, leaving)
    return [found] if found.hosts or ctx.proxy.config(KEY) else []
