"""Resolve names by DNS only, without /etc/hosts, as certificate authorities do."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import dns.exception
import dns.resolver
from dns.rdatatype import AAAA, A

SECONDS = 5.0


class Resolver:
    """Resolver of many names at once."""

    def addresses(self, names: Sequence[str], server: str = "") -> dict[str, frozenset[str] | None]:
        """Return the addresses of each name: empty if it has none, None if no server answered in time.

        ``server`` is ``ADDRESS:PORT`` of the name server, empty for those of the host.
        """
        resolver = _resolver(server)
        with ThreadPoolExecutor(min(16, len(names) or 1), thread_name_prefix="resolve") as pool:
            return dict(zip(names, pool.map(lambda name: _addresses(resolver, name), names), strict=True))


def _resolver(server: str) -> dns.resolver.Resolver:
    resolver = dns.resolver.Resolver(configure=not server)
    if server:
        address, _, port = server.rpartition(":")
        resolver.nameservers, resolver.port = [address.strip("[]")], int(port)
    resolver.lifetime = SECONDS
    return resolver


def _addresses(resolver: dns.resolver.Resolver, name: str) -> frozenset[str] | None:
    found: set[str] = set()
    for kind in (A, AAAA):
        try:
            found |= {str(record) for record in resolver.resolve(f"{name}.", kind)}
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            continue
        except dns.exception.DNSException:
            return None
    return frozenset(found)
