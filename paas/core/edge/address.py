"""Address of a process, as the edge reaches it."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from paas.core.edge.proxy_options import check_whole
from paas.core.errors import InvalidValue

LOOPBACK = "127.0.0.1"


class Address(NamedTuple):
    """IP address and port. nginx would resolve a name only once, at its start."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def local(*ports: int) -> tuple[Address, ...]:
    """Return the addresses of these ports of this machine's loopback interface."""
    return tuple(Address(LOOPBACK, port) for port in ports)


def check_addresses(addresses: tuple[Address, ...]) -> None:
    """Raise `InvalidValue` for an address that is not safe in a configuration file."""
    for address in addresses:
        if not isinstance(address, Address):
            raise InvalidValue(f"{address!r} is not an address")
        check_whole("port", address.port, 1, 65_535)
        try:
            host = ipaddress.ip_address(address.host)
        except ValueError:
            raise InvalidValue(f"{address.host[:80]!r} is not an IP address") from None
        if str(host) != address.host or "%" in address.host:
            raise InvalidValue(f"the IP address {address.host!r} is not normalised", why=f"Expected {host}.")
