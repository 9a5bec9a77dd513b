"""Uploaded and generated certificates. They are checked before anything changes, and served at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from paas.certs import bundle
from paas.core.certs import certificate
from paas.core.certs.certificate import Certificate, CertificateSource, Facts
from paas.core.edge.hosts import CATCH_ALL
from paas.core.errors import InvalidValue, NotFound, UsageError
from paas.core.model import App
from paas.edge import publish
from paas.jobs.context import Context
from paas.system import x509

BY_HAND = (CertificateSource.ADDED, CertificateSource.GENERATED)


@dataclass(frozen=True)
class UploadedCertificate:
    """Result of an upload: the name of the certificate, and the app's hosts in ``left`` that it does not cover.

    ``missing`` is its issuer if the intermediate certificate is missing, else empty.
    """

    name: str
    left: list[str]
    missing: str = ""


def add(ctx: Context, app: App | None, data: bytes, *, name: str = "", force: bool = False) -> UploadedCertificate:
    """Serve the app (None: every app) with the certificate in ``data``, PEM or a tar archive of it.

    It replaces a certificate of the same name; the default name is its first host. ``force`` accepts a certificate
    that covers no host of the app.
    """
    chain, key, facts = x509.pair(bundle.unpack(data))
    certificate.check(facts, ctx.clock.now())
    left: list[str] = []
    if app is not None and not force:
        left = certificate.check_hosts(facts, _hosts(ctx, app), app.name)
    name = name or facts.names[0]

    def change() -> None:
        ctx.store.certificates.remove(app, name, CertificateSource.GENERATED)
        ctx.store.certificates.put(app, name, CertificateSource.ADDED, chain, key, now=ctx.clock.now())

    _apply(ctx, app, change)
    return UploadedCertificate(name, left, x509.missing_issuer(chain))


def update(ctx: Context, app: App | None, data: bytes, *, name: str = "", force: bool = False) -> UploadedCertificate:
    """Replace a certificate: the one of the name, or for the same hosts, or the only one."""
    return add(ctx, app, data, name=name or _replaced(ctx, app, x509.pair(bundle.unpack(data))[2]), force=force)


def _replaced(ctx: Context, app: App | None, new: Facts) -> str:
    there = by_hand(ctx, app)
    same = [one.name for one in there if set(one.facts.names) & set(new.names)]
    if len(there) == 1 or len(same) == 1:
        return (same or [there[0].name])[0]
    if not there:
        raise _none(app)
    raise _several(app, there)


def remove(ctx: Context, app: App | None, *, name: str = "") -> str:
    """Remove the certificate of that name, or the only one; its hosts are served with the next best, if any."""
    found = one(ctx, app, name, by_hand(ctx, app))
    _apply(ctx, app, lambda: ctx.store.certificates.remove(app, found.name, found.source))
    return found.name


def generate(ctx: Context, app: App, hosts: Sequence[str]) -> str:
    """Serve the app with a self-signed certificate, and store a signing request for an authority.

    Without ``hosts`` it covers all hosts of the app.
    """
    hosts = list(hosts) or _hosts(ctx, app)
    if not hosts:
        raise UsageError(f"{app.name} has no domain", fix=f"Run 'domains:add {app.name} www.example.org' first.")
    key = x509.new_key()
    chain = x509.self_signed(hosts, key, ctx.clock.now())
    request = x509.signing_request(hosts, key)
    certificate.check_hosts(x509.facts(chain), _hosts(ctx, app), app.name)

    def change() -> None:
        ctx.store.certificates.put(
            app, hosts[0], CertificateSource.GENERATED, chain, key, now=ctx.clock.now(), request=request
        )

    _apply(ctx, app, change)
    return hosts[0]


def by_hand(ctx: Context, app: App | None) -> list[Certificate]:
    """Return the uploaded and generated certificates."""
    return [found for found in ctx.store.certificates.of(app) if found.source in BY_HAND]


def one(ctx: Context, app: App | None, name: str, among: Sequence[Certificate]) -> Certificate:
    """Return the certificate of that name, or the only one. Raise `NotFound` or `InvalidValue` with the choices."""
    if name:
        found = next((entry for entry in among if entry.name == name), None)
        if found is None:
            raise NotFound(
                f"{_whose(app)} has no certificate {name!r}",
                why="It has: " + (", ".join(entry.name for entry in among) or "none"),
                code="no-such-certificate",
            )
        return found
    if not among:
        raise _none(app)
    if len(among) > 1:
        raise _several(app, among)
    return among[0]


def _none(app: App | None) -> NotFound:
    return NotFound(
        f"{_whose(app)} has no certificate of its own",
        fix=f"Add one: 'certs:add {app.name if app else '--global'} < FILE'.",
        code="no-such-certificate",
    )


def _several(app: App | None, there: Sequence[Certificate]) -> InvalidValue:
    return InvalidValue(
        f"{_whose(app)} has {len(there)} certificates",
        why="They are: " + ", ".join(found.name for found in there),
        fix="Choose one: --name NAME",
        code="certificate-ambiguous",
    )


def _whose(app: App | None) -> str:
    return app.name if app else "the server"


def _hosts(ctx: Context, app: App) -> list[str]:
    return [host for host in publish.all_hosts(ctx, app) if host != CATCH_ALL]


def _apply(ctx: Context, app: App | None, change: Callable[[], object]) -> None:
    """Apply the change and publish it; restore the previous certificates if nginx refuses it."""
    with ctx.store.transaction():
        before = ctx.store.certificates.of(app)
        change()
        after = ctx.store.certificates.of(app)
    publish.or_undo(ctx, app, lambda: _take_back(ctx, app, before, after))


def _take_back(
    ctx: Context, app: App | None, before: Sequence[Certificate], after: Sequence[Certificate]
) -> None:
    """Undo one change; concurrent changes, such as newly issued certificates, stay."""
    with ctx.store.transaction():
        now = ctx.store.certificates.of(app)
        for one in now:
            if one in after and one not in before:
                ctx.store.certificates.remove(app, one.name, one.source)
        added = [one for one in now if one not in before and one not in after]
        for one in before:
            if one not in after and not any((other.name, other.source) == (one.name, one.source) for other in added):
                ctx.store.certificates.put(
                    app, one.name, one.source, one.chain, one.key, now=one.added_at, request=one.request,
                    server=one.server,
                )  # fmt: skip
