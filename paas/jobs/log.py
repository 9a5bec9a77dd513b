"""The log of a job: written by its thread, followed by whoever watches."""

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
    """The file that has, for every piece of a job's log: where it begins, when it was written, and in which step."""
    return log.with_suffix(".times")


class JobLog:
    """What a job said: a file that many may follow while it grows.

    A disk that takes no more of it does not end the job: what is lost is counted, and told where the log goes on.
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
        """Adds to the log; once it is closed there is nobody to tell."""
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
        # Without it the lines have the time of those before: nothing that a job should end for.
        with suppress(OSError):
            self._times.write(f"{self._size} {self._now():.6f} {self.step}\n".encode())

    def _written(self, data: bytes) -> bool:
        """Whether all of it is in the file now; if not, nothing of it."""
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
        """Nothing more will come but the outcome, which is for those who did not start the job."""
        with self._changed:
            if self._lost:
                self.write(b"")
            self._closed = True
            self._written(outcome)
            self._file.close()
            self._times.close()
            self._changed.notify_all()

    def follow(self, sink: Sink, gone: threading.Event, *, outcome: bool = False, after: int = 0) -> None:
        """Writes the log to the sink from that byte on until it is closed, with the outcome if that is wanted.

        `Disconnected` once ``gone`` is set.
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
