"""Order and renew certificates from an ACME authority, one order at a time."""

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
    """Host that gets a certificate from ``server``, with the issued certificate that it has.

    Here and below, None as app stands for the server itself: its dashboard.
    """

    app: App | None
    host: str
    server: str
    present: Certificate | None = None

    @property
    def renewal(self) -> float:
        """Time of renewal, in seconds since 1970; 0 without a certificate of this authority."""
        if self.present is None or self.present.server != self.server:
            return 0.0
        return acme.renew_at(self.present.facts.not_before, self.present.facts.not_after)


@dataclass(frozen=True)
class Skipped:
    """Host that gets no certificate, with the reason. ``lacking``: only because a setting is missing."""

    host: str
    why: str
    lacking: bool = False


def candidates(ctx: Context, app: App | None) -> tuple[list[WantedCertificate], list[Skipped]]:
    """Return the app's hosts that get certificates by their recorded state, and those that get none."""
    found: list[WantedCertificate] = []
    skipped: list[Skipped] = []
    names = publish.all_hosts(ctx, app) if app else dashboard.hosts(ctx)
    server = account.server(ctx)
    served = tls.assigned(ctx, app, names)
    provider = ctx.store.properties.of(app).text("letsencrypt", "dns-provider")
    for host in names:
        certificate = served.get(host)
        if not hosts.is_public(host):
            skipped.append(Skipped(host, "no authority issues certificates for such a name"))
        elif certificate is None or certificate.source is CertificateSource.PLACEHOLDER:
            found.append(WantedCertificate(app, host, server))
        elif certificate.source is CertificateSource.ACME and certificate.name == host:
            found.append(WantedCertificate(app, host, server, certificate))
        elif certificate.source is CertificateSource.ACME and certificate.name not in names:
            # The wildcard is no longer a host of the app, and is not renewed.
            found.append(WantedCertificate(app, host, server))
        else:
            skipped.append(Skipped(host, f"served with the certificate {certificate.name}"))
    if not provider:
        why = "a wildcard is validated by DNS: set the property letsencrypt dns-provider"
        skipped += [Skipped(one.host, why, lacking=True) for one in found if one.host.startswith("*.")]
        found = [one for one in found if not one.host.startswith("*.")]
    return found, skipped


def resolving(ctx: Context, found: Sequence[WantedCertificate]) -> tuple[list[WantedCertificate], list[Skipped]]:
    """Return the hosts that resolve to this server, and the others with the reason. Wildcards are not checked."""
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
        return f"resolves to {seen}, where nginx does not listen: nginx:set --global bind-address-ipv6 ::"
    return (
        f"resolves to {seen}, not to this server; if a router forwards that address here, add it to the setting "
        "public-addresses"
    )


def stand_in(ctx: Context, app: App | None) -> None:
    """Serve hosts without certificate with self-signed placeholders until the authority has issued certificates."""
    if make_stand_ins(ctx, app):
        refresh(ctx, app)


def make_stand_ins(ctx: Context, app: App | None) -> bool:
    """Create missing placeholders. Return True if there were any; the caller publishes them."""
    names = [one.host for one in candidates(ctx, app)[0]]
    served = tls.assigned(ctx, app, names)
    missing = [name for name in names if name not in served or served[name].facts.expired(ctx.clock.now())]
    made = []
    for name in missing:
        key = x509.new_key()
        made.append((name, x509.self_signed([name], key, ctx.clock.now()), key))
    with ctx.store.transaction():
        # The app may have been disabled or destroyed in the meantime.
        if not made or (app and not ctx.store.apps.exists(app)) or not tls.acme_enabled(ctx, app):
            return False
        for name, chain, key in made:
            ctx.store.certificates.put(app, name, CertificateSource.PLACEHOLDER, chain, key, now=ctx.clock.now())
    return True


def serve(ctx: Context, app: App | None, wanted: Sequence[WantedCertificate]) -> None:
    """Publish the app, so that the edge answers challenges of hosts that are recorded but not yet served.

    An error is only logged: hosts that are served already still get their certificates.
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
        _log.warning("New hosts of %s are not served: %s (%s)", name, error.what, error.why)


def again(ctx: Context, one: WantedCertificate) -> WantedCertificate | None:
    """Return the current state of the wanted certificate; None if it is no longer wanted."""
    try:
        app = ctx.store.apps.by_id(one.app.id) if one.app else None
    except NoSuchApp:
        return None
    found = candidates(ctx, app)[0] if tls.acme_enabled(ctx, app) else []
    return next((other for other in found if other.host == one.host), None)


def due(ctx: Context, one: WantedCertificate) -> bool:
    """Return True if the certificate is missing or due for renewal, and no failure or rate limit requires waiting."""
    now = ctx.clock.now()
    if now < one.renewal or acme.waits(ctx.store.table(AcmeRecords).attempt(one.app, one.host), now):
        return False
    return _allowed_at(ctx, one, now) <= now


def _allowed_at(ctx: Context, one: WantedCertificate, now: float) -> float:
    renews = one.present is not None
    return acme.allowed_at(ctx.store.table(AcmeRecords).orders(), one.server, one.host, now, renewal=renews)


def obtain(ctx: Context, one: WantedCertificate) -> None:
    """Order a certificate and store it; the caller publishes it.

    On an error the previous certificate is still served, and the next attempt in the background is delayed.
    """
    now = ctx.clock.now()
    pause = _allowed_at(ctx, one, now) - now
    if pause > 0:
        raise IssuanceFailed(
            f"the rate limits of the authority allow no order for {one.host} now",
            why=f"The next order is possible in {pause / 60:.0f} min.",
            retry_after=pause,
        )
    try:
        _rehearse(ctx, one)
        chain, key = _order(ctx, one, one.server)
        _keep(ctx, one, chain, key)
    except Exception as error:
        # Delay after any error, so that the authority is not asked again at once.
        _put_off(ctx, one, error if isinstance(error, PaasError) else unexpected(error))
        raise


def _rehearse(ctx: Context, one: WantedCertificate) -> None:
    """After repeated failures, order from the staging server first, where failures don't count."""
    staging = account.staging(ctx, one.server)
    if staging and acme.rehearses(ctx.store.table(AcmeRecords).attempt(one.app, one.host)):
        _order(ctx, one, staging)


def _order(ctx: Context, one: WantedCertificate, server: str) -> tuple[str, Secret]:
    """Order from the authority. Return the chain and its new key.

    The order is recorded first, for the rate limits: on a full disk the certificate could not be stored either, and
    repeated orders would use up the limits.
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
        # The app may have been destroyed during the order.
        if one.app is not None and not ctx.store.apps.exists(one.app):
            return
        ctx.store.certificates.put(
            one.app, one.host, CertificateSource.ACME, chain, key, now=ctx.clock.now(), server=one.server
        )
        ctx.store.certificates.remove(one.app, one.host, CertificateSource.PLACEHOLDER)
        ctx.store.table(AcmeRecords).forget(one.app, one.host)


def refresh(ctx: Context, app: App | None) -> None:
    """Publish new certificates of the app, or for None of the dashboard."""
    if app is None:
        publish.refresh_dashboard(ctx)
    else:
        publish.refresh(ctx, app)
