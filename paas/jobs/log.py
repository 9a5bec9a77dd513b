"""The log of a job: written by its thread, followed by clients."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from paas.core.errors import Disconnected
from paas.jobs.output import Sink

_log = logging.getLogger(__name__)
_RECHECK_SECONDS = 0.5


def times_of(log: Path) -> Path:
    """Return the file with the position, time and step of each piece of a job's log."""
    return log.with_suffix(".times")


class JobLog:
    """Log of a job: a file that several readers may follow while it grows.

    A full disk does not end the job: lost bytes are counted, and reported where the log continues.
    """

    def __init__(self, path: Path, now: Callable[[], float] = lambda: 0.0) -> None:
        self.path = path
        self.step = ""
        self._now = now
        path.parent.mkdir(mode=0o700, exist_ok=True)
        self._file = path.open("wb", buffering=0)
        self._times = times_of(path).open("wb", buffering=0)
        self._changed = threading.Condition()
        self._closed = False
        self._size = 0
        self._lost = 0

    def write(self, data: bytes) -> None:
        """Append to the log. Do nothing once it is closed."""
        with self._changed:
            if self._closed:
                return
            gap = f"\n[{self._lost} bytes are missing here: the disk was full]\n".encode() if self._lost else b""
            self._mark()
            if self._written(gap + data):
                self._size += len(gap) + len(data)
                self._lost = 0
            else:
                self._lost += len(data)
            self._changed.notify_all()

    def _mark(self) -> None:
        # Without times the lines get those of earlier ones: no reason to end a job.
        with suppress(OSError):
            self._times.write(f"{self._size} {self._now():.6f} {self.step}\n".encode())

    def _written(self, data: bytes) -> bool:
        """Return True if all of it is in the file; otherwise nothing of it is."""
        try:
            taken = self._file.write(data)
        except OSError as error:
            _log.warning("could not write %s: %s", self.path, error)
            taken = 0
        if taken == len(data):
            return True
        self._file.truncate(self._size)
        self._file.seek(self._size)
        return False

    def close(self, outcome: bytes = b"") -> None:
        """Close the log. The outcome is appended for readers who did not start the job."""
        with self._changed:
            if self._lost:
                self.write(b"")
            self._closed = True
            self._written(outcome)
            self._file.close()
            self._times.close()
            self._changed.notify_all()

    def follow(self, sink: Sink, gone: threading.Event, *, outcome: bool = False, after: int = 0) -> None:
        """Write the log to the sink from byte ``after`` on until it is closed, with the outcome if requested.

        Raise `Disconnected` once ``gone`` is set.
        """
        with self.path.open("rb") as file:
            file.seek(after)
            while True:
                with self._changed:
                    closed = self._closed
                    data = file.read(-1 if outcome else max(0, self._size - file.tell()))
                    if not data and not closed:
                        self._changed.wait(_RECHECK_SECONDS)
                if data:
                    sink(data)
                elif closed:
                    return
                if gone.is_set():
                    raise Disconnected
