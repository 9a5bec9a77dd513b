"""Reports on the certificates of apps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from paas.certs import orders
from paas.certs.uploaded import BY_HAND
from paas.core.certs.certificate import Certificate, CertificateSource
from paas.core.model import App
from paas.core.times import timestamp
from paas.edge import dashboard, publish, tls
from paas.jobs.context import Context
from paas.store.acme import AcmeRecords
from paas.system import x509


def facts(ctx: Context, app: App | None) -> dict[str, str]:
    """Return Dokku's keys for the certificate that expires first, then a line for each. None: the global ones."""
    hosts = publish.all_hosts(ctx, app) if app else ()
    # Issued certificates of removed hosts are kept for a while, but not served.
    there = [one for one in ctx.store.certificates.of(app) if one.source in BY_HAND or one.name in hosts]
    served = tls.assigned(ctx, app, hosts) if app else {}
    used = [*{one.id: one for one in [*there, *served.values()]}.values()]
    real = [one for one in used if one.source is not CertificateSource.PLACEHOLDER] or used
    first = min(real, key=lambda one: one.facts.not_after, default=None)
    secure = {host: one for host, one in served.items() if tls.is_secure(one)}
    found = {
        "enabled": str(bool(secure or (app is None and there))).lower(),
        "hostnames": " ".join(dict.fromkeys(host for one in real for host in one.facts.names)),
        "starts-at": timestamp(first.facts.not_before) if first else "",
        "expires-at": timestamp(first.facts.not_after) if first else "",
        "issuer": first.facts.issuer if first else "",
        "subject": first.facts.subject if first else "",
        "verified": _verified(ctx, first) if first else "",
    }
    if app is not None:
        found["plain-hostnames"] = " ".join(host for host in hosts if host not in secure)
    for one in used:
        its = [host for host, chosen in served.items() if chosen.id == one.id]
        found[f"certificate-{one.name}"] = _line(one, its if app else one.facts.names)
    return found


def _line(one: Certificate, hosts: Sequence[str]) -> str:
    whose = " global" if one.app_id is None else ""
    serves = " ".join(hosts) or "nothing"
    return f"{one.source.value}{whose}, until {timestamp(one.facts.not_after)}, serves {serves}"


def _verified(ctx: Context, one: Certificate) -> str:
    return x509.verdict(one.chain, one.facts.names[0] if one.facts.names else one.name, ctx.clock.now()) or "ok"


@dataclass(frozen=True)
class CertificateEntry:
    """Issued or wanted certificate, as ``letsencrypt:list`` shows it. ``expires`` is empty if it is not issued yet."""

    app: str
    host: str
    expires: str
    renewal: str
    state: str


def entries(ctx: Context, apps: Sequence[App | None]) -> list[CertificateEntry]:
    """Return issued and wanted certificates, sorted by expiry. None stands for the dashboard."""
    rows = []
    for app in apps:
        if not tls.acme_enabled(ctx, app):
            continue
        failed = {one.host: one for one in ctx.store.table(AcmeRecords).attempts(app)}
        for one in orders.candidates(ctx, app)[0]:
            attempt = failed.get(one.host)
            state = "valid" if one.present else "wanted"
            if attempt:
                state = f"failed {attempt.failures}x, next {timestamp(attempt.retry_at)}: {attempt.error}"
            expires = one.present.facts.not_after if one.present else 0.0
            rows.append((expires, app.name if app else dashboard.NAME, one, state))
    return [
        CertificateEntry(
            name,
            one.host,
            timestamp(expires) if expires else "",
            timestamp(one.renewal) if one.present else "",
            state,
        )
        for expires, name, one, state in sorted(rows, key=lambda row: (row[0], row[1], row[2].host))
    ]
