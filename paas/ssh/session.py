"""An SSH session channel: one command, optionally with a terminal (RFC 4254 section 6)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import asyncssh
from asyncssh.misc import map_handler_name
from asyncssh.packet import SSHPacket

from paas.commands.invocation import Terminal
from paas.control import client_env
from paas.control.channel import BROKEN_PIPE, CHUNK, INTERRUPTED, STDERR, CommandSession, complaint
from paas.control.limits import Pool
from paas.core.access.caller import Caller
from paas.core.access.revocation import Revocation
from paas.core.errors import Forbidden, PaasError
from paas.ssh import command
from paas.ssh.line import Line

END_OF_WRITES = f"_process_{map_handler_name('eow@openssh.com')}_request"
"""The request that OpenSSH's client sends when the reader of its standard output has gone, as in ``ssh … logs -t |
head`` (OpenSSH's PROTOCOL file, section 2.1)."""


class SshSession(asyncssh.SSHServerSession[bytes]):
    """The link between asyncssh's callbacks and a `CommandSession`. ``closed`` is called at its end."""

    def __init__(self, caller: Caller, pool: Pool, closed: Callable[[SshSession], None]) -> None:
        self._caller = caller
        self._closed = closed
        self._session = CommandSession(self, pool)
        self._command: str | None = None
        self._terminal: Terminal | None = None
        self._line = Line()
        self._raw = False
        self._full = self._slow = False
        self._paused = False

    # What the client asks for

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._chan = chan
        chan.set_write_buffer_limits(high=2 * CHUNK)
        # asyncssh finds the handlers of requests by name, and has none for this one.
        setattr(chan, END_OF_WRITES, self._reader_gone)

    def pty_requested(self, term_type: str, term_size: tuple[int, int, int, int], term_modes: object) -> bool:
        self._terminal = client_env.terminal(term_size[0], term_size[1], term_type)
        return True

    def shell_requested(self) -> bool:
        return True

    def exec_requested(self, command: str) -> bool:
        self._command = command
        return True

    def session_started(self) -> None:
        try:
            argv = command.split(self._command or "")
            environment = client_env.environment(self._chan.get_environment())
            self._session.start(argv, self._caller, terminal=self._terminal, environment=environment)
        except PaasError as error:
            self.send(STDERR, complaint(error))
            self.finish(error.status)

    # What the client sends

    def data_received(self, data: bytes, datatype: object) -> None:
        if self._terminal is not None and not self._raw:
            data, shown = self._line.type(data)

            if not self._chan.is_closing():
                self._chan.write(shown)

        self._session.feed(data)
        self._pause_if_behind()

        if self._line.interrupted:
            self._interrupt()
        elif self._line.ended:
            self._session.feed_eof()

    def eof_received(self) -> bool:
        self._session.feed_eof()
        return True  # the other direction stays open

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        if self._terminal is not None:
            self._terminal = client_env.terminal(width, height, self._terminal.kind)
            self._session.resize(self._terminal)

    def signal_received(self, signal: str) -> None:
        self._interrupt()

    def break_received(self, msec: int) -> bool:
        self._interrupt()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._session.hang_up()
        self._closed(self)

    def _reader_gone(self, packet: SSHPacket) -> bool:
        packet.check_end()
        self._end(BROKEN_PIPE)
        return True

    def revoke(self, revocation: Revocation) -> None:
        """End the command because the caller's key was removed, unless this command removed it."""
        if not self._session.spared_by(revocation):
            error = Forbidden("The key was removed", why="It was removed while this command ran.", code="unknown-key")
            self._session.hang_up()
            self.send(STDERR, complaint(error))
            self.finish(error.status)

    # How fast it reads

    def pause_writing(self) -> None:
        self._full = True
        self._session.hold(True)

    def resume_writing(self) -> None:
        self._full = False
        self._session.hold(self._slow)

    def connection_is_slow(self, slow: bool) -> None:
        """Pause output while the connection of this channel accepts no more, or resume it."""
        self._slow = slow
        self._session.hold(self._full or slow)

    # The session's wire

    def send(self, stream: int, data: bytes) -> None:
        """Send output. For a terminal that is not raw, add the carriage returns its driver would add."""
        if self._chan.is_closing():
            self._session.hang_up()
            return

        if self._terminal is not None and not self._raw:
            data = data.replace(b"\n", b"\r\n")

        if stream == STDERR:
            self._chan.write_stderr(data)
        else:
            self._chan.write(data)

    def send_raw(self, raw: bool) -> None:
        """Pass keys and output through unchanged, or stop doing so."""
        self._raw = raw

    def input_wanted(self) -> None:
        """Do nothing: SSH clients send their input without being asked."""

    def input_taken(self, size: int) -> None:
        """Resume the client when the command has read everything it sent."""
        if self._paused and self._session.backlog <= size:
            asyncio.get_running_loop().call_soon(self._resume)

    def finish(self, status: int) -> None:
        """Send the exit status and close the channel."""
        self._chan.exit(status & 0xFF)

    def _pause_if_behind(self) -> None:
        if self._session.backlog and not self._paused:
            self._paused = True
            self._chan.pause_reading()

    def _resume(self) -> None:
        """Take everything that arrived in the meantime.

        asyncssh reopens the whole window with the first packet it delivers, whatever it still holds back. So one
        window has to be taken at a time: a pause in the middle would let its buffer grow without limit.
        """
        if self._paused and not self._session.backlog:
            self._chan.resume_reading()
            self._paused = False
            self._pause_if_behind()

    def _interrupt(self) -> None:
        self._end(INTERRUPTED)

    def _end(self, status: int) -> None:
        self._session.hang_up()
        self.finish(status)
