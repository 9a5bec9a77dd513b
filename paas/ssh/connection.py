"""An SSH connection: its caller, prompt acknowledgements, and bounded memory."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import hashlib
import socket
from typing import Protocol

import asyncssh

from paas.control.channel import HIGH_WATER
from paas.control.limits import Pool
from paas.core.access.caller import Caller
from paas.core.access.revocation import Revocation
from paas.ssh.algorithms import SIGNATURES
from paas.ssh.gate import Visitor
from paas.ssh.session import SshSession


class ConnectionHost(Protocol):
    """The part of the server that a connection uses."""

    pool: Pool
    commands_per_connection: int

    def logged_in(self, connection: SshConnection) -> None:
        """Note that the connection has logged in."""

    def left(self, connection: SshConnection) -> None:
        """Forget a closed connection. It may be called more than once."""

    async def find(self, fingerprint: str) -> Caller | None:
        """Return the caller of the key, or None."""


class SshConnection(asyncssh.SSHServerConnection):
    """A client's connection. ``caller`` is the owner of the key that signed the login."""

    def __init__(
        self,
        server: ConnectionHost,
        loop: asyncio.AbstractEventLoop,
        options: asyncssh.SSHServerConnectionOptions,
        visitor: Visitor,
    ) -> None:
        super().__init__(loop, options)
        self.server = server
        self.visitor = visitor
        self.caller: Caller | None = None
        self.found: dict[str, Caller] = {}
        self.sessions: set[SshSession] = set()
        self.revoked = False
        self._tcp: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._tcp = transport
        transport.set_write_buffer_limits(high=HIGH_WATER // 2)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None = None) -> None:
        self.server.left(self)
        super().connection_lost(exc)

    def _send_version(self) -> None:
        # The door has sent it; the key exchange signs it.
        self._server_version = b"SSH-2.0-" + self._version
        self.set_extra_info(server_version=self._server_version.decode("ascii"))

    def data_received(self, data: bytes, datatype: int | None = None) -> None:
        self.visitor.heard = self._loop.time()
        super().data_received(data, datatype)

        # Clients send small packets that wait (Nagle) for the acknowledgement of the one before, which the kernel
        # delays by 40 ms unless told otherwise; and it forgets what it was told as soon as something is sent back.
        if self._tcp is not None and not self._tcp.is_closing():
            self._tcp.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def pause_writing(self) -> None:
        self._be_slow(True)

    def resume_writing(self) -> None:
        self._be_slow(False)

    def revoke(self, revocation: Revocation) -> None:
        """End all commands of a removed key, except the one that removed it. Close the connection after the last."""
        self.revoked = True

        for session in list(self.sessions):
            session.revoke(revocation)

        self._close_if_revoked()

    def ended(self, session: SshSession) -> None:
        """Forget a session whose channel was closed."""
        self.sessions.discard(session)
        self._close_if_revoked()

    def _close_if_revoked(self) -> None:
        if self.revoked and not self.sessions:
            self.disconnect(asyncssh.DISC_BY_APPLICATION, "the key was removed")

    async def validate_public_key(self, username: str, key_data: bytes, msg: bytes, signature: bytes) -> bool:
        # asyncssh accepts any algorithm that the key supports, including SHA-1 for RSA keys.
        if msg and _algorithm(signature) not in SIGNATURES:
            return False

        valid = await super().validate_public_key(username, key_data, msg, signature)

        # A client may ask about keys that it does not have; only the key that signed identifies it.
        if valid and msg:
            self.caller = self.found.get(_fingerprint(key_data))
            return self.caller is not None

        return valid

    def _be_slow(self, slow: bool) -> None:
        """Stop reading from a client that does not read its output: answers to its requests would pile up."""
        assert self._tcp is not None

        if slow:
            self._tcp.pause_reading()
        else:
            self._tcp.resume_reading()

        for session in list(self.sessions):
            session.connection_is_slow(slow)


class Owner(asyncssh.SSHServer):
    """asyncssh's callbacks for one connection."""

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        assert isinstance(conn, SshConnection)
        self._connection = conn

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.server.left(self._connection)

    def auth_completed(self) -> None:
        self._connection.server.logged_in(self._connection)

    def public_key_auth_supported(self) -> bool:
        return True

    async def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        fingerprint = _fingerprint(key.public_data)
        caller = await self._connection.server.find(fingerprint)

        if caller is None:
            return False

        address = self._connection.get_extra_info("peername")[0]
        self._connection.found[fingerprint] = dataclasses.replace(caller, address=address)
        return True

    def session_requested(self) -> SshSession | bool:
        connection = self._connection

        full = len(connection.sessions) >= connection.server.commands_per_connection
        if connection.caller is None or connection.revoked or full:
            return False

        session = SshSession(connection.caller, connection.server.pool, connection.ended)
        connection.sessions.add(session)
        return session


def _fingerprint(key_data: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(key_data).digest()).decode().rstrip("=")


def _algorithm(signature: bytes) -> str:
    """Return the algorithm that a signature names in its first field (RFC 4253 section 6.6)."""
    return signature[4 : 4 + int.from_bytes(signature[:4], "big")].decode("ascii", "replace")
