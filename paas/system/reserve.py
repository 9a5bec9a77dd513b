"""A file that only occupies disk space, so that some is available for repairs when the disk is full."""

from __future__ import annotations

import errno
import os
from pathlib import Path

SIZE = 4 << 20
"""Bytes: enough for some hundred small files and the database's log of a few changes."""


class Reserve:
    """Reserve of one data root, on its file system."""

    def __init__(self, path: Path, size: int = SIZE) -> None:
        self._path = path
        self._size = size

    def keep(self) -> bool:
        """Create the reserve if it is missing. Return False and create nothing if there is not enough space for two."""
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
            # Another thread was faster.
            return False
        finally:
            os.close(file)
        return True

    def spend(self) -> None:
        """Delete the reserve if less space than that is free, so that necessary writes succeed."""
        if self._free() < self._size:
            self._path.unlink(missing_ok=True)

    def _free(self) -> int:
        found = os.statvfs(self._path.parent)
        return found.f_bavail * found.f_frsize
