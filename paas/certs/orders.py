"""Getting certificates from an ACME authority, one order at a time, and again before they run out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from paas.certs import account
from paas.certs.clients import AcmeClients
from paas.core.certs import acme
from paas.core.certs.acme import PlacedOrder
from paas.core.certs.certificate import Certificate, CertificateSource
from paas.core.edge import hosts
from paas.core.errors import IssuanceFailed, NoSuchApp, PaasError, unexpected
from paas.core.model import App
from paas.core.secret import Secret
from paas.edge import addresses, dashboard, publish, tls
from paas.jobs.context import Context
from paas.store.acme import AcmeRecords
from paas.system import x509
from paas.system.reserve import Reserve

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WantedCertificate:
    """A host that a certificate is got for by ``server``, and the one from an authority that it has.

    No app here and below is the server itself: its dashboard.
    """

    app: App | None
    host: str
    server: str
    present: Certificate | None = None

    @property
    def renewal(self) -> float:
        """When its certificate is to be renewed, in seconds since 1970; 0 without one, or one of another authority."""
        if self.present is None or self.present.server != self.server:
            return 0.0
        return acme.renew_at(self.present.facts.not_before, self.present.facts.not_after)


@dataclass(frozen=True)
class Skipped:
    """A host for which no certificate is got, and why. ``lacking``: it would be, if something were set."""

    host: str
    why: str
    lacking: bool = False


def candidates(ctx: Context, app: App | None) -> tuple[list[WantedCertificate], list[Skipped]]:
    """The app's hosts that certificates are got for by what is recorded, and those that are left out."""
    found: list[WantedCertificate] = []
    skipped: list[Skipped] = []
    names = publish.all_hosts(ctx, app) if app else dashboard.hosts(ctx)
    server = account.server(ctx)
    served = tls.assigned(ctx, app, names)
    provider = ctx.store.properties.of(app).text("letsencrypt", "dns-provider")
    for host in names:
        certificate = served.get(host)
        if not hosts.is_public(host):
            skipped.append(Skipped(host, "no authority certifies such a name"))
        elif certificate is None or certificate.source is CertificateSource.PLACEHOLDER:
            found.append(WantedCertificate(app, host, server))
        elif certificate.source is CertificateSource.ACME and certificate.name == host:
            found.append(WantedCertificate(app, host, server, certificate))
        elif certificate.source is CertificateSource.ACME and certificate.name not in names:
            # The wildcard is gone, and is renewed no more.
            found.append(WantedCertificate(app, host, server))
        else:
            skipped.append(Skipped(host, f"it is served with the certificate {certificate.name}"))
    if not provider:
        why = "a wildcard is proven by DNS: set the property letsencrypt dns-provider"
        skipped += [Skipped(one.host, why, lacking=True) for one in found if one.host.startswith("*.")]
        found = [one for one in found if not one.host.startswith("*.")]
    return found, skipped


def resolving(ctx: Context, found: Sequence[WantedCertificate]) -> tuple[list[WantedCertificate], list[Skipped]]:
    """Those that lead to this server, and the others with what DNS says; wildcards are proven otherwise."""
    asked = [one.host for one in found if not one.host.startswith("*.")]
    own = addresses.leading_here(ctx)
    server = str(ctx.settings.value("dns-server") or "")
    resolved = ctx.part(AcmeClients).resolver.addresses(asked, server) if asked else {}
    kept, skipped = [], []
    for one in found:
        found_there = resolved.get(one.host, own)
        if found_there is None:
            skipped.append(Skipped(one.host, "DNS gave no answer"))
        elif found_there & own or one.host not in resolved:
            kept.append(one)
        else:
            skipped.append(Skipped(one.host, _elsewhere(ctx, found_there)))
    return kept, skipped


def _elsewhere(ctx: Context, found: frozenset[str]) -> str:
    seen = ", ".join(sorted(found)) or "nothing"
    if found and found <= {one for one in ctx.host.addresses() if ":" in one} and not addresses.listening_ipv6(ctx):
        return f"it resolves to {seen}, where nginx does not listen: nginx:set --global bind-address-ipv6 ::"
    return (
        f"it resolves to {seen}, not to this server; addresses of a router in front of it belong into the setting "
        "public-addresses"
    )


def stand_in(ctx: Context, app: App | None) -> None:
    """Has hosts served with certificates of our own making until the authority has issued real ones."""
    if make_stand_ins(ctx, app):
        refresh(ctx, app)


def make_stand_ins(ctx: Context, app: App | None) -> bool:
    """Makes such certificates where they are missing, and says whether any was; whoever calls publishes them."""
    names = [one.host for one in candidates(ctx, app)[0]]
    served = tls.assigned(ctx, app, names)
    missing = [name for name in names if name not in served or served[name].facts.expired(ctx.clock.now())]
    made = []
    for name in missing:
        key = x509.new_key()
        made.append((name, x509.self_signed([name], key, ctx.clock.now()), key))
    with ctx.store.transaction():
        # The app may have been taken out, or destroyed, in the meantime.
        if not made or (app and not ctx.store.apps.exists(app)) or not tls.acme_enabled(ctx, app):
            return False
        for name, chain, key in made:
            ctx.store.certificates.put(app, name, CertificateSource.PLACEHOLDER, chain, key, now=ctx.clock.now())
    return True


