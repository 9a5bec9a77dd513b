"""Findings of `doctor` about domains and certificates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from paas.certs.clients import AcmeClients
from paas.core.edge.hosts import is_pattern
from paas.core.model import App
from paas.core.server import doctor, doctor_tls
from paas.core.server.doctor import Finding
from paas.edge import addresses, publish, tls
from paas.jobs.context import Context
from paas.store.acme import AcmeRecords

LOOPBACK_NAMES = ("localhost", ".localhost")


def domains(ctx: Context, apps: Sequence[App]) -> Iterable[Finding]:
    """Check that the domains of the apps resolve to this server."""
    owners = {name: app.name for app in apps for name in ctx.store.apps.domains(app) if _in_dns(name)}
    # Ask the same name server as certificate orders do, if one is set.
    server = str(ctx.settings.value("dns-server") or "")
    asked = ctx.part(AcmeClients).resolver.addresses(list(owners), server) if server and owners else None
    resolved = asked if asked is not None else ctx.host.resolve(list(owners), doctor.RESOLVE_SECONDS)
    return doctor.domains(owners, resolved, addresses.leading_here(ctx))


def _in_dns(name: str) -> bool:
    return not name.endswith(LOOPBACK_NAMES) and not is_pattern(name)


def certificates(ctx: Context, apps: Sequence[App]) -> Iterator[Finding]:
    """Report certificates that expire soon, and failed attempts to get one."""
    for app in apps:
        served = tls.assigned(ctx, app, publish.all_hosts(ctx, app))
        yield from doctor_tls.certificates(app.name, served, ctx.clock.now())
        yield from doctor_tls.attempts(app.name, ctx.store.table(AcmeRecords).attempts(app))
