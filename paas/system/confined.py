"""Work on untrusted text, for which a few bytes can mean endless work, in limited processes: see `paas.daemon.zygote`.

A helper process is kept warm, and forks a child for each piece of work. The daemon itself has threads, so it cannot
fork, and a new Python process for each would take a tenth of a second.
"""

from __future__ import annotations

import json
import logging
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from paas.core.errors import Cancelled, InvalidValue, PaasError

_log = logging.getLogger(__name__)

MEMORY = 256 << 20
"""Limit in bytes on the address space of a child, including the interpreter and libraries."""
CPU_SECONDS = 2
MOST_REPLY = 1 << 20
WALL_SECONDS = 20.0
"""Limit on a child's wall time: on a busy machine it gets little CPU time."""
BEGIN_SECONDS = 20.0
"""Limit on the helper's start, and on its fork: a helper that exceeds it is replaced."""
JOBS, LOOKS = 4, 1
"""Concurrent pieces of work: of jobs, and of users' queries, so that queries never delay jobs."""
LOOK_SECONDS = 10.0
BEGUN = b"+"
"""First byte of a child's answer, sent before it reads its work."""
_POLL_SECONDS = 0.05
_END_SECONDS = 0.5
_SOURCES = str(Path(__file__).resolve().parents[2])

Work = Callable[[str, str, Mapping[str, object]], Any]
"""Function of the work's name (see `paas.daemon.zygote.WORKS`), its subject for messages, and its arguments.

It returns plain values.

It raises `InvalidValue` as the work does, or for exceeding a limit.
"""


class _Lost(Exception):
    """The helper has exited, or does not fork: the work has not begun."""


class Confined:
    """Helper process and its use. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._helper: _Helper | None = None
        self._stopped = False
        self._jobs = threading.BoundedSemaphore(JOBS)
        self._looks = threading.BoundedSemaphore(LOOKS)

    def start(self) -> None:
        """Start the helper, so that it is warm when needed. Otherwise the first work starts it."""
        try:
            self._current()
        except OSError as error:
            _log.error("the helper for buildpacks can't be started: %s", error)

    def stop(self) -> None:
        """End the helper and all children, and start no new one."""
        with self._lock:
            self._stopped = True
            if self._helper is not None:
                self._helper.end()

    def for_job(self, cancelled: threading.Event) -> Work:
        """Return a function for work of a job: it waits for a free place. Raise `Cancelled` once the event is set."""

        def work(name: str, about: str, given: Mapping[str, object]) -> Any:
            with _place(self._jobs, cancelled, None):
                return self._done(name, about, given, cancelled)

        return work

    def for_look(self, gone: threading.Event) -> Work:
        """Return a function for work of a user's query: one at a time, separate from jobs."""

        def work(name: str, about: str, given: Mapping[str, object]) -> Any:
            with _place(self._looks, gone, LOOK_SECONDS):
                return self._done(name, about, given, gone)

        return work

    def _done(self, name: str, about: str, given: Mapping[str, object], cancelled: threading.Event) -> Any:
        request = json.dumps({"work": name, "given": given}).encode()
        try:
            reply = self._asked(request, cancelled)
        except _Lost:
            reply = self._asked_again(request, cancelled)
        found = _parsed(reply)
        if found is None and (self._stopped or cancelled.is_set()):
            raise Cancelled("reading the buildpacks was cancelled")
        if found is None:
            raise InvalidValue(
                f"{about} takes too much",
                why=f"It may take {CPU_SECONDS} s of a processor and {MEMORY >> 20} MB of memory, and give "
                f"{MOST_REPLY >> 10} kB.",
                fix="Look at its loops and at what it multiplies.",
                code="too-much-work",
            )
        if "error" in found:
            raise InvalidValue(**found["error"])
        return found["result"]

    def _asked_again(self, request: bytes, cancelled: threading.Event) -> bytes:
        try:
            return self._asked(request, cancelled)
        except _Lost as error:
            raise PaasError(
                "the helper process that reads buildpacks does not work",
                why="It was started twice. The server's log may say why it ended.",
                fix="Try again; if that does not help, restart the server.",
                code="no-helper",
            ) from error

    def _asked(self, request: bytes, cancelled: threading.Event) -> bytes:
        """Return the answer of a child, up to its end. Raise `_Lost` and `Cancelled`."""
        try:
            helper = self._current()
        except OSError as error:
            raise _Lost from error
        try:
            with helper.child(request) as answer:
                return _heard(answer, cancelled)
        except OSError as error:
            self._replace(helper)
            raise _Lost from error
        except _Lost:
            self._replace(helper)
            raise

    def _current(self) -> _Helper:
        with self._lock:
            if self._stopped:
                raise Cancelled("the server stops")
            if self._helper is None or self._helper.gone():
                self._helper = _Helper()
            return self._helper

    def _replace(self, helper: _Helper) -> None:
        with self._lock:
            if self._helper is helper:
                self._helper = None
        helper.end()


class _Helper:
    """One helper process. It exits when this process does, however that ends."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "paas.daemon.zygote", str(theirs.fileno()), str(MEMORY), str(CPU_SECONDS)],
                cwd="/",
                # Nothing of the server's own environment.
                env={"PYTHONPATH": os.pathsep.join([_SOURCES, *filter(None, [os.environ.get("PYTHONPATH")])])},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._control = ours

    def gone(self) -> bool:
        """Return True if it has exited."""
        return self._process.poll() is not None

    @contextmanager
    def child(self, request: bytes) -> Iterator[socket.socket]:
        """Yield the socket on which a child answers. Kill the child at the end of the context."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                descriptor = os.memfd_create("request", os.MFD_CLOEXEC)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(request)
                    file.flush()
                    socket.send_fds(self._control, [b"."], [descriptor, theirs.fileno()])
            yield ours

    def end(self) -> None:
        """End it, and its children."""
        self._control.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def _place(places: threading.Semaphore, cancelled: threading.Event, seconds: float | None) -> Iterator[None]:
    deadline = None if seconds is None else time.monotonic() + seconds
    while not places.acquire(timeout=_POLL_SECONDS):
        if cancelled.is_set():
            raise Cancelled("it was cancelled before it began")
        if deadline is not None and time.monotonic() > deadline:
            raise PaasError("the server reads other buildpacks at the moment", fix="Try again.", code="busy")
    try:
        yield
    finally:
        places.release()


def _heard(answer: socket.socket, cancelled: threading.Event) -> bytes:
    poll = select.poll()
    poll.register(answer, select.POLLIN)
    said = bytearray()
    deadline = time.monotonic() + BEGIN_SECONDS
    while True:
        if cancelled.is_set():
            raise Cancelled("reading the buildpacks was cancelled")
        if time.monotonic() > deadline:
            break
        if not poll.poll(_POLL_SECONDS * 1000):
            continue
        chunk = answer.recv(1 << 16)
        if chunk and not said:
            deadline = time.monotonic() + WALL_SECONDS
        said += chunk
        if not chunk or len(said) > MOST_REPLY:
            break
    if not said:
        raise _Lost
    return bytes(said)


def _parsed(reply: bytes) -> dict[str, Any] | None:
    """Parse the answer; None for an incomplete one."""
    if len(reply) > MOST_REPLY:
        return None
    try:
        found = json.loads(reply.removeprefix(BEGUN))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and ("result" in found or "error" in found) else None
