"""ACME account of the instance, and the URLs of the configured authority."""

from __future__ import annotations

from paas.certs import acme_client
from paas.certs.acme_client import AcmeAccount
from paas.core.certs import acme
from paas.core.secret import Secret
from paas.jobs.context import Context
from paas.store.certificates import Secrets
from paas.system import x509

ACCOUNT_KEY = "acme-account-key"


def key(ctx: Context) -> Secret:
    """Return the key of the instance's ACME account, created on first use. All certificate authorities share it."""
    found = ctx.store.table(Secrets).get(ACCOUNT_KEY)
    if found is None:
        with ctx.store.transaction():
            found = ctx.store.table(Secrets).get(ACCOUNT_KEY)
            if found is None:
                found = x509.new_key()
                ctx.store.table(Secrets).set(ACCOUNT_KEY, found)
    return found


def thumbprint(ctx: Context) -> str:
    """Return the thumbprint of the account key, with which the edge answers challenges."""
    found = ctx.store.instance.get("acme-thumbprint")
    if found is None:
        found = acme_client.thumbprint(key(ctx))
        ctx.store.instance.set("acme-thumbprint", found)
    return found


def server(ctx: Context) -> str:
    """Return the URL of the ACME directory."""
    text = ctx.store.properties.of(None).text("letsencrypt", "server")
    return acme.NAMED.get(text, text) or acme.PRODUCTION


def staging(ctx: Context, server: str) -> str:
    """Return the URL of the ACME staging directory, where orders are tried first; empty if there is none."""
    text = ctx.store.properties.of(None).text("letsencrypt", "staging-server")
    return acme.staging_of(server, acme.NAMED.get(text, text))


def at(ctx: Context, server: str) -> AcmeAccount:
    """Return the instance's account with the authority."""
    properties = ctx.store.properties.of(None)
    email, ca_file = (properties.text("letsencrypt", name) for name in ("email", "server-ca-file"))
    return AcmeAccount(server, email, key(ctx), ca_file)
