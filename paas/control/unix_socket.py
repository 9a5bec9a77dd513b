"""Unix sockets: the peer's user, long paths, and stale socket files."""

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
    """Another server is running: it answers on the control socket."""

    code = "already-running"


def listen(path: Path) -> socket.socket:
    """Return a socket bound to ``path``, open to its owner and group. Replace the file of a dead server.

    Raise `AlreadyRunning` when a server answers.
    """
    path.parent.mkdir(parents=True, exist_ok=True)

    with _short(path) as short:
        _remove_stale(path, short)
        return _bind(short)


def peer_user(sock: socket.socket) -> int:
    """Return the user id of the process that connected, as reported by the kernel."""
    _, user, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return int(user)


def login_name(user: int) -> str:
    """Return the user's login name, or ``uid 1234`` if it has none."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"uid {user}"


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """Yield a short alias for ``path``, which may be longer than the 107 bytes of a socket address (unix(7))."""
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
        f"A server is already running in {path.parent}",
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
