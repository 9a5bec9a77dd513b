"""The process that serves the web: gunicorn, with its own configuration file, on a Unix socket."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from paas.core.errors import PaasError

SOCKET = "web.sock"
CONFIG = Path(__file__).resolve().parent.parent / "web" / "gunicorn.py"


class Gunicorn:
    """One gunicorn process. It exits when this process does, however that ends."""

    def __init__(self, root: Path, folder: Path) -> None:
        folder.mkdir(mode=0o711, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
            raise PaasError(
                f"the folder {folder} belongs to somebody else",
                why="The socket of the web has to be there: the data root can't be reached by nginx's workers.",
                fix="Remove it, or use a data root that other users may pass through.",
                code="web",
            )
        # The socket of an earlier process would be mistaken for its own.
        self._socket = folder / SOCKET
        self._inode = 0
        self._socket.unlink(missing_ok=True)
        # nginx's workers, another user as a rule, have to reach the socket; who does has no rights by that.
        folder.chmod(0o711)
        theirs, self._lifeline = os.pipe()
        environment = {
            **os.environ,
            "PAAS_WEB_ROOT": str(root),
            "PAAS_WEB_PARENT": str(theirs),
            "PYTHONPATH": os.pathsep.join([str(CONFIG.parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]),
            # Threads that rest keep no memory of their own.
            "MALLOC_ARENA_MAX": "1",
        }
        environment.pop("GUNICORN_CMD_ARGS", None)
        application = "paas.web.gunicorn:application()"
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "--config", str(CONFIG), application],
                cwd=folder,
                env=environment,
                pass_fds=[theirs],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            os.close(self._lifeline)
            raise PaasError("the web can't be started", why=str(error), code="web") from error
        finally:
            os.close(theirs)

    @property
    def pid(self) -> int:
        """The process id of the master."""
        return self._process.pid

    def wait(self, seconds: float) -> int | None:
        """Return its exit status, once it has ended; None if it has not within that time."""
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        os.close(self._lifeline)
        return status

    def lost(self) -> bool:
        """Return True if its socket was removed or replaced."""
        try:
            inode = self._socket.stat().st_ino
        except FileNotFoundError:
            inode = 0
        self._inode = self._inode or inode
        return inode != self._inode

    def end(self) -> None:
        """Ask it to end, without waiting: it ends with this process at the latest."""
        self._process.send_signal(signal.SIGTERM)