def serve(ctx: Context, app: App | None, wanted: Sequence[WantedCertificate]) -> None:
    """Has the edge answer the challenges of these hosts: who has just added one records it a moment before it is
    served. Nothing is done where all is served as recorded.

    What can't be served as recorded is told; the hosts that are served already get their certificates all the same.
    """
    if all(one.host.startswith("*.") for one in wanted):
        return
    try:
        if app is None:
            publish.refresh_dashboard(ctx)
        else:
            with publish.turn(ctx, app):
                publish.publish_current(ctx, app)
    except NoSuchApp:
        return
    except PaasError as error:
        name = app.name if app else "the dashboard"
        _log.warning("new hosts of %s are not served: %s (%s)", name, error.what, error.why)


def again(ctx: Context, one: WantedCertificate) -> WantedCertificate | None:
    """The same as it stands now; None if the app is gone, gets no certificates any more, or not for this host."""
    try:
        app = ctx.store.apps.by_id(one.app.id) if one.app else None
    except NoSuchApp:
        return None
    found = candidates(ctx, app)[0] if tls.acme_enabled(ctx, app) else []
    return next((other for other in found if other.host == one.host), None)


def due(ctx: Context, one: WantedCertificate) -> bool:
    """Whether its certificate is missing or old enough, and neither a failure nor a limit asks to wait."""
    now = ctx.clock.now()
    if now < one.renewal or acme.waits(ctx.store.table(AcmeRecords).attempt(one.app, one.host), now):
        return False
    return _allowed_at(ctx, one, now) <= now


def _allowed_at(ctx: Context, one: WantedCertificate, now: float) -> float:
    renews = one.present is not None
    return acme.allowed_at(ctx.store.table(AcmeRecords).orders(), one.server, one.host, now, renewal=renews)


def obtain(ctx: Context, one: WantedCertificate) -> None:
    """Gets a certificate and keeps it; whoever calls publishes it. On an error what served before still does, and the
    next attempt in the background is put off."""
    now = ctx.clock.now()
    pause = _allowed_at(ctx, one, now) - now
    if pause > 0:
        raise IssuanceFailed(
            f"the limits of the authority allow no order for {one.host} now",
            why=f"The next one is possible in {pause / 60:.0f} min.",
            retry_after=pause,
        )
    try:
        _rehearse(ctx, one)
        chain, key = _order(ctx, one, one.server)
        _keep(ctx, one, chain, key)
    except Exception as error:
        # Whatever it is: the authority is not asked again at once.
        _put_off(ctx, one, error if isinstance(error, PaasError) else unexpected(error))
        raise


def _rehearse(ctx: Context, one: WantedCertificate) -> None:
    """After repeated failures the staging server has to agree first: there, failing costs nothing."""
    staging = account.staging(ctx, one.server)
    if staging and acme.rehearses(ctx.store.table(AcmeRecords).attempt(one.app, one.host)):
        _order(ctx, one, staging)


def _order(ctx: Context, one: WantedCertificate, server: str) -> tuple[str, Secret]:
    """A chain of the authority, and its new key. What the authority counts is recorded.

    That comes first: where there is no room for it there is none for a certificate either, and the authority would be
    asked again and again until its limits are used up.
    """
    own = account.at(ctx, server)
    key = x509.new_key()
    request = x509.signing_request([one.host], key)
    ctx.part(Reserve).spend()
    order = PlacedOrder(server, one.host, ctx.clock.now(), issued=True, renewal=one.present is not None)
    number = ctx.store.table(AcmeRecords).add_order(order)

    def prove(record: str, value: str) -> AbstractContextManager[None]:
        provider = ctx.store.properties.of(one.app).text("letsencrypt", "dns-provider")
        return ctx.part(AcmeClients).hooks.record(provider, one.host, record, value)

    try:
        return ctx.part(AcmeClients).acme.issue(own, request, prove if one.host.startswith("*.") else None), key
    except Exception as error:
        ctx.store.table(AcmeRecords).fail_order(number, counts=isinstance(error, IssuanceFailed) and error.refused)
        raise


def _put_off(ctx: Context, one: WantedCertificate, error: PaasError) -> None:
    attempt = ctx.store.table(AcmeRecords).attempt(one.app, one.host)
    words = " ".join(" ".join((f"{error.what}:", error.why) if error.why else (error.what,)).split())
    pause = error.retry_after if isinstance(error, IssuanceFailed) else 0.0
    with ctx.store.transaction():
        if one.app is None or ctx.store.apps.exists(one.app):
            ctx.store.table(AcmeRecords).note(one.app, acme.failed(attempt, words, ctx.clock.now(), pause))


def _keep(ctx: Context, one: WantedCertificate, chain: str, key: Secret) -> None:
    with ctx.store.transaction():
        # It may have been destroyed while the authority was at work.
        if one.app is not None and not ctx.store.apps.exists(one.app):
            return
        ctx.store.certificates.put(
            one.app, one.host, CertificateSource.ACME, chain, key, now=ctx.clock.now(), server=one.server
        )
        ctx.store.certificates.remove(one.app, one.host, CertificateSource.PLACEHOLDER)
        ctx.store.table(AcmeRecords).forget(one.app, one.host)


def refresh(ctx: Context, app: App | None) -> None:
    """Has nginx take up what came for the app, or for None the dashboard."""
    if app is None:
        publish.refresh_dashboard(ctx)
    else:
        publish.refresh(ctx, app)
