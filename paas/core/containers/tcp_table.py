"""Parser for the kernel's table of TCP sockets.

Format: proc_net_tcp.txt in the kernel's documentation, https://docs.kernel.org/networking/proc_net_tcp.html
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from paas.core.edge.address import LOOPBACK, Address

_LISTEN = "0A"
_OPEN = ("01", "02", "08")
"""Established, being opened, and closed by the peer only."""
_ACCEPTABLE = ("01", "08")
_ENGINE_DNS = "0B00007F"
"""127.0.0.11, where Docker answers DNS queries in every container on a user-defined network."""


@dataclass(frozen=True)
class Listener:
    """Listening socket: its port, and whether only its own network namespace can reach it."""

    port: int
    loopback: bool


@dataclass(frozen=True)
class TcpConnection:
    """Open connection: local port, peer, and whether data is waiting that the peer has not read."""

    inode: int
    local: int
    remote: Address
    sending: bool


def connections(table: str) -> Iterator[TcpConnection]:
    """Yield the open connections in the text of ``/proc/PID/net/tcp`` or ``tcp6``."""
    for line in table.splitlines()[1:]:
        columns = line.split()
        if len(columns) < 10 or columns[3] not in _OPEN:
            continue
        local, remote = columns[1].rpartition(":")[2], columns[2].rpartition(":")
        unsent = columns[4].partition(":")[0]
        yield TcpConnection(
            int(columns[9]), int(local, 16), Address(_host(remote[0]), int(remote[2], 16)), int(unsent, 16) > 0
        )


@dataclass(frozen=True)
class Held:
    """Connections of an nginx worker.

    ``clients`` are those that it accepted; ``sending`` is the number of clients that have not read all data yet.
    ``targets`` has the number of connections to each address, ``sockets`` that of connections to Unix sockets.
    """

    clients: int = 0
    sending: int = 0
    targets: Mapping[Address, int] = field(default_factory=dict)
    sockets: int = 0

    def may_ask(self, addresses: Collection[Address]) -> bool:
        """Return True if the worker passes a request to one of the addresses, or may still do so.

        A client without a matching connection to another process may still be sending a request, to any app. A client
        that reads slowly has sent its request, and may no longer need a process.
        """
        if any(address in self.targets for address in addresses):
            return True
        # The rest are not processes of an app: DNS resolvers, or OCSP responders.
        hosts = {LOOPBACK, *(address.host for address in addresses)}
        others = sum(count for target, count in self.targets.items() if target.host in hosts) + self.sockets
        return self.clients - self.sending > max(0, others - self.sending)


def held(found: Collection[TcpConnection], doors: Collection[int], sockets: int = 0) -> Held:
    """Return the connections of a worker whose clients arrive at the ports ``doors``."""
    clients = [one for one in found if one.local in doors]
    targets: dict[Address, int] = {}
    for one in found:
        if one.local not in doors:
            targets[one.remote] = targets.get(one.remote, 0) + 1
    return Held(len(clients), sum(one.sending for one in clients), targets, sockets)


def listeners(table: str) -> frozenset[Listener]:
    """Return the listening sockets in the text of ``/proc/PID/net/tcp`` or ``tcp6``."""
    found = set()
    for line in table.splitlines()[1:]:
        columns = line.split()
        if len(columns) < 4 or columns[3] != _LISTEN:
            continue
        address, _, port = columns[1].rpartition(":")
        if address == _ENGINE_DNS:
            continue
        found.add(Listener(int(port, 16), _is_loopback(address)))
    return frozenset(found)


def waiting(table: str, port: int) -> frozenset[str]:
    """Return the clients, as written in ``/proc/PID/net/tcp`` or ``tcp6``, whose connections to the port are open but
    were not accepted by a process.
    """
    found = set()
    for line in table.splitlines()[1:]:
        columns = line.split()
        local, _, number = columns[1].rpartition(":") if len(columns) > 9 else ("", "", "0")
        if local and int(number, 16) == port and columns[3] in _ACCEPTABLE and columns[9] == "0":
            found.add(columns[2])
    return frozenset(found)


def _host(text: str) -> str:
    """Return the IP address; an IPv4-mapped IPv6 address as IPv4."""
    # Words of four bytes in host byte order: on little-endian machines 127.0.0.1 is 0100007F.
    words = [bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8)]
    address = ipaddress.ip_address(b"".join(words))
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _is_loopback(address: str) -> bool:
    if len(address) == 8:
        # Host byte order: on little-endian machines 127.0.0.1 is 0100007F.
        return address.endswith("7F")
    mapped = address[:24] == "0000000000000000FFFF0000"
    return address == "0" * 24 + "01000000" or (mapped and address.endswith("7F"))
