"""The streams of one command, between the event loop that talks to the client and the thread that runs the command.

A transport creates a `CommandSession` for each command, feeds it what arrives, and implements `Wire` to send output.
Both directions are bounded: a command that does not read stops the client, and a client that does not read stops the
command.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
import logging
import socket
import threading
from collections.abc import Callable
from typing import Protocol

from paas.commands.invocation import Invocation, Terminal
from paas.control.limits import Pool, TooManyCommands
from paas.core.access.caller import Caller
from paas.core.access.revocation import Revocation
from paas.core.errors import Disconnected, PaasError
from paas.core.problem import details

_log = logging.getLogger(__name__)

STDOUT, STDERR, RAW, VALUE, PROBLEM, JOB, MARK = 1, 2, 3, 4, 5, 6, 7

CHUNK = 128 * 1024
"""The most bytes passed to a wire at a time."""

HIGH_WATER = 512 * 1024
"""Bytes of output that may wait for the client before the command has to wait."""

INTERRUPTED = 130
"""The exit status of a command ended by Ctrl-C: 128 + SIGINT, as in shells."""

BROKEN_PIPE = 141
"""The exit status of a command whose reader disconnected: 128 + SIGPIPE."""


class Wire(Protocol):
    """The transport's side of a session. All methods are called on the event loop and must not block."""

    def send(self, stream: int, data: bytes) -> None:
        """Send output. ``stream`` is `STDOUT` or `STDERR`; with ``parts`` it can be any stream but `RAW`."""

    def send_raw(self, raw: bool) -> None:
        """Switch the client's terminal to raw mode or back."""

    def input_wanted(self) -> None:
        """Start reading input: the command is about to read its standard input for the first time."""

    def input_taken(self, size: int) -> None:
        """Note that ``size`` bytes of the input have left the session's memory."""

    def finish(self, status: int) -> None:
        """Send the exit status and close. All output has been sent."""


class _Invocation(Invocation):
    """An invocation that reports the first use of its standard input."""

    touched: Callable[[], None] | None = None

    @property
    def stdin(self) -> socket.socket:
        if self.touched is not None:
            self.touched()
            self.touched = None

        return self._stdin

    @stdin.setter
    def stdin(self, stdin: socket.socket) -> None:
        self._stdin = stdin


