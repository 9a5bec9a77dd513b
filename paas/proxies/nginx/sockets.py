"""Connections of nginx's workers, as the kernel reports them (``/proc``, see proc(5))."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from paas.core.containers import tcp_table
from paas.core.containers.tcp_table import Held, TcpConnection
from paas.proxies.nginx.processes import PROC

_SOCKET = re.compile(r"socket:\[([0-9]+)\]")
_WATCHED = re.compile(r"^tfd:\s*([0-9]+)", re.MULTILINE)
_EPOLL = "anon_inode:[eventpoll]"
OWN_CHANNEL = 1
"""Each worker has one Unix socket to its master."""


def of_workers(pids: Collection[int], doors: Collection[int]) -> dict[int, Held | None]:
    """Return the connections of each worker, with clients at the ports ``doors``; None if the kernel does not allow it.
    """
    tcp = {one.inode: one for name in ("tcp", "tcp6") for one in tcp_table.connections(_table(name))}
    unix = _connected(_table("unix"))
    return {pid: _of_worker(pid, doors, tcp, unix) for pid in pids}


def _of_worker(
    pid: int, doors: Collection[int], tcp: Mapping[int, TcpConnection], unix: frozenset[int]
) -> Held | None:
    try:
        inodes = _watched(PROC / str(pid))
    except FileNotFoundError:
        # It has ended since it was listed.
        return Held()
    except OSError:
        return None

    sockets = max(0, len(inodes & unix) - OWN_CHANNEL)
    return tcp_table.held([tcp[inode] for inode in inodes if inode in tcp], doors, sockets)


def _watched(process: Path) -> frozenset[int]:
    """Return the inodes of the sockets that the process waits for: others are those to other workers."""
    links = {entry.name: _target(entry) for entry in (process / "fd").iterdir()}
    watched: set[str] = set()

    for name, target in links.items():
        if target == _EPOLL:
            watched.update(_WATCHED.findall((process / "fdinfo" / name).read_text()))

    found = (_SOCKET.fullmatch(links.get(name, "")) for name in watched)
    return frozenset(int(match[1]) for match in found if match)


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except FileNotFoundError:
        return ""


def _table(name: str) -> str:
    try:
        return (PROC / "self" / "net" / name).read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        # A kernel without IPv6 has no tcp6.
        return ""


def _connected(table: str) -> frozenset[int]:
    """Return the inodes of connected Unix sockets, from ``/proc/net/unix``."""
    rows = (line.split() for line in table.splitlines()[1:])
    return frozenset(int(row[6]) for row in rows if len(row) > 6 and row[5] == "03")
