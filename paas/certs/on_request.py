"""Certificates of an authority, when a person asks for them and waits."""

from __future__ import annotations

from collections.abc import Sequence

from paas.apps import properties
from paas.certs import account, issued, orders
from paas.certs.clients import AcmeClients
from paas.certs.orders import WantedCertificate
from paas.core.certs.certificate import CertificateSource
from paas.core.errors import IssuanceFailed, PaasError
from paas.core.model import App
from paas.edge import publish, tls
from paas.jobs.context import Context


def enable(ctx: Context, app: App, *, force: bool) -> None:
    """Gets what is missing, or with ``force`` all, and tells what becomes of each host; an error if any failed."""
    if not ctx.store.properties.of(app).text("letsencrypt", "email"):
        raise PaasError(
            "no address is set for the account with the authority",
            why="By setting it, you agree to the terms of the authority (https://letsencrypt.org/repository/).",
            fix="An administrator runs: letsencrypt:set --global email you@example.org",
            code="no-email",
        )
    if not tls.acme_enabled(ctx, app):
        properties.change(ctx, app, "letsencrypt", "enabled", "true")
    orders.stand_in(ctx, app)
    found, skipped = orders.candidates(ctx, app)
    for other in skipped:
        ctx.out.warning(f"{other.host}: {other.why}")
    lacking = [other.host for other in skipped if other.lacking]
    missing = [one for one in found if force or ctx.clock.now() >= one.renewal]
    for one in found:
        if one not in missing:
            ctx.out.detail(f"{one.host}: has a certificate")
    _obtain_all(ctx, app, missing, lacking)


def renew(ctx: Context, apps: Sequence[App]) -> None:
    """Renews what is due, whatever earlier attempts came to."""
    for app in apps:
        if tls.acme_enabled(ctx, app):
            found = [one for one in orders.candidates(ctx, app)[0] if ctx.clock.now() >= one.renewal]
            _obtain_all(ctx, app, found)


def _obtain_all(ctx: Context, app: App, missing: Sequence[WantedCertificate], lacking: Sequence[str] = ()) -> None:
    """Gets them one after the other, and tells of each; an error names those, and the ``lacking``, that have none."""
    kept, skipped = orders.resolving(ctx, missing)
    failed = [*lacking, *(other.host for other in skipped)]
    for other in skipped:
        ctx.out.warning(f"{other.host}: {other.why}")
    orders.serve(ctx, app, kept)
    for one in kept:
        try:
            with ctx.part(AcmeClients).turn:
                now = orders.again(ctx, one)
                if now is None:
                    ctx.out.warning(f"{one.host}: it is not wanted any more")
                    continue
                if not _came_meanwhile(ctx, one, now):
                    orders.obtain(ctx, now)
            publish.refresh(ctx, app)
            ctx.out.step(f"{one.host}: {'renewed' if one.present else 'has a certificate'}")
        except IssuanceFailed as error:
            failed.append(one.host)
            ctx.out.error(error)
    if failed:
        raise IssuanceFailed(
            f"{app.name} got no certificate for {', '.join(failed)}",
            why="What served before still does.",
            fix="'letsencrypt:list' shows when the next attempt is made.",
        )


def _came_meanwhile(ctx: Context, one: WantedCertificate, now: WantedCertificate) -> bool:
    """Whether its certificate was got in the background while this waited for its turn."""
    return now.present != one.present and ctx.clock.now() < now.renewal


def disable(ctx: Context, app: App) -> None:
    """Removes what the authority issued for the app, and gets no more."""
    enabled = ctx.store.properties.of(app).own.get(("letsencrypt", "enabled"), "")
    # Before the turn comes: whoever has it places no further order for the app.
    ctx.store.properties.set(app, "letsencrypt", "enabled", "false")
    with ctx.part(AcmeClients).turn:
        issued.adopt(ctx, app)
        certificates = ctx.store.certificates.of(app)
        with ctx.store.transaction():
            issued.forget(ctx, app)

        def undo() -> None:
            with ctx.store.transaction():
                ctx.store.certificates.restore(app, certificates)
                ctx.store.properties.set(app, "letsencrypt", "enabled", enabled)

        publish.or_undo(ctx, app, undo)


def revoke(ctx: Context, app: App) -> None:
    """Revokes every certificate of the authority, then as `disable`."""
    issued.adopt(ctx, app)
    found = [one for one in ctx.store.certificates.of(app) if one.source is CertificateSource.ACME]
    for one in found:
        # Another authority may have been set since.
        own = account.at(ctx, one.server or account.server(ctx))
        ctx.part(AcmeClients).acme.revoke(own, one.chain)
        ctx.out.step(f"{one.name}: revoked")
    disable(ctx, app)
