"""The client of the control socket. It carries this process's streams and terminal to the server and back.

One loop, no threads. It reads input only when the server asks for some, and reads nothing from the server while its own
output is blocked. So the two sides cannot deadlock.

Imports take most of the start-up time of `paas`. Therefore the C parts of socket and signal are imported without their
Python halves, which would double it.
"""

from __future__ import annotations

import os
import select
import stat
from _socket import AF_UNIX, SOCK_STREAM
from _socket import socket as Socket

from paas.control import frames

TYPE_CHECKING = False

if TYPE_CHECKING:
    from signal import SIGHUP, SIGINT, SIGTERM, SIGWINCH, set_wakeup_fd, signal
    from typing import Any
else:
    from _signal import SIGHUP, SIGINT, SIGTERM, SIGWINCH, set_wakeup_fd, signal

CHUNK = 64 * 1024
SAFE_CHUNK = 4096  # what a pipe or terminal that is ready takes without blocking: PIPE_BUF, see pipe(7)

INTERRUPTED = 130
BROKEN_PIPE = 141
LOST = -1

READABLE, WRITABLE = select.POLLIN | select.POLLHUP | select.POLLERR, select.POLLOUT | select.POLLERR


def open_streams() -> None:
    """Open standard input, output and error where they are closed, so that nothing else gets their numbers."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open("/dev/null", os.O_RDWR)


def connect(path: str) -> Socket:
    """Connect to the control socket. Raise `OSError`. The path may be longer than a socket address."""
    folder = os.open(os.path.dirname(path) or ".", os.O_PATH | os.O_DIRECTORY)  # noqa: PTH120

    try:
        server = Socket(AF_UNIX, SOCK_STREAM)
        server.connect(f"/proc/self/fd/{folder}/{os.path.basename(path)}")  # noqa: PTH119
    finally:
        os.close(folder)

    server.setblocking(False)
    return server


def terminal_size() -> tuple[int, int] | None:
    """Return columns and rows if standard input and output are both a terminal."""
    try:
        size = os.get_terminal_size(1) if os.isatty(0) and os.isatty(1) else None
    except OSError:
        return None

    return (size.columns, size.lines) if size else None


class ClientOutput:
    """Standard output or error, written without blocking, whether it is a pipe, a file or a terminal."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.pending = b""
        self._limit = CHUNK

        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            self._reopen()
        elif os.isatty(descriptor):
            self._limit = SAFE_CHUNK

    def _reopen(self) -> None:
        # The pipe's other users share its flags with us unless we open it anew.
        try:
            self.descriptor = os.open(f"/proc/self/fd/{self.descriptor}", os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            self._limit = SAFE_CHUNK

    def write(self) -> None:
        """Write as much of `pending` as possible. Raise `BrokenPipeError` and other kinds of `OSError`."""
        try:
            size = os.write(self.descriptor, self.pending[: self._limit])
        except BlockingIOError:
            return

        self.pending = self.pending[size:]


class LocalTerminal:
    """This process's terminal."""

    def __init__(self) -> None:
        self._before: Any = None

    def raw(self, on: bool) -> None:
        """Pass on every key as it is typed, including Ctrl-C, or restore the terminal."""
        import termios
        import tty

        if on and self._before is None and os.isatty(0):
            self._before = termios.tcgetattr(0)
            tty.setraw(0)
        elif not on and self._before is not None:
            termios.tcsetattr(0, termios.TCSADRAIN, self._before)
            self._before = None

    def restore(self) -> None:
        """Restore the terminal."""
        if self._before is not None:
            self.raw(False)


class CommandClient:
    """The conversation about one command with the server."""

    def __init__(self, server: Socket, hello: bytes) -> None:
        self._server = server
        self._to_send = frames.frame(frames.HELLO, hello)
        self._granted = 0
        self._input_over = False
        self._outputs = {frames.OUTPUT: ClientOutput(1), frames.ERROR: ClientOutput(2)}
        self._stuck: ClientOutput | None = None
        self._buffer = bytearray()
        self._status: int | None = None
        self._terminal = LocalTerminal()
        self._interrupts = 0
        self._resized = False

    def run(self) -> int:
        """Return the command's exit status, or `LOST` when the server disconnected without one."""
        woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal(SIGINT, self._on_interrupt)
        signal(SIGWINCH, self._on_resize)
        signal(SIGTERM, self._on_end)
        signal(SIGHUP, self._on_end)

        try:
            while self._status is None or self._stuck:
                self._step(woken)
        except BrokenPipeError:
            return BROKEN_PIPE
        finally:
            self._terminal.restore()

        return self._status

    def _step(self, woken: int) -> None:
        poll = select.poll()
        poll.register(woken, READABLE)
        server = self._server.fileno()
        wanted = 0

        if self._stuck:
            poll.register(self._stuck.descriptor, WRITABLE)
        elif self._status is None:
            wanted |= READABLE

        if self._to_send:
            wanted |= WRITABLE
        elif self._granted and not self._input_over and self._status is None:
            poll.register(0, READABLE)

        if wanted:
            poll.register(server, wanted)

        for descriptor, _ in poll.poll():
            if descriptor == woken:
                self._signalled(woken)
            elif descriptor == server:
                self._exchange()
            elif descriptor == 0:
                self._read_input()
            elif self._stuck:
                self._write(self._stuck)

    # Signals

    def _on_interrupt(self, _number: int, _frame: object) -> None:
        self._interrupts += 1

        if self._interrupts > 1:
            self._terminal.restore()
            os._exit(INTERRUPTED)

    def _on_resize(self, _number: int, _frame: object) -> None:
        self._resized = True

    def _on_end(self, number: int, _frame: object) -> None:
        self._terminal.restore()
        os._exit(128 + number)

    def _signalled(self, woken: int) -> None:
        os.read(woken, 4096)

        if self._interrupts == 1:
            self._to_send += frames.frame(frames.INTERRUPT)

        if self._resized:
            self._resized = False

            if size := terminal_size():
                payload = b"".join(min(cells, 0xFFFF).to_bytes(2, "big") for cells in size)
                self._to_send += frames.frame(frames.WINDOW_SIZE, payload)

    # To the server

    def _exchange(self) -> None:
        if self._to_send:
            try:
                self._to_send = self._to_send[self._server.send(self._to_send) :]
            except BlockingIOError:
                pass
            except OSError:
                self._to_send = b""  # it has exited; its last output is still to be read

        if not self._stuck and self._status is None:
            self._receive()

    def _read_input(self) -> None:
        try:
            data = os.read(0, min(CHUNK, self._granted))
        except OSError:
            data = b""

        if data:
            self._granted -= len(data)
            self._to_send += frames.frame(frames.INPUT, data)
        else:
            self._input_over = True
            self._to_send += frames.frame(frames.END_OF_INPUT)

    # From the server

    def _receive(self) -> None:
        try:
            data = self._server.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""

        if not data:
            self._status = INTERRUPTED if self._interrupts else LOST

        self._buffer += data
        for kind, payload in frames.whole(self._buffer):
            self._obey(kind, payload)

        for output in self._outputs.values():
            if output.pending:
                self._write(output)

    def _obey(self, kind: bytes, payload: bytes) -> None:
        if kind in self._outputs:
            self._outputs[kind].pending += payload
        elif kind == frames.EXIT:
            self._status = payload[0]
        elif kind == frames.GRANT:
            self._granted += int.from_bytes(payload, "big")
        elif kind == frames.RAW:
            self._terminal.raw(payload == b"\1")

    def _write(self, output: ClientOutput) -> None:
        try:
            output.write()
        except BrokenPipeError:
            raise
        except OSError:
            output.pending = b""  # a full disk, a closed terminal: the command continues

        waiting = [each for each in self._outputs.values() if each.pending]
        self._stuck = waiting[0] if waiting else None
