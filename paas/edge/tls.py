"""What the edge is told of an app's certificates, redirects and challenges."""

from __future__ import annotations

from collections.abc import Sequence

from paas.certs import acme_client
from paas.core.certs import acme
from paas.core.certs import certificate as certificates
from paas.core.certs.certificate import Certificate, CertificateSource
from paas.core.edge.redirects import Redirect
from paas.core.edge.tls import Credential, Tls, hsts
from paas.core.model import App
from paas.core.properties import Properties
from paas.core.secret import Secret
from paas.jobs.context import Context
from paas.system import x509

ACCOUNT_KEY = "acme-account-key"


def of(
    ctx: Context, app: App | None, properties: Properties, served: Sequence[str], redirects: Sequence[Redirect]
) -> Tls:
    """How the app is served over HTTPS, at the hosts that it serves or redirects. ``properties`` are the app's.

    No app here and below is the server itself: its dashboard.
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
        thumbprint=thumbprint(ctx) if _enabled(properties) else "",
    )


def assigned(ctx: Context, app: App | None, names: Sequence[str]) -> dict[str, Certificate]:
    """The certificate that each host is served with, of those that have one."""
    there = ctx.store.certificates.usable(app.id if app else 0, names) if names else []
    now = ctx.clock.now()
    found = {name: certificates.choose(name, there, now) for name in dict.fromkeys(names)}
    return {name: certificate for name, certificate in found.items() if certificate is not None}


def choose(ctx: Context, app_id: int, host: str) -> Certificate | None:
    """The certificate that one host of the app is served with, or None."""
    return certificates.choose(host, ctx.store.certificates.usable(app_id, [host]), ctx.clock.now())


def is_secure(certificate: Certificate | None) -> bool:
    """Whether users are sent to HTTPS: not to a certificate that only stands in for one."""
    return certificate is not None and certificate.source is not CertificateSource.PLACEHOLDER


def _credential(certificate: Certificate, names: Sequence[str]) -> Credential:
    return Credential(
        certificate.chain,
        certificate.key,
        tuple(names),
        trusted=is_secure(certificate),
        # The issuer has to be in the chain for the answer to be checked.
        stapling=bool(certificate.facts.ocsp) and certificate.chain.count("BEGIN CERTIFICATE") > 1,
    )


def acme_enabled(ctx: Context, app: App | None) -> bool:
    """Whether the app gets certificates by itself: an address is set, and the app was not taken out."""
    return _enabled(ctx.store.properties.of(app))


def _enabled(properties: Properties) -> bool:
    return bool(properties.text("letsencrypt", "email")) and bool(properties.value("letsencrypt", "enabled"))


def account_key(ctx: Context) -> Secret:
    """The key of the instance's ACME account, made on first use. It is the same for all authorities."""
    found = ctx.store.secrets.get(ACCOUNT_KEY)
    if found is None:
        with ctx.store.transaction():
            found = ctx.store.secrets.get(ACCOUNT_KEY)
            if found is None:
                found = x509.new_key()
                ctx.store.secrets.set(ACCOUNT_KEY, found)
    return found


def thumbprint(ctx: Context) -> str:
    """What the edge answers challenges with."""
    found = ctx.store.instance.get("acme-thumbprint")
    if found is None:
        found = acme_client.thumbprint(account_key(ctx))
        ctx.store.instance.set("acme-thumbprint", found)
    return found


def server(ctx: Context) -> str:
    """The URL of the authority's directory."""
    text = ctx.store.properties.of(None).text("letsencrypt", "server")
    return acme.NAMED.get(text, text) or acme.PRODUCTION


def staging(ctx: Context, server: str) -> str:
    """The URL of the directory where orders are rehearsed; empty where there is none."""
    text = ctx.store.properties.of(None).text("letsencrypt", "staging-server")
    return acme.staging_of(server, acme.NAMED.get(text, text))
