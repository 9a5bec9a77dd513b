"""Addresses that the server connects to on behalf of users: the internet, and networks that an administrator allows."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from paas.core.errors import PaasError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Written out, because the ranges that ipaddress calls private differ between versions of Python.
REFUSED_IPV4: tuple[tuple[IPv4Network, str], ...] = tuple(
    (IPv4Network(network), kind)
    for network, kind in (
        ("0.0.0.0/8", "this host"),
        ("10.0.0.0/8", "a private network"),
        ("100.64.0.0/10", "a shared network"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local, as the metadata of clouds"),
        ("172.16.0.0/12", "a private network"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "reserved"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "a private network"),
        ("198.18.0.0/15", "a private network"),
        ("198.51.100.0/24", "reserved"),
        ("203.0.113.0/24", "reserved"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
REFUSED_IPV6: tuple[tuple[IPv6Network, str], ...] = tuple(
    (IPv6Network(network), kind)
    for network, kind in (
        ("::/128", "this host"),
        ("::1/128", "loopback"),
        ("2001:db8::/32", "reserved"),
        ("3fff::/20", "reserved"),
        ("5f00::/16", "reserved"),
        ("fc00::/7", "a private network"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "a private network"),
        ("ff00::/8", "multicast"),
    )
)
GLOBAL_IPV6 = IPv6Network("2000::/3")
"""All IPv6 addresses that are allocated to hosts of the internet."""
_NAT64 = IPv6Network("64:ff9b::/96")


class EgressRefused(PaasError):
    """The server does not connect to this address on behalf of users."""

    code = "egress-refused"


@dataclass(frozen=True)
class Egress:
    """Rule for addresses. ``allowed`` are the networks that an administrator opened.

    An address that contains an IPv4 address (mapped, 6to4, NAT64, Teredo) must also pass as that one.
    """

    allowed: tuple[Network, ...] = ()

    def refusal(self, address: str) -> str:
        """Return the kind of a refused address; empty if it is allowed. Raise ValueError for an invalid address."""
        return next((kind for form in _forms(_read(address)) if (kind := self._kind(form))), "")

    def _kind(self, address: Address) -> str:
        return "" if any(address in network for network in self.allowed) else _kind(address)

    def check(self, host: str, addresses: list[str]) -> list[str]:
        """Return the allowed addresses of the host. Raise `EgressRefused` if there are none."""
        kinds = {address: self.refusal(address) for address in addresses}
        taken = [address for address, kind in kinds.items() if not kind]
        if addresses and not taken:
            raise refused(host, *next(iter(kinds.items())))
        return taken


def refused(host: str, address: str, kind: str) -> EgressRefused:
    """Return the error for a host with a refused address."""
    where = f"{host} leads to {address}" if host != address else address
    return EgressRefused(
        f"the server does not connect to {host}",
        why=f"{where}: {kind}. Such addresses are refused, because they may lead to what only this server can reach.",
        fix=f"If it should, an administrator can allow it: 'settings:set egress-allow {_example(address)}'.",
    )


def networks(text: str) -> tuple[Network, ...]:
    """Parse networks or addresses, separated by commas or blanks. Raise ValueError."""
    return tuple(ipaddress.ip_network(part) for part in text.replace(",", " ").split())


def _read(address: str) -> Address:
    # A scope, as in fe80::1%eth0, selects an interface.
    return ipaddress.ip_address(address.partition("%")[0])


def _example(address: str) -> str:
    found = _read(address)
    return f"{found}/{found.max_prefixlen}"


def _forms(address: Address) -> list[Address]:
    """Return all addresses at which packets may arrive: the address, and the IPv4 addresses that it contains."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address in _NAT64:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    return [address, *(form for form in (address.sixtofour, *(address.teredo or ())) if form is not None)]


def _kind(address: Address) -> str:
    """Return the special kind of the address; empty for one of the internet."""
    if isinstance(address, IPv4Address):
        return next((kind for network, kind in REFUSED_IPV4 if address in network), "")
    kind = next((kind for network, kind in REFUSED_IPV6 if address in network), "")
    return kind or ("" if address in GLOBAL_IPV6 else "reserved")
