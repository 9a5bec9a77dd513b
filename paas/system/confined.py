"""Work on text of strangers that a few bytes can make endless, in processes with limits: see `paas.daemon.zygote`.

A helper process is kept warm, and forks a child for each piece of work. The daemon itself has threads, so it may not
fork, and a new Python for each would take a tenth of a second.
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
"""Of addresses: what a child may have with the interpreter and the libraries in it."""
CPU_SECONDS = 2
MOST_REPLY = 1 << 20
WALL_SECONDS = 20.0
"""From its begin on: on a busy machine a child gets little of the processor."""
BEGIN_SECONDS = 20.0
"""For the helper to start, and to fork: one that has not done so by then is replaced."""
JOBS, LOOKS = 4, 1
"""How many pieces of work there are at once: for jobs, and for what people look at, so that no job waits for those."""
LOOK_SECONDS = 10.0
BEGUN = b"+"
"""The first byte of a child's answer, before it has read what to do."""
_POLL_SECONDS = 0.05
_END_SECONDS = 0.5
_SOURCES = str(Path(__file__).resolve().parents[2])

Work = Callable[[str, str, Mapping[str, object]], Any]
"""What to do (see `paas.daemon.zygote.WORKS`), what it is about for people, and the arguments; its result is plain
values.

Raises `InvalidValue`: as the work itself does, or because it takes more than it may.
"""


class _Lost(Exception):
    """The helper has gone, or does not fork: whatever was asked for has not begun."""


class Confined:
    """The helper, and what is asked of it. Threads may ask at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._helper: _Helper | None = None
        self._stopped = False
        self._jobs = threading.BoundedSemaphore(JOBS)
        self._looks = threading.BoundedSemaphore(LOOKS)

    def start(self) -> None:
        """Starts the helper, so that it is warm when it is needed. Without this the first work does."""
        try:
            self._current()
        except OSError as error:
            _log.error("the helper for buildpacks can't be started: %s", error)

    def stop(self) -> None:
        """Ends the helper and all children, and starts none any more."""
        with self._lock:
            self._stopped = True
            if self._helper is not None:
                self._helper.end()

    def for_job(self, cancelled: threading.Event) -> Work:
        """Work of a job: it waits until there is a place, and ends with `Cancelled` once the event is set."""

        def work(name: str, about: str, given: Mapping[str, object]) -> Any:
            with _place(self._jobs, cancelled, None):
                return self._done(name, about, given, cancelled)

        return work

    def for_look(self, gone: threading.Event) -> Work:
        """Work for somebody who looks: one at a time for all of them, and none of jobs waits for it."""

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
        """The answer of a child, as much of it as there was when it ended. Raises `_Lost` and `Cancelled`."""
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
    """One run of the helper. It ends by itself when this process does, however that ends."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "paas.daemon.zygote", str(theirs.fileno()), str(MEMORY), str(CPU_SECONDS)],
                cwd="/",
                # Nothing of the server's own.
                env={"PYTHONPATH": os.pathsep.join([_SOURCES, *filter(None, [os.environ.get("PYTHONPATH")])])},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._control = ours

    def gone(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    @contextmanager
    def child(self, request: bytes) -> Iterator[socket.socket]:
        """Lends the socket on which a child answers; it is killed when the context ends."""
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
        """Ends it, and with it its children."""
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
    """The answer; None for one that is not whole."""
    if len(reply) > MOST_REPLY:
        return None
    try:
        found = json.loads(reply.removeprefix(BEGUN))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and ("result" in found or "error" in found) else None
