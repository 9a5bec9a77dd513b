"""Reading the kernel's table of TCP sockets.

Format: proc_net_tcp.txt in the kernel's documentation, https://docs.kernel.org/networking/proc_net_tcp.html
"""

from __future__ import annotations

from dataclasses import dataclass

_LISTEN = "0A"
_ENGINE_DNS = "0B00007F"
"""127.0.0.11, where the engine itself answers name queries inside every container on a network of its own."""


@dataclass(frozen=True)
class Listener:
    """A listening socket: its port, and whether only its own network namespace can reach it."""

    port: int
    loopback: bool


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


def _is_loopback(address: str) -> bool:
    if len(address) == 8:
        # Host byte order: on little-endian machines 127.0.0.1 is 0100007F.
        return address.endswith("7F")
    mapped = address[:24] == "0000000000000000FFFF0000"
    return address == "0" * 24 + "01000000" or (mapped and address.endswith("7F"))
