"""A connection before its key exchange: a socket, a few bytes and a timer. Most attacks end here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from paas.ssh.connection import SshConnection
from paas.ssh.gate import Gate, source_of

MOST_BEFORE = 64 * 1024
"""Bytes that a client may send before its key exchange starts: its version, and a packet or two."""
LONGEST_VERSION = 255
HELD_UP = 2.0
"""Seconds that an unknown client waits for the server's version while its source is under pressure."""
SETTLED = 0.05
"""Seconds after the version in which most scanners hang up."""


class House(Protocol):
    """The part of the server that admits pending connections."""

    gate: Gate
    login_time: float
    banner: bytes

    def pump(self) -> None:
        """Let waiting clients start."""

    def opened(self, door: PendingConnection) -> SshConnection:
        """Return the SSH connection for an admitted client."""


class PendingConnection(asyncio.Protocol):
    """A client before its key exchange. Afterwards the gate knows its connection by this object."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._greeted = self._opened = False
        self._timers: list[asyncio.TimerHandle] = []
        self.source = ""
        self.hello = b""
        self.heard = self._loop.time()

    # As a protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = transport.get_extra_info("peername")
        if not peer:  # it has already exited
            transport.abort()
            return

        self.source = source_of(peer[0])
        out = self._house.gate.arrive(self, self.heard)
        if out is not None:
            out.throw_out()
        if out is self:
            return

        self._later(self._house.login_time, self.throw_out)
        if self._pressed():
            self._later(HELD_UP, self._greet_late)
        else:
            self._greet()

    def data_received(self, data: bytes) -> None:
        self.heard = self._loop.time()
        self._buffer += data
        if len(self._buffer) > MOST_BEFORE:
            self.throw_out()
        elif not self.hello:
            self._read_hello()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_timers()
        self._house.gate.left(self, self._loop.time())
        self._house.pump()

    # As a visitor

    def throw_out(self) -> None:
        """Close the connection immediately."""
        self._transport.abort()

    def open(self) -> None:
        """Start the key exchange."""
        self._cancel_timers()
        self._opened = True
        connection = self._house.opened(self)
        self._transport.set_protocol(connection)
        connection.connection_made(self._transport)
        connection.data_received(bytes(self._buffer))
        self._buffer.clear()

    # What it says

    def _read_hello(self) -> None:
        line, end, _ = self._buffer.partition(b"\n")
        if len(line) > LONGEST_VERSION or (end and not line.startswith((b"SSH-2.0-", b"SSH-1.99-"))):
            # A client of another protocol gets the same answer as from asyncssh: a bare disconnect.
            self.throw_out()
            return
        if end:
            self.hello = bytes(line.rstrip(b"\r"))
            if not self._greeted and not self._pressed():
                self._greet()
            elif self._greeted:
                self._ready()

    def _pressed(self) -> bool:
        return self._house.gate.pressed(self, self._loop.time())

    def _greet(self) -> None:
        if not self._greeted:
            self._greeted = True
            self._transport.write(self._house.banner)
            if self.hello:
                self._ready()

    def _greet_late(self) -> None:
        if not self._greeted:
            self._greeted = True
            self._transport.write(self._house.banner)
            if self.hello:
                self._later(SETTLED, self._ready)

    def _ready(self) -> None:
        self._house.gate.ready(self, self._loop.time())
        self._house.pump()

    # Time

    def _later(self, seconds: float, function: Callable[[], None]) -> None:
        self._timers.append(self._loop.call_later(seconds, function))

    def _cancel_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
