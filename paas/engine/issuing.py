"""Getting certificates from an ACME authority, one order at a time, and again before they run out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from paas.core import acme, hosts
from paas.core.acme import Order
from paas.core.certificates import Certificate, Source
from paas.core.errors import IssuanceFailed, PaasError
from paas.core.model import App
from paas.core.secret import Secret
from paas.drivers import x509
from paas.drivers.acme_client import Account
from paas.engine import dashboard, routes, tls
from paas.engine.context import Context


@dataclass(frozen=True)
class Wanted:
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
    """A host for which no certificate is got, and why."""

    host: str
    why: str


def candidates(ctx: Context, app: App | None) -> tuple[list[Wanted], list[Skipped]]:
    """The app's hosts that certificates are got for by what is recorded, and those that are left out."""
    found: list[Wanted] = []
    skipped: list[Skipped] = []
    names = routes.all_hosts(ctx, app) if app else dashboard.hosts(ctx)
    server = tls.server(ctx)
    served = tls.assigned(ctx, app, names)
    provider = ctx.store.properties.of(app).text("letsencrypt", "dns-provider")
    for host in names:
        certificate = served.get(host)
        if not hosts.is_public(host):
            skipped.append(Skipped(host, "no authority certifies such a name"))
        elif certificate is None or certificate.source is Source.PLACEHOLDER:
            found.append(Wanted(app, host, server))
        elif certificate.source is Source.ACME and certificate.name == host:
            found.append(Wanted(app, host, server, certificate))
        else:
            skipped.append(Skipped(host, f"it is served with the certificate {certificate.name}"))
    if not provider:
        why = "a wildcard is proven by DNS: set the property letsencrypt dns-provider"
        skipped += [Skipped(one.host, why) for one in found if one.host.startswith("*.")]
        found = [one for one in found if not one.host.startswith("*.")]
    return found, skipped


def resolving(ctx: Context, found: Sequence[Wanted]) -> tuple[list[Wanted], list[Skipped]]:
    """Those that lead to this server, and the others with what DNS says; wildcards are proven otherwise."""
    asked = [one.host for one in found if not one.host.startswith("*.")]
    own = ctx.host.addresses() | set(ctx.settings.value("public-addresses") or ())
    resolved = ctx.issuing.resolver.addresses(asked, str(ctx.settings.value("dns-server") or "")) if asked else {}
    kept, skipped = [], []
    for one in found:
        addresses = resolved.get(one.host, own)
        if addresses is None:
            skipped.append(Skipped(one.host, "DNS gave no answer"))
        elif not addresses & own:
            seen = ", ".join(sorted(addresses)) or "nothing"
            skipped.append(Skipped(one.host, f"it resolves to {seen}, not to this server"))
        else:
            kept.append(one)
    return kept, skipped


def stand_in(ctx: Context, app: App | None) -> None:
    """Has hosts served with certificates of our own making until the authority has issued real ones."""
    names = [one.host for one in candidates(ctx, app)[0]]
    served = tls.assigned(ctx, app, names)
    missing = [name for name in names if name not in served or served[name].facts.expired(ctx.clock.now())]
    for name in missing:
        key = x509.new_key()
        chain = x509.self_signed([name], key, ctx.clock.now())
        ctx.store.certificates.put(app, name, Source.PLACEHOLDER, chain, key, now=ctx.clock.now())
    if missing:
        _refresh(ctx, app)


def forget(ctx: Context, app: App) -> None:
    """Removes what the authority issued for the app, and what stood in for it."""
    for one in ctx.store.certificates.of(app):
        if one.source in (Source.ACME, Source.PLACEHOLDER):
            ctx.store.certificates.remove(app, one.name, one.source)
    for attempt in ctx.store.acme.attempts(app):
        ctx.store.acme.forget(app, attempt.host)


def due(ctx: Context, one: Wanted) -> bool:
    """Whether its certificate is missing or old enough, and neither a failure nor a limit asks to wait."""
    now = ctx.clock.now()
    if now < one.renewal or now < ctx.store.acme.attempt(one.app, one.host).retry_at:
        return False
    return _allowed_at(ctx, one, now) <= now


def _allowed_at(ctx: Context, one: Wanted, now: float) -> float:
    renews = one.present is not None
    return acme.allowed_at(ctx.store.acme.orders(), one.server, one.host, now, renewal=renews)


def obtain(ctx: Context, one: Wanted) -> None:
    """Gets a certificate, and has it served. `IssuanceFailed` and the like: what served before still does, and the
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
    except PaasError as error:
        _put_off(ctx, one, error)
        raise
    _keep(ctx, one, chain, key)


def _rehearse(ctx: Context, one: Wanted) -> None:
    """After repeated failures the staging server has to agree first: there, failing costs nothing."""
    staging = tls.staging(ctx, one.server)
    if staging and acme.rehearses(ctx.store.acme.attempt(one.app, one.host)):
        _order(ctx, one, staging)


def _order(ctx: Context, one: Wanted, server: str) -> tuple[str, Secret]:
    """A chain of the authority, and its new key. What the authority counts is recorded."""
    account = account_at(ctx, server)
    key = x509.new_key()
    request = x509.signing_request([one.host], key)
    placed = ctx.clock.now()

    def note(*, issued: bool) -> None:
        ctx.store.acme.add_order(Order(server, one.host, placed, issued, renewal=one.present is not None))

    def prove(record: str, value: str) -> AbstractContextManager[None]:
        provider = ctx.store.properties.of(one.app).text("letsencrypt", "dns-provider")
        return ctx.issuing.hooks.record(provider, one.host, record, value)

    try:
        chain = ctx.issuing.acme.issue(account, request, prove if one.host.startswith("*.") else None)
    except IssuanceFailed as error:
        if error.refused:
            note(issued=False)
        raise
    note(issued=True)
    return chain, key


def account_at(ctx: Context, server: str) -> Account:
    """The instance's account with the authority."""
    properties = ctx.store.properties.of(None)
    email, ca_file = (properties.text("letsencrypt", key) for key in ("email", "server-ca-file"))
    return Account(server, email, tls.account_key(ctx), ca_file)


def _put_off(ctx: Context, one: Wanted, error: PaasError) -> None:
    attempt = ctx.store.acme.attempt(one.app, one.host)
    words = " ".join(" ".join((f"{error.what}:", error.why) if error.why else (error.what,)).split())
    pause = error.retry_after if isinstance(error, IssuanceFailed) else 0.0
    with ctx.store.transaction():
        if one.app is None or ctx.store.apps.exists(one.app):
            ctx.store.acme.note(one.app, acme.failed(attempt, words, ctx.clock.now(), pause))


def _keep(ctx: Context, one: Wanted, chain: str, key: Secret) -> None:
    with ctx.store.transaction():
        # It may have been destroyed while the authority was at work.
        if one.app is not None and not ctx.store.apps.exists(one.app):
            return
        ctx.store.certificates.put(
            one.app, one.host, Source.ACME, chain, key, now=ctx.clock.now(), server=one.server
        )
        ctx.store.certificates.remove(one.app, one.host, Source.PLACEHOLDER)
        ctx.store.acme.forget(one.app, one.host)
    _refresh(ctx, one.app)


def _refresh(ctx: Context, app: App | None) -> None:
    if app is None:
        routes.refresh_dashboard(ctx)
    else:
        routes.refresh(ctx, app)
