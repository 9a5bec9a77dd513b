"""The machine: its disks, memory and addresses, and limits for builds."""

from __future__ import annotations

import logging
import os
import re
import socket
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from contextlib import contextmanager
from pathlib import Path

import psutil

from paas.core.builds.disk_space import Disk, Memory
from paas.system.build_limits import limits

_log = logging.getLogger(__name__)
_BRIDGE = re.compile(r"docker[0-9]+|docker_gwbridge|br-[0-9a-f]{12}")
"""Docker's names for the bridges of its networks. Other bridges may have addresses of the machine itself."""


class Host:
    """Access to the machine, replaceable in tests."""

    def __init__(self) -> None:
        self._trouble = ""

    def disk(self, path: Path) -> Disk:
        """Return the file system of the path, or of its nearest accessible parent."""
        while True:
            try:
                found = os.statvfs(path)
            except (FileNotFoundError, PermissionError):
                if path == path.parent:
                    raise
                path = path.parent
                continue
            # Some file systems (btrfs) create inodes as needed, and report none.
            inodes = found.f_favail if found.f_files else None
            return Disk(str(path), found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize, inodes)

    def same_disk(self, one: Path, other: Path) -> bool:
        """Return True if both are on the same file system; False if that can't be determined."""
        try:
            return one.stat().st_dev == other.stat().st_dev
        except OSError:
            return False

    def memory(self) -> Memory:
        """Return the available and the total memory in bytes."""
        found = psutil.virtual_memory()
        return Memory(found.available, found.total)

    @contextmanager
    def limited(self, group: str, mark: str, weight: int, memory: int) -> Iterator[str]:
        """Return a context in which every process on this host with ``mark`` in its environment, and its children, are
        put into the control group: ``weight`` 1 to 10000 of CPU time (100 is the default), ``memory`` bytes, 0 for
        no limit. Yield an empty text, or why that is not possible; then nothing is limited.
        """
        with limits.limited(group, mark, weight, memory) as trouble:
            if trouble and trouble != self._trouble:
                # Once, not with every build; `doctor` reports it, too.
                _log.warning("builds run without limits of CPU and memory: %s", trouble)
            self._trouble = trouble
            yield trouble

    def limit_trouble(self, group: str) -> str:
        """Return why a control group of that name can't be created here, empty if it can."""
        return limits.trouble(group)

    def remove_group(self, group: str) -> None:
        """Remove the control group, if it exists."""
        limits.remove(group)

    def addresses(self) -> frozenset[str]:
        """Return the IP addresses of this machine."""
        return frozenset(address for _, address in _interface_addresses())

    def inner_addresses(self) -> frozenset[str]:
        """Return the addresses that only containers can reach: those of Docker's bridges."""
        return frozenset(address for name, address in _interface_addresses() if _BRIDGE.fullmatch(name))

    def resolve(self, names: Sequence[str], seconds: float) -> dict[str, frozenset[str] | None]:
        """Return the addresses of each name; empty if there are none, None without an answer in time."""
        pool = ThreadPoolExecutor(min(16, len(names) or 1), thread_name_prefix="resolve")
        futures = {name: pool.submit(_addresses_of, name) for name in names}
        found: dict[str, frozenset[str] | None] = {}
        for name, future in futures.items():
            try:
                found[name] = future.result(seconds)
            except Late:
                found[name] = None
                # All remaining names share the elapsed time.
                seconds = 0.0
        pool.shutdown(wait=False, cancel_futures=True)
        return found

    def mode(self, path: Path) -> int | None:
        """Return the permission bits of the file, None if it does not exist."""
        try:
            return stat.S_IMODE(path.stat().st_mode)
        except FileNotFoundError:
            return None

    def runs(self, program: str) -> bool:
        """Return True if a process of that name runs on this machine."""
        return any(process.info["name"] == program for process in psutil.process_iter(["name"]))


def _interface_addresses() -> Iterator[tuple[str, str]]:
    """Yield the name of a network interface with each of its IP addresses."""
    for name, addresses in psutil.net_if_addrs().items():
        for one in addresses:
            if one.family in (socket.AF_INET, socket.AF_INET6):
                # A link-local address ends with its interface: fe80::1%eth0.
                yield name, one.address.partition("%")[0]


def _addresses_of(name: str) -> frozenset[str]:
    try:
        return frozenset(str(entry[4][0]) for entry in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError):
        return frozenset()
