"""The socket on which the workers of one nginx answer their generation."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from paas.core.errors import ProxyError
from paas.proxies.nginx.host import socket_paths
from paas.proxies.nginx.processes import bound

SECONDS = 1.0


class StatusSocket:
    """Status socket with two names, one of them in use: nginx creates a socket whose file was removed only under
    another name.
    """

    def __init__(self, prefix: Path, main: Path) -> None:
        self._paths = socket_paths(prefix)
        self._elsewhere = self._paths[0].parent.parent != prefix
        self.path = self._paths[_names(main, self._paths[1])]

    def prepare(self) -> None:
        """Create its folder, if that is not in the prefix. Raise `ProxyError`."""
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
        """Return the generation that the workers answer; empty without an answer."""
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
        """Return True if no client can reach it any more: its file was removed, or is another one."""
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(SECONDS)
                client.connect(str(self.path))
        except (FileNotFoundError, ConnectionRefusedError):
            return True
        except OSError:
            # A busy one can still be reached.
            return False

        return False

    def move(self) -> None:
        """Use its other name from the next reload on."""
        first, second = self._paths
        other = second if self.path == first else first

        # The name that no process has, if there is one: that can be created.
        if not bound(other) or bound(self.path):
            self.path = other

        self.prepare()
        self.path.unlink(missing_ok=True)

        # nginx removes the file of a socket that it closes, and reports an emergency if there is none.
        for path in self._paths:
            if path != self.path and bound(path):
                path.touch()

    def forget(self) -> None:
        """Remove the files that would prevent the start of a new master."""
        for path in self._paths:
            path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the files, and the folder if that is not in the prefix."""
        self.forget()

        if self._elsewhere and self.path.parent.exists():
            self.path.parent.rmdir()


def _names(main: Path, path: Path) -> bool:
    """Return True if the configuration has a socket of that path."""
    try:
        return f"unix:{path}" in main.read_text(errors="replace")
    except OSError:
        return False
