"""The socket on which the workers of one nginx say which generation they are."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from paas.core.errors import ProxyError
from paas.proxies.nginx.host import socket_paths
from paas.proxies.nginx.processes import bound

SECONDS = 1.0


class StatusSocket:
    """It has two names, of which one counts: nginx makes a socket whose file was removed again only by another name."""

    def __init__(self, prefix: Path, main: Path) -> None:
        self._paths = socket_paths(prefix)
        self._elsewhere = self._paths[0].parent.parent != prefix
        self.path = self._paths[_names(main, self._paths[1])]

    def prepare(self) -> None:
        """Make its folder, where that is not in the prefix. Raises `ProxyError`."""
        folder = self.path.parent

        if not self._elsewhere:
            return

        folder.mkdir(mode=0o700, exist_ok=True)

        if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
            raise ProxyError(
                f"the folder {folder} belongs to somebody else",
                why="The status socket of nginx has to be there, because the path of the data folder is too long.",
                fix="Remove it, or use a data folder with a shorter path.",
            )

    def ask(self) -> str:
        """What the workers answer when asked for their generation; empty when nothing answers."""
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(SECONDS)
                client.connect(str(self.path))
                client.sendall(b"GET /generation HTTP/1.0\r\n\r\n")
                answer = b"".join(iter(lambda: client.recv(4096), b""))
        except OSError:
            return ""

        head, _, body = answer.partition(b"\r\n\r\n")
        return body.decode().strip() if b" 200 " in head.partition(b"\r\n")[0] else ""

    def deaf(self) -> bool:
        """Whether nobody can reach it any more: its file was removed, or is another one."""
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(SECONDS)
                client.connect(str(self.path))
        except (FileNotFoundError, ConnectionRefusedError):
            return True
        except OSError:
            # One that is busy hears all the same.
            return False

        return False

    def move(self) -> None:
        """Give it its other name, from the next reload on."""
        first, second = self._paths
        other = second if self.path == first else first

        # The one that no process has, if there is such a one: that can be made.
        if not bound(other) or bound(self.path):
            self.path = other

        self.prepare()
        self.path.unlink(missing_ok=True)

        # nginx removes the file of a socket that it closes, and takes it for an emergency if there is none.
        for path in self._paths:
            if path != self.path and bound(path):
                path.touch()

    def forget(self) -> None:
        """Remove the files that would stop a new master."""
        for path in self._paths:
            path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the files, and the folder where that is not in the prefix."""
        self.forget()

        if self._elsewhere and self.path.parent.exists():
            self.path.parent.rmdir()


def _names(main: Path, path: Path) -> bool:
    """Whether the configuration has a socket of that path."""
    try:
        return f"unix:{path}" in main.read_text(errors="replace")
    except OSError:
        return False
