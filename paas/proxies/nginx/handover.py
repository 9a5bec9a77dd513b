"""Listening sockets of a killed master, for the next one.

nginx takes over sockets whose numbers are in the variable NGINX, as in an upgrade of its program
(https://nginx.org/en/docs/control.html#upgrade). So some process listens at every moment, and no waiting connection is
lost.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paas.proxies.nginx.processes import PROC

_PIDFD_GETFD = 438
"""Number of pidfd_getfd(2), the same on every architecture; Python has no function for it."""
_libc = ctypes.CDLL(None, use_errno=True)


def start(
    command: list[str], environment: dict[str, str], sockets: list[int], umask: int
) -> subprocess.Popen[bytes]:
    """Start a master that takes over the sockets. It stays in the foreground, but outlives this process."""
    return subprocess.Popen(
        command,
        cwd="/",
        env={**environment, "NGINX": "".join(f"{number};" for number in sockets)},
        pass_fds=sockets,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        umask=umask,
        start_new_session=True,
    )


@contextmanager
def taken_from(pid: int) -> Iterator[list[int]]:
    """Return a context in which this process has the sockets on which that process listens for the network.

    There are none if the kernel does not allow it: they belong to another user, or the kernel is older than 5.6.
    """
    found = list(_open(pid))

    try:
        yield found
    finally:
        for number in found:
            os.close(number)


def _open(pid: int) -> Iterator[int]:
    try:
        descriptors = sorted(int(entry.name) for entry in (PROC / str(pid) / "fd").iterdir() if _is_socket(entry))
        process = os.pidfd_open(pid)
    except OSError:
        return

    try:
        for descriptor in descriptors:
            copy = _libc.syscall(_PIDFD_GETFD, process, descriptor, 0)

            if copy < 0:
                continue

            if _listens(copy):
                yield copy
            else:
                os.close(copy)
    finally:
        os.close(process)


def _is_socket(entry: Path) -> bool:
    try:
        return str(entry.readlink()).startswith("socket:")
    except OSError:
        return False


def _listens(descriptor: int) -> bool:
    """Return True if it accepts connections, or datagrams, from the network. Each master creates its own status socket.
    """
    with socket.socket(fileno=os.dup(descriptor)) as found:
        if found.family not in (socket.AF_INET, socket.AF_INET6):
            return False

        if found.type == socket.SOCK_STREAM:
            return bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))

        return found.type == socket.SOCK_DGRAM and not _connected(found)


def _connected(found: socket.socket) -> bool:
    try:
        found.getpeername()
    except OSError:
        return False

    return True
