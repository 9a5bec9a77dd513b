"""What holds for the whole edge, because nginx reads it before it knows for which app a request is."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from paas.core.edge.trusted_proxies import TrustedProxies
from paas.core.errors import InvalidValue


@dataclass(frozen=True)
class ServerOptions:
    """Options of the server: ``client_header_timeout`` in seconds, ``listen_ipv6`` an IPv6 address or empty.

    ``drain_seconds`` is how long a worker of before a reload may go on with its connections, ``generations`` how many
    sets of such workers there may be, ``trusted`` are proxies in front.
    ``header_buffers`` is how many buffers a request's header may take, and the size of one, which holds a line.
    """

    client_header_timeout: int = 30
    underscores_in_headers: bool = False
    listen_ipv6: str = ""
    drain_seconds: int = 3600
    generations: int = 16
    header_buffers: tuple[int, int] = (8, 16_384)
    trusted: TrustedProxies | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.client_header_timeout <= 3600:
            raise InvalidValue(f"client-header-timeout: {self.client_header_timeout} is not from 1 to 3600 seconds")

        if self.listen_ipv6:
            ipaddress.IPv6Address(self.listen_ipv6)

    def ipv6_beside(self, listen: str) -> str:
        """The same port as ``listen`` on the IPv6 address; empty for none, or where that is the address already."""
        address = f"[{self.listen_ipv6}]:{listen.rpartition(':')[2]}"
        return address if self.listen_ipv6 and address != listen else ""
