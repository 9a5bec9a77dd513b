"""A file that only takes room, so that there is some to put things right with once the disk is full."""

from __future__ import annotations

import errno
import os
from pathlib import Path

SIZE = 4 << 20
"""Bytes: enough for some hundred small files and the database's log of a few changes."""


class Reserve:
    """The reserve of one data root, on its file system."""

    def __init__(self, path: Path, size: int = SIZE) -> None:
        self._path = path
        self._size = size

    def keep(self) -> bool:
        """Lays the reserve up if it is not there. False, and nothing is taken, while there is not room for two."""
        if self._path.exists():
            return True
        if self._free() < 2 * self._size:
            return False
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(file, 0, self._size)
        except OSError as error:
            self._path.unlink(missing_ok=True)
            if error.errno != errno.ENOSPC:
                raise
            # Somebody else was faster.
            return False
        finally:
            os.close(file)
        return True

    def spend(self) -> None:
        """Gives the room of the reserve back where less than that is free: what has to be written now can be."""
        if self._free() < self._size:
            self._path.unlink(missing_ok=True)

    def _free(self) -> int:
        found = os.statvfs(self._path.parent)
        return found.f_bavail * found.f_frsize
