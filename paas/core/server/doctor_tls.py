"""Findings about certificates, for `doctor`. Decides only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from paas.core.certs.acme import Attempt
from paas.core.certs.certificate import SOON_SECONDS, Certificate, CertificateSource
from paas.core.server.doctor import Finding, Level
from paas.core.times import timestamp


def certificates(app: str, served: Mapping[str, Certificate], now: float) -> Iterator[Finding]:
    """Yield the expiry of each certificate that a host of the app is served with."""
    by_id: dict[int, list[str]] = {}
    for host, one in served.items():
        if one.source is not CertificateSource.PLACEHOLDER:
            by_id.setdefault(one.id, []).append(host)
    for one in {one.id: one for one in served.values() if one.id in by_id}.values():
        hosts = ", ".join(by_id[one.id])
        end = timestamp(one.facts.not_after)
        if one.facts.expired(now):
            yield Finding(
                Level.PROBLEM, "certificates", f"the certificate for {hosts} ({app}) expired at {end}",
                "Browsers refuse to show the app.", _remedy(app, one), "certificate-expired",
            )  # fmt: skip
        elif one.facts.not_after - now < SOON_SECONDS:
            yield Finding(
                Level.ADVICE, "certificates", f"the certificate for {hosts} ({app}) ends at {end}",
                "It should have been renewed by now." if one.source is CertificateSource.ACME
                else "It is not renewed automatically.",
                _remedy(app, one), "certificate-ends",
            )  # fmt: skip
        else:
            yield Finding(Level.OK, "certificates", f"{hosts} ({app}) until {end}")


def _remedy(app: str, one: Certificate) -> str:
    if one.source is CertificateSource.ACME:
        return f"'letsencrypt:list' shows the reason; 'letsencrypt:enable {app}' tries again now."
    return f"Get a new one, and run 'certs:update {app if one.app_id else '--global'} --name {one.name}'."


def attempts(app: str, failed: Iterable[Attempt]) -> Iterator[Finding]:
    """Yield hosts whose last order of a certificate failed."""
    for attempt in failed:
        yield Finding(
            Level.PROBLEM, "certificates", f"{attempt.host} ({app}) got no certificate, {attempt.failures}x",
            attempt.error, f"It is tried again at {timestamp(attempt.retry_at)}, or now: 'letsencrypt:enable {app}'.",
            "certificate-failed",
        )  # fmt: skip
