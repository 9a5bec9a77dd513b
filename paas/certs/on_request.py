"""Certificate orders by command: the caller waits for the result."""

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
    """Order missing certificates, with ``force`` all, and print the result for each host.

    Raise `IssuanceFailed` if one failed.
    """
    if not ctx.store.properties.of(app).text("letsencrypt", "email"):
        raise PaasError(
            "no email is set for the account with the certificate authority",
            why="By setting it, you agree to the terms of the authority (https://letsencrypt.org/repository/).",
            fix="As an administrator, run: letsencrypt:set --global email you@example.org",
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
    """Renew due certificates, even if earlier attempts failed."""
    for app in apps:
        if tls.acme_enabled(ctx, app):
            found = [one for one in orders.candidates(ctx, app)[0] if ctx.clock.now() >= one.renewal]
            _obtain_all(ctx, app, found)


def _obtain_all(ctx: Context, app: App, missing: Sequence[WantedCertificate], lacking: Sequence[str] = ()) -> None:
    """Order certificates one after the other and print each result. Raise `IssuanceFailed` with the failed hosts.

    Its list includes the ``lacking`` hosts.
    """
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
                    ctx.out.warning(f"{one.host}: no longer a host of the app")
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
            why="Existing certificates are still served. See the errors above.",
            fix="'letsencrypt:list' shows when the next attempt is due.",
        )


def _came_meanwhile(ctx: Context, one: WantedCertificate, now: WantedCertificate) -> bool:
    """Return True if the background loop got the certificate while this waited for the lock."""
    return now.present != one.present and ctx.clock.now() < now.renewal


def disable(ctx: Context, app: App) -> None:
    """Delete the issued certificates of the app, and order no more."""
    enabled = ctx.store.properties.of(app).own.get(("letsencrypt", "enabled"), "")
    # Before taking the lock, so that its holder places no further orders for the app.
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
    """Revoke every issued certificate of the app, then `disable`."""
    issued.adopt(ctx, app)
    found = [one for one in ctx.store.certificates.of(app) if one.source is CertificateSource.ACME]
    for one in found:
        # Another authority may be set by now.
        own = account.at(ctx, one.server or account.server(ctx))
        ctx.part(AcmeClients).acme.revoke(own, one.chain)
        ctx.out.step(f"{one.name}: revoked")
    disable(ctx, app)
