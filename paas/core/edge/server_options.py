"""Options of the whole edge: nginx applies them before it knows which app a request is for."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from paas.core.edge.trusted_proxies import TrustedProxies
from paas.core.errors import InvalidValue


@dataclass(frozen=True)
class ServerOptions:
    """Options of the server: ``client_header_timeout`` in seconds, ``listen_ipv6`` an IPv6 address or empty.

    ``drain_seconds`` is how long an old worker may finish its connections after a reload, ``generations`` the number
    of reloads whose old workers may stay, ``trusted`` the proxies in front. ``header_buffers`` is the number and size
    in bytes of buffers for a request header; a header line must fit into one.
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
        """Return the IPv6 address with the port of ``listen``; empty if there is none, or if it is ``listen``."""
        address = f"[{self.listen_ipv6}]:{listen.rpartition(':')[2]}"
        return address if self.listen_ipv6 and address != listen else ""
