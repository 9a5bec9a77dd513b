"""Unix sockets: who is at the other end, long paths, and what a dead server has left behind."""

from __future__ import annotations

import contextlib
import os
import pwd
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from paas.core.errors import PaasError

MODE = 0o660


class AlreadyRunning(PaasError):
    """Another server answers on the control socket."""

    code = "already-running"


def listen(path: Path) -> socket.socket:
    """A socket bound to ``path``, for its owner and group. One that a dead server left is replaced.

    Raises `AlreadyRunning` when a living server answers.
    """
    path.parent.mkdir(parents=True, exist_ok=True)

    with _short(path) as short:
        _remove_stale(path, short)
        return _bind(short)


def peer_user(sock: socket.socket) -> int:
    """The user id of the process that connected, by the kernel's word."""
    _, user, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return int(user)


def login_name(user: int) -> str:
    """The user's login name; ``uid 1234`` where it has none."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"uid {user}"


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """A short name for ``path``, whose own may be longer than the 107 bytes that a socket address has (unix(7))."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)

    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _remove_stale(path: Path, short: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(5)

        try:
            probe.connect(short)
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return

    raise AlreadyRunning(
        f"A server is running already in {path.parent}",
        why="It answers on the control socket.",
        fix="Stop it first, or choose another folder with --root.",
    )


def _bind(short: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o777 & ~MODE)

    try:
        sock.bind(short)
    except OSError:
        sock.close()
        raise
    finally:
        os.umask(before)

    return sock
