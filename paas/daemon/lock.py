"""The right to serve a data root."""

from __future__ import annotations

import fcntl
import os
import select
import signal
from pathlib import Path

from paas.core.errors import PaasError

END_SECONDS = 10.0


class AlreadyServed(PaasError):
    """Another daemon serves this data root."""

    code = "already-running"


class Lock:
    """Held as long as the process lives, so it can't go stale; the file has the holder's process id."""

    def __init__(self, root: Path) -> None:
        self._file = (root / "serve.lock").open("a+", encoding="ascii")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyServed(
                f"another 'paas serve' runs with the data root {root}",
                fix="Use another --root, or stop the other one first.",
            ) from error
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    @classmethod
    def take_over(cls, root: Path) -> Lock:
        """Take the lock, after asking the daemon that may hold it to end, and waiting for that."""
        try:
            return cls(root)
        except AlreadyServed:
            _end(int((root / "serve.lock").read_text(encoding="ascii")))
        return cls(root)


def _end(pid: int) -> None:
    descriptor = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(descriptor, signal.SIGTERM)
        if not select.select([descriptor], [], [], END_SECONDS)[0]:
            raise PaasError(f"the daemon {pid} did not end within {END_SECONDS:g} s", fix=f"End it: kill -9 {pid}")
    finally:
        os.close(descriptor)
