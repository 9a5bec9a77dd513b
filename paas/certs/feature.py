"""The feature of certificates: issued by an authority, or uploaded."""

from __future__ import annotations

from functools import partial

from paas.certs import account, findings
from paas.certs.acme_client import AcmeClient
from paas.certs.clients import AcmeClients
from paas.certs.commands import certs, letsencrypt
from paas.certs.dns_hook import DnsHooks
from paas.certs.loop import Issuer
from paas.certs.resolver import Resolver
from paas.core import network_values
from paas.core import values as kinds
from paas.core.properties import Effect, Property, Scope
from paas.edge.tls import Challenges
from paas.jobs.context import Context
from paas.jobs.feature import Feature, Look, Part
from paas.store.acme import AcmeRecords
from paas.store.certificates import Secrets
from paas.system.data_folders import folder


def _clients(ctx: Context) -> AcmeClients:
    return AcmeClients(AcmeClient(), DnsHooks([ctx.paths.hooks, folder("hooks")]), Resolver())


PROPERTIES = (
    Property("letsencrypt", "dns-provider", network_values.HOOK, "",
             "the hook program dns-NAME that validates wildcard domains", scope=Scope.GLOBAL),
    Property("letsencrypt", "email", network_values.EMAIL, "",
             "the account's email; once set, domains that point to this server get certificates", Effect.PROXY,
             Scope.GLOBAL),
    Property("letsencrypt", "enabled", kinds.BOOLEAN, "true",
             "whether the app gets certificates (letsencrypt:enable, letsencrypt:disable)", Effect.PROXY),
    Property("letsencrypt", "server", network_values.DIRECTORY, "production",
             "the authority: production, staging, or the URL of another ACME directory", scope=Scope.GLOBAL),
    Property("letsencrypt", "server-ca-file", network_values.ABSOLUTE_PATH, "",
             "a PEM file on the server with the roots that the authority's server is verified with",
             scope=Scope.GLOBAL),
    Property("letsencrypt", "staging-server", network_values.DIRECTORY, "",
             "the directory for trial orders after repeated failures; empty: the authority's own",
             scope=Scope.GLOBAL),
)  # fmt: skip

FEATURE = Feature(
    "certs",
    commands=(certs, letsencrypt),
    properties=PROPERTIES,
    tables=(AcmeRecords, Secrets),
    parts=(
        Part(AcmeClients, _clients),
        Part(Challenges, lambda ctx: Challenges(partial(account.thumbprint, ctx))),
    ),
    loops=lambda ctx: [Issuer(ctx)],
    findings=(Look("dns", findings.domains), Look("certificates", findings.certificates)),
    destroyed=lambda ctx, app: ctx.store.certificates.release(app),
)
