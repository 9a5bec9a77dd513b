"""Reading the kernel's table of TCP sockets.

Format: proc_net_tcp.txt in the kernel's documentation, https://docs.kernel.org/networking/proc_net_tcp.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

_LISTEN = "0A"
_OPEN = ("01", "02", "08")
"""Established, being opened, and closed by the other side only."""
_ACCEPTABLE = ("01", "08")
_ENGINE_DNS = "0B00007F"
"""127.0.0.11, where the engine itself answers name queries inside every container on a network of its own."""


@dataclass(frozen=True)
class Listener:
    """A listening socket: its port, and whether only its own network namespace can reach it."""

    port: int
    loopback: bool


@dataclass(frozen=True)
class TcpConnection:
    """An open connection of a process: its ports, and whether data waits that the other side has not taken yet."""

    inode: int
    local: int
    remote: int
    to_loopback: bool
    sending: bool


def connections(table: str) -> Iterator[TcpConnection]:
    """The open connections in the text of ``/proc/PID/net/tcp`` or ``tcp6``."""
    for line in table.splitlines()[1:]:
        columns = line.split()
        if len(columns) < 10 or columns[3] not in _OPEN:
            continue
        local, remote = columns[1].rpartition(":")[2], columns[2].rpartition(":")
        unsent = columns[4].partition(":")[0]
        yield TcpConnection(
            int(columns[9]), int(local, 16), int(remote[2], 16), _is_loopback(remote[0]), int(unsent, 16) > 0
        )


@dataclass(frozen=True)
class Held:
    """The connections of a worker of the proxy.

    ``clients`` are those that it accepted, ``sending`` how many of them have not taken yet what was sent. ``targets``
    has the number of connections to each loopback port, ``sockets`` is that of connections to Unix sockets.
    """

    clients: int = 0
    sending: int = 0
    targets: Mapping[int, int] = field(default_factory=dict)
    sockets: int = 0

    def may_ask(self, ports: Collection[int]) -> bool:
        """Whether the worker passes a request on to one of the ports, or may do so yet.

        A client with whom no connection to another process goes along may still be sending a request, for whichever
        app. A client that takes data slowly has sent its request, and may need no process any more.
        """
        if any(port in self.targets for port in ports):
            return True
        others = sum(self.targets.values()) + self.sockets
        return self.clients - self.sending > max(0, others - self.sending)


def held(found: Collection[TcpConnection], doors: Collection[int], sockets: int = 0) -> Held:
    """What a worker with these connections has, where clients come in at the ports ``doors``."""
    clients = [one for one in found if one.local in doors]
    targets: dict[int, int] = {}
    for one in found:
        if one.local not in doors and one.to_loopback:
            targets[one.remote] = targets.get(one.remote, 0) + 1
    return Held(len(clients), sum(one.sending for one in clients), targets, sockets)


def listeners(table: str) -> frozenset[Listener]:
    """The listening sockets in the text of ``/proc/PID/net/tcp`` or ``tcp6``."""
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
    """The clients, as the text of ``/proc/PID/net/tcp`` or ``tcp6`` has them, of connections to the port that are open
    and belong to no process yet: none has accepted them."""
    found = set()
    for line in table.splitlines()[1:]:
        columns = line.split()
        local, _, number = columns[1].rpartition(":") if len(columns) > 9 else ("", "", "0")
        if local and int(number, 16) == port and columns[3] in _ACCEPTABLE and columns[9] == "0":
            found.add(columns[2])
    return frozenset(found)


def _is_loopback(address: str) -> bool:
    if len(address) == 8:
        # Host byte order: on little-endian machines 127.0.0.1 is 0100007F.
        return address.endswith("7F")
    mapped = address[:24] == "0000000000000000FFFF0000"
    return address == "0" * 24 + "01000000" or (mapped and address.endswith("7F"))
