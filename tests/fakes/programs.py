"""A command of a one-off container in memory: a function of a test, with a real socket between it and its client."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping

from fakes.gates import SECONDS, Unexpected
from paas.core.runs.oneoff import TaskSpec
from paas.schedulers.container_stream import ERR, OUT, ContainerStream

KILLED, TERMINATED, HUNG_UP = 137, 143, 129


class Ended(Exception):
    """A signal ended the command."""


class Program:
    """Running command: its input, output, terminal, and signals."""

    def __init__(self, spec: TaskSpec | None, environment: Mapping[str, str], *, terminal: bool) -> None:
        self.spec = spec
        self.environment = environment
        self.terminal = terminal
        self.sizes: list[tuple[int, int]] = []
        self.lines: list[bytes] = []
        self.status: int | None = None
        self.changed = threading.Condition()
        self._signal: int | None = None
        self._socket: socket.socket | None = None

    def connect(self) -> ContainerStream:
        """Return a client's end of its streams."""
        ours, theirs = socket.socketpair()
        self._socket = ours
        return ContainerStream(theirs, terminal=self.terminal, owner=theirs)

    def read(self, size: int = 1 << 16) -> bytes:
        """Read its input; empty at its end."""
        if self._socket is None:
            return b""
        try:
            data = self._socket.recv(size)
        except OSError:
            data = b""
        if self._signal is not None:
            raise Ended
        return data

    def read_all(self) -> bytes:
        """Read all of its input."""
        whole = bytearray()
        while data := self.read():
            whole += data
        return bytes(whole)

    def out(self, data: bytes) -> None:
        """Write to its standard output."""
        self._write(OUT, data)

    def err(self, data: bytes) -> None:
        """Write to its standard error."""
        self._write(ERR, data)

    def _write(self, stream: int, data: bytes) -> None:
        for line in data.splitlines(keepends=True):
            self.lines.append(b"2026-01-01T00:00:00.%09dZ %s" % (len(self.lines), line))
        if self._socket is not None:
            head = b"" if self.terminal else bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big")
            with contextlib.suppress(OSError):
                self._socket.sendall(head + data)
        with self.changed:
            self.changed.notify_all()

    def forever(self) -> int:
        """Continue until a signal ends it."""
        self.wait_until(lambda: self._signal is not None, None)
        raise Ended

    def wait_until(self, condition: Callable[[], bool], timeout: float | None = SECONDS) -> None:
        """Wait for something that the test, or the platform, does."""
        with self.changed:
            if not self.changed.wait_for(condition, timeout):
                raise Unexpected("a command waited in vain")

    def signal(self, status: int) -> None:
        """Send it a signal that ends it."""
        with self.changed:
            if self._signal is None:
                self._signal = status
            self.changed.notify_all()
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RD)

    def run(self, work: Callable[[Program], int]) -> None:
        """Run the work, in the thread of the command."""
        try:
            status = work(self)
        except Ended:
            status = self._signal or 0
        with self.changed:
            self.status = status
            self.changed.notify_all()
        if self._socket is not None:
            self._socket.close()


Work = Callable[[Program], int]
"""Function of a command; it returns its exit status."""


def resize(program: Program, columns: int, rows: int) -> None:
    """Set the size of its terminal."""
    if not program.terminal:
        raise Unexpected("what has no terminal was given another size of it")
    with program.changed:
        program.sizes.append((columns, rows))
        program.changed.notify_all()


def follow(program: Program, tail: int) -> Iterator[bytes]:
    """Yield its output, from the last ``tail`` lines on, until its end."""
    seen = max(0, len(program.lines) - tail)
    while True:
        with program.changed:
            while len(program.lines) <= seen and program.status is None:
                program.changed.wait()
            data, seen = b"".join(program.lines[seen:]), len(program.lines)
            over = program.status is not None
        if data:
            yield data
        elif over:
            return
