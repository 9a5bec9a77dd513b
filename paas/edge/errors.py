"""Find in nginx's error log why a request failed.

A line of that log names worker and connection, ``2026/05/01 12:00:00 [error] 12#12: *345 upstream timed out (110: …``,
as the id of a request does (``$request_key`` in ``nginx/nginx.conf.j2``).
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from pathlib import Path

from paas.core.logs.codes import CUT

MOST = 20_000
"""Number of connections whose errors are kept, the newest ones; a line takes half a kilobyte."""
MOST_OF_ONE = 32
LATEST = 8 << 20
"""Bytes read from the end of a log file seen for the first time."""

_ERROR = re.compile(rb'\[(?:error|crit|alert)\] ([0-9]+)#[0-9]+: \*([0-9]+) ([^\n]*)')
_REQUEST = re.compile(rb' request: "(.*?)"(?:, |$)')
_STATE = re.compile(rb"([0-9/]{10} [0-9:]{8}) \[notice\] ([0-9]+)#[0-9]+: (gracefully shutting down|exiting)$")
_LATE = 1.5
"""Seconds by which two times of the same moment may differ: nginx rounds them in one of its logs."""


class EdgeErrors:
    """Reader of the growing error log. Thread-safe. ``limit`` returns the seconds that old workers have to finish."""

    def __init__(self, path: Path, limit: Callable[[], float]) -> None:
        self._path = path
        self._limit = limit
        self._said: OrderedDict[tuple[int, int], deque[bytes]] = OrderedDict()
        self._quit: dict[int, float] = {}
        self._gone: dict[int, float] = {}
        self._places: dict[int, int] = {}
        self._lock = threading.Lock()

    def cause(self, worker: int, connection: int, request: str, end: float) -> str:
        """Return the error of the request on that connection, or `CUT` if nginx ended the worker; else empty."""
        with self._lock:
            self._read_on()
            wanted = request.encode("utf-8", "replace")
            for words in reversed(self._said.get((worker, connection), deque())):
                found = _REQUEST.search(words)
                if found is None or found[1] == wanted:
                    return words.decode("utf-8", "replace")
            return CUT if self._was_cut(worker, end) else ""

    def _was_cut(self, worker: int, end: float) -> bool:
        """Return True if nginx ended the worker at its time limit while it still had connections."""
        began, gone = self._quit.get(worker), self._gone.get(worker)
        if began is None or gone is None or gone < began:
            return False
        return gone - began >= self._limit() - _LATE and abs(end - gone) <= _LATE

    def _read_on(self) -> None:
        for block in self._blocks():
            for line in block.splitlines():
                self._take(line)
        while len(self._said) > MOST:
            self._said.popitem(last=False)

    def _take(self, line: bytes) -> None:
        if found := _ERROR.search(line):
            said = self._said.setdefault((int(found[1]), int(found[2])), deque(maxlen=MOST_OF_ONE))
            said.append(found[3])
        elif state := _STATE.search(line):
            moment = time.mktime(time.strptime(state[1].decode(), "%Y/%m/%d %H:%M:%S"))
            (self._gone if state[3] == b"exiting" else self._quit)[int(state[2])] = moment

    def _blocks(self) -> Iterator[bytes]:
        """Yield the complete lines added since the last call, first those at the end of the rotated file."""
        places: dict[int, int] = {}

        for path in (self._path.with_name(f"{self._path.name}.1"), self._path):
            try:
                with path.open("rb") as file:
                    inode, size = os.fstat(file.fileno()).st_ino, file.seek(0, os.SEEK_END)
                    at = min(self._places.get(inode, max(0, size - LATEST)), size)
                    file.seek(at)
                    data = file.read(size - at)
            except FileNotFoundError:
                continue

            end = data.rfind(b"\n") + 1
            places[inode] = at + end
            yield data[:end]

        self._places = places