class CommandSession:
    """The streams of one command. Call its methods on the event loop only, those of the `Invocation` in any thread."""

    def __init__(self, wire: Wire, pool: Pool) -> None:
        self._loop = asyncio.get_running_loop()
        self._wire = wire
        self._pool = pool
        self.invocation: Invocation | None = None
        self._gone = threading.Event()

        self._inlet: socket.socket | None = None
        self._backlog = bytearray()
        self._eof = False

        self._room = threading.Condition()
        self._queue: collections.deque[tuple[int, bytes]] = collections.deque()
        self._queued = 0
        self._flushing = False
        self._held = False
        self._status: int | None = None
        self._resizing = threading.Lock()
        self._detached = False
        self._began = False
        self._unheard = False

    def start(
        self,
        argv: list[str],
        caller: Caller,
        *,
        terminal: Terminal | None,
        environment: dict[str, str],
        parts: bool = False,
        detached: bool = False,
    ) -> None:
        """Run the command. Raise `TooManyCommands`, before anything starts, when too many are running.

        ``parts``: the client receives the result and the error as JSON, not as text on its streams.
        ``detached``: see `leave`.
        """
        self._pool.enter(self)
        self._detached = detached

        try:
            self._start(argv, caller, terminal, environment, parts)
        except (OSError, RuntimeError) as error:
            self._pool.leave(self)
            self._close_inlet()
            raise TooManyCommands(
                "The server cannot run another command",
                why=f"The system refused: {error}.",
                fix="Try again in a moment. The server's limits on open files or threads may be too low.",
            ) from error

    def _start(
        self, argv: list[str], caller: Caller, terminal: Terminal | None, environment: dict[str, str], parts: bool
    ) -> None:
        self._inlet, outlet = socket.socketpair()
        self._inlet.setblocking(False)

        self.invocation = invocation = _Invocation(
            argv=argv,
            caller=caller,
            stdin=outlet,
            stdout=lambda data: self._write(STDOUT, data),
            stderr=lambda data: self._write(STDERR, data),
            terminal=terminal,
            gone=self._gone,
            environment=environment,
        )
        invocation.touched = lambda: self._call(self._wire.input_wanted)

        if terminal is not None:
            invocation.set_raw = lambda raw: self._write(RAW, b"\1" if raw else b"\0")

        if parts:
            invocation.answer = lambda value: self._write(VALUE, value)
            invocation.report = lambda error: self._put(PROBLEM, json.dumps(details(error)).encode())
            invocation.began = self._tell_of
            invocation.marked = lambda place, ahead: self._put(MARK, (b"+" if ahead else b"=") + place.encode())

        # A daemon thread: a command that hangs must not keep the server from ending.
        thread = threading.Thread(target=self._run, args=(invocation, outlet), name=" ".join(argv[:1]), daemon=True)
        thread.start()

        if self._eof:
            self._close_inlet()

    # What the client sends

    @property
    def backlog(self) -> int:
        """The number of input bytes that the command has not taken yet."""
        return len(self._backlog)

    def feed(self, data: bytes) -> None:
        """Pass input to the command. A transport that keeps feeding while there is a `backlog` fills the memory."""
        if not self._backlog:
            data = data[self._pass_on(data) :]

        if data and self._inlet is not None:
            self._backlog += data
            self._loop.add_writer(self._inlet, self._drain)

    def feed_eof(self) -> None:
        """End the input."""
        self._eof = True

        if not self._backlog:
            self._close_inlet()

    def resize(self, terminal: Terminal) -> None:
        """Apply the new size of the client's window."""
        if self.invocation is not None and self.invocation.terminal is not None:
            self.invocation.terminal = terminal
            self._loop.run_in_executor(None, self._announce_size, self.invocation)

    def hang_up(self) -> None:
        """Stop reading from and writing to the client: it has disconnected, or pressed Ctrl-C."""
        with self._room:
            self._gone.set()
            self._queue.clear()
            self._queued = 0
            self._room.notify_all()

        self._close_inlet()

    def leave(self) -> None:
        """End the command because the client disconnected. A detached command whose job has started continues."""
        with self._room:
            self._unheard = self._detached and self._began

        if not self._unheard:
            self.hang_up()
            return

        with self._room:
            self._queue.clear()
            self._queued = 0
            self._room.notify_all()

        self._close_inlet()

    def hold(self, held: bool) -> None:
        """Pause output while the client reads slowly, or resume it.

        Resume later on the loop, not here: the last output may close the connection, and a transport that is closed
        from its own resume callback ends twice (https://github.com/python/cpython/issues/156512).
        """
        self._held = held

        if not held:
            self._call(self._flush)

    def spared_by(self, revocation: Revocation) -> bool:
        """Return True if this command removed the key itself. It still has to report that."""
        return self._gone is revocation.spared

    # On the event loop

    def _pass_on(self, data: bytes | bytearray) -> int:
        """Send what the command's socket accepts, and return the size. Without a reader all of it is accepted."""
        if self._inlet is None:
            size = len(data)
        else:
            try:
                size = self._inlet.send(data)
            except BlockingIOError:
                return 0
            except OSError:  # the command has closed its end
                size = len(data)
                self._close_inlet()

        self._wire.input_taken(size)
        return size

    def _drain(self) -> None:
        size = self._pass_on(self._backlog)
        del self._backlog[:size]

        if self._inlet is not None and not self._backlog:
            self._loop.remove_writer(self._inlet)

            if self._eof:
                self._close_inlet()

    def _close_inlet(self) -> None:
        if self._inlet is None:
            return

        self._loop.remove_writer(self._inlet)
        self._inlet.close()
        self._inlet = None
        self._backlog.clear()

    def _flush(self) -> None:
        with self._room:
            self._flushing = False
            batch, self._queue = self._queue, collections.deque()

        while batch and not self._held and not self._gone.is_set():
            stream, data = _take(batch)

            if stream == RAW:
                self._wire.send_raw(data == b"\1")
            else:
                self._wire.send(stream, data)

            with self._room:
                self._queued = max(0, self._queued - len(data))
                self._room.notify_all()

        with self._room:
            batch.extend(self._queue)
            self._queue = batch if not self._gone.is_set() else collections.deque()
            over = not self._queue and not self._held and not self._gone.is_set()

        if over and self._status is not None:
            status, self._status = self._status, None
            self._wire.finish(status)

    def _ended(self, status: int) -> None:
        self._pool.leave(self)
        self._close_inlet()
        self._status = status
        self._flush()

    # In other threads

    def _run(self, invocation: Invocation, stdin: socket.socket) -> None:
        status = 1

        try:
            status = self._pool.dispatch(invocation)
        except Disconnected:
            pass
        except Exception:  # noqa: BLE001  # logged, and the client gets an error
            _log.exception("the command %r raised", invocation.argv[:1])
        finally:
            stdin.close()
            self._call(lambda: self._ended(status))

    def _write(self, stream: int, data: bytes) -> None:
        view = memoryview(data)

        for start in range(0, len(view), CHUNK):
            self._put(stream, bytes(view[start : start + CHUNK]))

    def _put(self, stream: int, chunk: bytes) -> None:
        with self._room:
            self._room.wait_for(lambda: self._queued < HIGH_WATER or self._gone.is_set() or self._unheard)

            if self._gone.is_set():
                raise Disconnected

            if self._unheard:
                return

            self._queue.append((stream, chunk))
            self._queued += len(chunk)
            flushing, self._flushing = self._flushing, True

        if not flushing:
            self._call(self._flush)

    def _tell_of(self, number: int) -> None:
        with self._room:
            self._began = True

        self._put(JOB, number.to_bytes(4, "big"))

    def _announce_size(self, invocation: Invocation) -> None:
        with self._resizing:
            if (terminal := invocation.terminal) is None:
                return

            for callback in list(invocation.on_resize):
                callback(terminal)

    def _call(self, function: Callable[[], None]) -> None:
        # After the server's end there is no loop any more.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function)


def complaint(error: PaasError) -> bytes:
    """Format the error as lines for the client's standard error."""
    return "".join(f" !     {line}\n" for line in error.lines()).encode(errors="replace")


def _take(batch: collections.deque[tuple[int, bytes]]) -> tuple[int, bytes]:
    """Remove and return the first item, joined with the next ones of the same stream, up to `CHUNK` bytes."""
    stream, data = batch.popleft()

    if stream in (RAW, PROBLEM, JOB, MARK) or not batch or batch[0][0] != stream:
        return stream, data

    parts, size = [data], len(data)

    while batch and batch[0][0] == stream and size + len(batch[0][1]) <= CHUNK:
        parts.append(batch.popleft()[1])
        size += len(parts[-1])

    return stream, b"".join(parts)
