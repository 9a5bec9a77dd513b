"""TLS settings of an app at the edge: certificates, HSTS and ACME challenges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from paas.core.certs import certificate as certificates
from paas.core.certs.certificate import Certificate, CertificateSource
from paas.core.edge.redirects import Redirect
from paas.core.edge.tls import Credential, Tls, hsts
from paas.core.model import App
from paas.core.properties import Properties
from paas.jobs.context import Context


@dataclass(frozen=True)
class Challenges:
    """Responses to challenges of an authority. Certificates register it: they have the account's key."""

    thumbprint: Callable[[], str]


def of(
    ctx: Context, app: App | None, properties: Properties, served: Sequence[str], redirects: Sequence[Redirect]
) -> Tls:
    """Return the TLS settings for the hosts that the app serves or redirects. ``properties`` are the app's.

    Here and below, None as app stands for the server itself: its dashboard.
    """
    chosen: dict[int, tuple[Certificate, list[str]]] = {}
    for host, certificate in assigned(ctx, app, [*served, *(one.source for one in redirects)]).items():
        chosen.setdefault(certificate.id, (certificate, []))[1].append(host)
    header = ""
    if properties.value("nginx", "hsts"):
        header = hsts(
            properties.value("nginx", "hsts-max-age"),
            include_subdomains=bool(properties.value("nginx", "hsts-include-subdomains")),
            preload=bool(properties.value("nginx", "hsts-preload")),
        )
    return Tls(
        credentials=tuple(_credential(certificate, names) for certificate, names in chosen.values()),
        hsts=header,
        redirect=bool(properties.value("nginx", "https-redirect")),
        thumbprint=ctx.part(Challenges).thumbprint() if _enabled(properties) else "",
    )


def assigned(ctx: Context, app: App | None, names: Sequence[str]) -> dict[str, Certificate]:
    """Return the certificate of each host that has one."""
    there = ctx.store.certificates.usable(app.id if app else 0, names) if names else []
    now = ctx.clock.now()
    found = {name: certificates.choose(name, there, now) for name in dict.fromkeys(names)}
    return {name: certificate for name, certificate in found.items() if certificate is not None}


def choose(ctx: Context, app_id: int, host: str) -> Certificate | None:
    """Return the certificate of one host of the app, or None."""
    return certificates.choose(host, ctx.store.certificates.usable(app_id, [host]), ctx.clock.now())


def is_secure(certificate: Certificate | None) -> bool:
    """Return True if users may be redirected to HTTPS: the certificate exists and is no placeholder."""
    return certificate is not None and certificate.source is not CertificateSource.PLACEHOLDER


def _credential(certificate: Certificate, names: Sequence[str]) -> Credential:
    return Credential(
        certificate.chain,
        certificate.key,
        tuple(names),
        trusted=is_secure(certificate),
        # nginx verifies OCSP responses with the issuer, so it must be in the chain.
        stapling=bool(certificate.facts.ocsp) and certificate.chain.count("BEGIN CERTIFICATE") > 1,
    )


def acme_enabled(ctx: Context, app: App | None) -> bool:
    """Return True if the app gets certificates automatically: an email is set, and it is not disabled for the app."""
    return _enabled(ctx.store.properties.of(app))


def _enabled(properties: Properties) -> bool:
    return bool(properties.text("letsencrypt", "email")) and bool(properties.value("letsencrypt", "enabled"))
