"""Proxies in front of the edge, whose word on the client counts: a load balancer, a CDN."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from paas.core.edge.rules import network as normalised
from paas.core.errors import InvalidValue
from paas.core.values import Kind

EVERYONE = "all"
"""Stands for every address: for a server that nobody but its proxies can reach."""
FORWARDED_FOR, PROXY = "x-forwarded-for", "proxy-protocol"
HEADERS = ("proto", "host", "port")
# Fewer bits than the largest networks that one owner has: 10.0.0.0/8, and what registries give to providers.
SHORTEST = {4: 8, 6: 16}


@dataclass(frozen=True)
class TrustedProxies:
    """Networks of proxies, or `EVERYONE` alone, and what they say.

    ``protocol``: the client's address comes in the header X-Forwarded-For, or in front of each connection by the PROXY
    protocol, which then every client of the HTTP and HTTPS ports has to speak. ``headers`` are those of ``X-Forwarded-
    Proto``, ``-Host`` and ``-Port`` that each of the proxies sets itself and passes on from no client.
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
        """Whether every address is one of a proxy."""
        return self.networks == (EVERYONE,)

    @property
    def proxy_protocol(self) -> bool:
        """Whether connections begin with a line of the PROXY protocol."""
        return self.protocol == PROXY

    def believes(self, header: str) -> bool:
        """Whether ``X-Forwarded-…`` of that name counts. Behind the PROXY protocol, clients write all headers."""
        return header in self.headers and not self.proxy_protocol


def read_networks(text: str) -> tuple[str, ...]:
    """Return the networks of a list with commas or blanks. Raises ValueError, and `InvalidValue` for one that is so
    large that it can only be a mistake."""
    words = text.replace(",", " ").split()
    if words == [EVERYONE]:
        return (EVERYONE,)
    found = [ipaddress.ip_network(word) for word in words]
    for network in found:
        if network.prefixlen < SHORTEST[network.version]:
            raise InvalidValue(
                f"{network} can't be a network of proxies",
                why=f"Whoever is in {network} could claim any address, and pass access rules and rate limits by that."
                " Give the addresses of your proxies. Where a firewall lets nobody but them reach this server, and"
                f" their addresses are not known, the value {EVERYONE!r} says so.",
            )
    return tuple(dict.fromkeys(normalised(str(network)) for network in found))


def read_headers(text: str) -> frozenset[str]:
    """Return the names of a list with commas or blanks, of which ``none`` alone stands for none. Raises ValueError."""
    words = frozenset(text.replace(",", " ").split())
    if not words <= {*HEADERS, "none"} or ("none" in words and len(words) > 1):
        raise ValueError(text)
    return words - {"none"}


NETWORKS = Kind(
    "addresses and networks with commas between them, such as 10.0.0.5,192.0.2.0/24, or all", read_networks
)
SET_HEADERS = Kind("a list of proto, host and port with commas between them, or none", read_headers)
