"""Issued certificates whose host moves to another app or is removed."""

from __future__ import annotations

from paas.core.certs import acme
from paas.core.certs.certificate import CertificateSource
from paas.core.model import App
from paas.edge import dashboard, former_hosts, publish
from paas.jobs.context import Context
from paas.store.acme import AcmeRecords


def adopt(ctx: Context, app: App | None) -> None:
    """Assign certificates to the app that were issued for its hosts while they belonged to another app.

    They are served already, because certificates are found by host. A wildcard also stays with the other app, until
    that has certificates for its names that the wildcard covers.
    """
    names = publish.all_hosts(ctx, app) if app else tuple(dashboard.hosts(ctx))
    moved = ctx.store.certificates.elsewhere(app, names) if names else []
    for host in moved:
        with ctx.store.transaction():
            there = ctx.store.certificates.usable(app.id if app else 0, [host])
            issued = [one for one in there if (one.name, one.source) == (host, CertificateSource.ACME)]
            if not issued or (app and not ctx.store.apps.exists(app)):
                continue
            best = max(issued, key=lambda one: one.facts.not_after)
            if not host.startswith("*."):
                ctx.store.certificates.forget_issued(host)
            elif best.app_id == (app.id if app else None):
                continue
            ctx.store.certificates.put(
                app, host, CertificateSource.ACME, best.chain, best.key, now=best.added_at, server=best.server
            )


def tidy(ctx: Context, app: App | None) -> None:
    """Delete issued certificates, placeholders and failed attempts of hosts that the app no longer has.

    A certificate that is not due for renewal stays: the host may come back, and authorities limit how often they issue
    for a host. A certificate of a host that another app has now stays as well, for that app to adopt.
    """
    if app and not ctx.store.apps.domains_enabled(app):
        return
    adopt(ctx, app)
    hosts = set(publish.all_hosts(ctx, app) if app else dashboard.hosts(ctx))
    for attempt in ctx.store.table(AcmeRecords).attempts(app):
        if attempt.host not in hosts:
            ctx.store.table(AcmeRecords).forget(app, attempt.host)
    strangers = {(name, source) for name, source in ctx.store.certificates.names(app) if name not in hosts}
    if not strangers & {
        (name, source) for name, _ in strangers for source in (CertificateSource.ACME, CertificateSource.PLACEHOLDER)
    }:
        return
    owned = former_hosts.owned(ctx)
    for one in ctx.store.certificates.of(app):
        old = acme.renew_at(one.facts.not_before, one.facts.not_after) <= ctx.clock.now()
        gone = one.source is CertificateSource.PLACEHOLDER or (one.source is CertificateSource.ACME and old)
        if (one.name, one.source) in strangers and gone and one.name not in owned:
            ctx.store.certificates.remove(app, one.name, one.source)


def forget(ctx: Context, app: App) -> None:
    """Delete the app's issued certificates, placeholders and failed attempts."""
    hosts = publish.all_hosts(ctx, app)
    for one in ctx.store.certificates.of(app):
        if one.source in (CertificateSource.ACME, CertificateSource.PLACEHOLDER):
            ctx.store.certificates.remove(app, one.name, one.source)
    for host in hosts:
        ctx.store.certificates.forget_issued(host)
    for attempt in ctx.store.table(AcmeRecords).attempts(app):
        ctx.store.table(AcmeRecords).forget(app, attempt.host)
