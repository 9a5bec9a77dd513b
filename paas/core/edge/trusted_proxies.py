"""Trusted proxies in front of the edge, which report the client's address: load balancers, CDNs."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from paas.core.edge.rules import network as normalised
from paas.core.errors import InvalidValue
from paas.core.values import Kind

EVERYONE = "all"
"""Stands for every address: for a server that only its proxies can reach."""
FORWARDED_FOR, PROXY = "x-forwarded-for", "proxy-protocol"
HEADERS = ("proto", "host", "port")
# Shortest prefix lengths accepted: 10.0.0.0/8, and the largest IPv6 networks that registries assign to providers.
SHORTEST = {4: 8, 6: 16}


@dataclass(frozen=True)
class TrustedProxies:
    """Networks of proxies, or `EVERYONE` alone, and how they report the client.

    ``protocol``: the client's address comes in the header X-Forwarded-For, or at the start of each connection in the
    PROXY protocol, which every client of the HTTP and HTTPS ports must speak then. ``headers`` are those of
    ``X-Forwarded-Proto``, ``-Host`` and ``-Port`` that every proxy sets itself and never passes on from a client.
    """

    networks: tuple[str, ...]
    protocol: str = FORWARDED_FOR
    headers: frozenset[str] = frozenset({"proto"})

    def __post_init__(self) -> None:
        if read_networks(" ".join(self.networks)) != self.networks or not self.networks:
            raise InvalidValue(f"the trusted proxies {self.networks} are not normalised")
        if self.protocol not in (FORWARDED_FOR, PROXY) or not self.headers <= set(HEADERS):
            raise InvalidValue(f"trusted proxies can't speak {self.protocol}, or set {sorted(self.headers)}")

    @property
    def everyone(self) -> bool:
        """True if every address is trusted."""
        return self.networks == (EVERYONE,)

    @property
    def proxy_protocol(self) -> bool:
        """True if connections begin with a PROXY protocol header."""
        return self.protocol == PROXY

    def believes(self, header: str) -> bool:
        """Return True if ``X-Forwarded-…`` of that name is trusted. With the PROXY protocol, any client can set it."""
        return header in self.headers and not self.proxy_protocol


def read_networks(text: str) -> tuple[str, ...]:
    """Read a list of networks, separated by commas or blanks.

    Raise ValueError, and `InvalidValue` for a network so large that it must be a mistake.
    """
    words = text.replace(",", " ").split()
    if words == [EVERYONE]:
        return (EVERYONE,)
    found = [ipaddress.ip_network(word) for word in words]
    for network in found:
        if network.prefixlen < SHORTEST[network.version]:
            raise InvalidValue(
                f"{network} can't be a network of proxies",
                why=f"Any client in {network} could claim any address, and so bypass access rules and rate limits."
                " Give the addresses of your proxies. If you don't know them, and a firewall lets only them reach this"
                f" server, use {EVERYONE!r}.",
            )
    return tuple(dict.fromkeys(normalised(str(network)) for network in found))


def read_headers(text: str) -> frozenset[str]:
    """Read a list of names, separated by commas or blanks; ``none`` alone means none. Raise ValueError."""
    words = frozenset(text.replace(",", " ").split())
    if not words <= {*HEADERS, "none"} or ("none" in words and len(words) > 1):
        raise ValueError(text)
    return words - {"none"}


NETWORKS = Kind(
    "addresses and networks separated by commas, such as 10.0.0.5,192.0.2.0/24, or all", read_networks
)
SET_HEADERS = Kind("a list of proto, host and port separated by commas, or none", read_headers)
