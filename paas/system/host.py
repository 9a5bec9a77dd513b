"""The machine itself: its disks, its memory, its addresses, and limits for what builds run."""

from __future__ import annotations

import ipaddress
import itertools
import logging
import os
import re
import socket
import stat
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from contextlib import contextmanager
from pathlib import Path

from paas.core.builds.disk_space import Disk, Memory
from paas.system import build_limiter
from paas.system.cgroups import BuildGroup

_log = logging.getLogger(__name__)
_PROC = Path("/proc")
_BRIDGE = re.compile(r"docker[0-9]+|docker_gwbridge|br-[0-9a-f]{12}")
"""Docker's names for the bridges of its networks. Others may carry the addresses of the machine itself."""


class Host:
    """What the engine asks of the machine, as one thing that tests can put another in place of."""

    def __init__(self) -> None:
        self._trouble = ""

    def disk(self, path: Path) -> Disk:
        """The file system of the path, or of its nearest parent that can be looked at."""
        while True:
            try:
                found = os.statvfs(path)
            except (FileNotFoundError, PermissionError):
                if path == path.parent:
                    raise
                path = path.parent
                continue
            # Some file systems (btrfs) make inodes as they are needed, and report none at all.
            inodes = found.f_favail if found.f_files else None
            return Disk(str(path), found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize, inodes)

    def same_disk(self, one: Path, other: Path) -> bool:
        """Whether both are on one file system; False where that can't be seen."""
        try:
            return one.stat().st_dev == other.stat().st_dev
        except OSError:
            return False

    def memory(self) -> Memory:
        """From ``/proc/meminfo``: https://docs.kernel.org/filesystems/proc.html#meminfo"""
        lines = (_PROC / "meminfo").read_text(encoding="ascii").splitlines()
        values = {key: int(rest.split()[0]) * 1024 for key, _, rest in (line.partition(":") for line in lines)}
        return Memory(values["MemAvailable"], values["MemTotal"])

    @contextmanager
    def limited(self, group: str, mark: str, weight: int, memory: int) -> Iterator[str]:
        """While inside, every process on this host with ``mark`` in its environment, and all that it starts, is put
        under the control group: ``weight`` 1 to 10000 of CPU time (100 is what others have), ``memory`` bytes, 0 for
        no limit. Gives an empty text, or why that can't be done here; then nothing is limited."""
        with _limited(group, mark, weight, memory) as trouble:
            if trouble and trouble != self._trouble:
                # Once, not with every build; `doctor` tells it, too.
                _log.warning("builds run without limits of CPU and memory: %s", trouble)
            self._trouble = trouble
            yield trouble

    def limit_trouble(self, group: str) -> str:
        """Why nothing can be limited by a control group of that name here, empty if it can."""
        return "" if build_limiter.SOCKET.is_socket() else BuildGroup(group).trouble()

    def remove_group(self, group: str) -> None:
        """Removes the control group, if it is there."""
        BuildGroup(group).remove()

    def addresses(self) -> frozenset[str]:
        """The IP addresses of this machine."""
        found = set()
        lines = (_PROC / "net" / "fib_trie").read_text(encoding="ascii").splitlines()
        for address, kind in itertools.pairwise(lines):
            if "/32 host LOCAL" in kind:
                found.add(address.split()[-1])
        table = _PROC / "net" / "if_inet6"
        if table.exists():
            for line in table.read_text(encoding="ascii").splitlines():
                found.add(_ipv6(line.split()[0]))
        return frozenset(found)

    def inner_addresses(self) -> frozenset[str]:
        """Those of them that only containers reach: of the bridges that the container engine makes."""
        routes = [line.split() for line in (_PROC / "net" / "route").read_text(encoding="ascii").splitlines()[1:]]
        bridged = [_network(row[1], row[7]) for row in routes if _BRIDGE.fullmatch(row[0])]
        own = self.addresses()
        found = {one for one in own if any(ipaddress.ip_address(one) in network for network in bridged)}
        table = _PROC / "net" / "if_inet6"
        rows = [line.split() for line in table.read_text(encoding="ascii").splitlines()] if table.exists() else []
        return frozenset(found | {_ipv6(row[0]) for row in rows if _BRIDGE.fullmatch(row[5])})

    def resolve(self, names: Sequence[str], seconds: float) -> dict[str, frozenset[str] | None]:
        """The addresses of each name; empty where there are none, None where no answer came in time."""
        pool = ThreadPoolExecutor(min(16, len(names) or 1), thread_name_prefix="resolve")
        futures = {name: pool.submit(_addresses_of, name) for name in names}
        found: dict[str, frozenset[str] | None] = {}
        for name, future in futures.items():
            try:
                found[name] = future.result(seconds)
            except Late:
                found[name] = None
                # Whatever has not come by now shares the time that is over.
                seconds = 0.0
        pool.shutdown(wait=False, cancel_futures=True)
        return found

    def mode(self, path: Path) -> int | None:
        """The permission bits of the file, None if it is not there."""
        try:
            return stat.S_IMODE(path.stat().st_mode)
        except FileNotFoundError:
            return None

    def runs(self, program: str) -> bool:
        """Whether a process of that name runs on this machine."""
        for entry in _PROC.iterdir():
            if entry.name.isdecimal():
                try:
                    if (entry / "comm").read_text(encoding="utf-8", errors="replace").strip() == program:
                        return True
                except OSError:
                    # It has ended since the list was read.
                    continue
        return False


@contextmanager
def _limited(group: str, mark: str, weight: int, memory: int) -> Iterator[str]:
    """By this process itself where it may, else by the helper where there is one."""
    made = BuildGroup(group)
    trouble = made.prepare(weight, memory)
    if not trouble:
        with made.gather(mark):
            yield ""
    elif build_limiter.SOCKET.is_socket():
        with build_limiter.limited(group, mark, weight, memory) as trouble:
            yield trouble
    else:
        yield trouble


def _ipv6(digits: str) -> str:
    return str(ipaddress.IPv6Address(bytes.fromhex(digits)))


def _network(address: str, mask: str) -> ipaddress.IPv4Network:
    """From a row of /proc/net/route, whose bytes are in the order of the processor."""
    number, bits = (int(text, 16).to_bytes(4, sys.byteorder) for text in (address, mask))
    return ipaddress.IPv4Network((number, str(ipaddress.IPv4Address(bits))))


def _addresses_of(name: str) -> frozenset[str]:
    try:
        return frozenset(str(entry[4][0]) for entry in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError):
        return frozenset()
