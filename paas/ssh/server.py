"""The SSH server: public keys only, commands only.

No passwords, no forwarding of ports, agents or X11, no SFTP, no subsystems. The fingerprint of the key identifies the
caller; any user name works (``paas``, ``git``, ``dokku``).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh
from asyncssh.encryption import get_encryption_algs
from asyncssh.kex import get_kex_algs
from asyncssh.mac import get_mac_algs

from paas.commands.invocation import Dispatch
from paas.control.limits import PARTING, Pool
from paas.core.access.caller import Caller
from paas.core.access.revocation import Revocation
from paas.core.errors import PaasError
from paas.ssh import algorithms, hostkeys
from paas.ssh.callers import Lookup, looked_up
from paas.ssh.connection import Owner, SshConnection
from paas.ssh.door import PendingConnection
from paas.ssh.gate import Gate, Rules

_log = logging.getLogger(__name__)


BANNER = "OpenSSH_paas"
"""OpenSSH's client sends ``eow@openssh.com`` only to servers with this name. It contains no version number, so that no
scanner takes it for a release of OpenSSH with known faults."""


LOOK_SECONDS = 0.05
"""The interval in which waiting connections are checked."""


@dataclass(frozen=True)
class SshLimits:
    """Limits on concurrent work. Times are in seconds."""

    commands: int = 256
    commands_per_connection: int = 32
    gate: Rules = field(default_factory=Rules)
    login_time: float = 20
    keepalive_interval: float = 30
    keepalive_count: int = 3


class CannotListen(PaasError):
    """The server cannot listen on the address and port."""

    code = "listen"


class SshServer:
    """A running SSH server."""

    def __init__(self, lookup: Lookup, dispatch: Dispatch, limits: SshLimits) -> None:
        self.commands_per_connection = limits.commands_per_connection
        self.login_time = limits.login_time
        self.banner = f"SSH-2.0-{BANNER}\r\n".encode()
        self.gate = Gate(limits.gate)
        self.pool = Pool(looked_up(self._look_up, dispatch), limits.commands)
        self.port = 0
        self._lookup = lookup
        self._lookups = ThreadPoolExecutor(max_workers=2, thread_name_prefix="ssh-keys")
        self._connections: set[SshConnection] = set()
        self._pumping: asyncio.TimerHandle | asyncio.Handle | None = None
        self._listener: asyncio.Server | None = None

    async def listen(self, host: str, port: int, options: asyncssh.SSHServerConnectionOptions) -> None:
        """Start to accept connections. Raise `CannotListen`."""
        loop = asyncio.get_running_loop()
        self._options = options

        try:
            # asyncio accepts as many connections at a time as the backlog allows; other work must run in between.
            self._listener = await loop.create_server(
                lambda: PendingConnection(self), host, port, backlog=16, reuse_address=True
            )
            for listening in self._listener.sockets:
                with listening.dup() as same:
                    same.listen(512)
        except OSError as error:
            raise CannotListen(
                f"Cannot listen for SSH on {host}:{port}",
                why=error.strerror or str(error),
                fix="Stop the program that listens there, or choose another port with --ssh-port.",
            ) from error

        self.port = self._listener.sockets[0].getsockname()[1]

    async def close(self, grace: float = 1.0) -> None:
        """Stop accepting, wait ``grace`` seconds for running commands, and close all connections."""
        if self._listener is not None:
            self._listener.close()

        await self.pool.close(grace)

        for connection in list(self._connections):
            connection.close()

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PARTING):
                await asyncio.gather(*(connection.wait_closed() for connection in list(self._connections)))

        for connection in list(self._connections):
            connection.abort()

        for visitor in self.gate.everybody():
            visitor.throw_out()

        if self._pumping is not None:
            self._pumping.cancel()

        self._lookups.shutdown(wait=False)

    def revoke(self, revocation: Revocation) -> None:
        """Close the connections of a removed key."""
        for connection in list(self._connections):
            if revocation.concerns(connection.caller):
                connection.revoke(revocation)

    async def find(self, fingerprint: str) -> Caller | None:
        """Return the caller of the key, or None. A failed lookup is logged and returns None."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._lookups, self._look_up, fingerprint)
        except Exception:  # noqa: BLE001  # logged, and the client gets an error
            _log.exception("looking up the key %s failed", fingerprint)
            return None

    def _look_up(self, fingerprint: str) -> Caller | None:
        return self._lookup(fingerprint)

    def opened(self, door: PendingConnection) -> SshConnection:
        """Return the connection for a client that starts its key exchange."""
        connection = SshConnection(self, asyncio.get_running_loop(), self._options, door)
        self._connections.add(connection)
        return connection

    def pump(self) -> None:
        """Let waiting clients start, after other pending work on the loop has had its turn."""
        if not isinstance(self._pumping, asyncio.Handle) or isinstance(self._pumping, asyncio.TimerHandle):
            self._pump_in(0)

    def _pump_in(self, seconds: float) -> None:
        if self._pumping is not None:
            self._pumping.cancel()
        loop = asyncio.get_running_loop()
        self._pumping = loop.call_later(seconds, self._pump) if seconds else loop.call_soon(self._pump)

    def _pump(self) -> None:
        self._pumping = None
        now = asyncio.get_running_loop().time()
        # One at a time: a key exchange blocks the loop for milliseconds.
        if (door := self.gate.begin(now)) is not None:
            assert isinstance(door, PendingConnection)
            door.open()
            self._pump_in(0)
        elif self.gate.waits():
            for overdue in list(self.gate.overdue(now)):
                overdue.throw_out()
            self._pump_in(LOOK_SECONDS)

    def logged_in(self, connection: SshConnection) -> None:
        """Note that the connection has logged in."""
        self.gate.logged_in(connection.visitor, asyncio.get_running_loop().time())
        self.pump()

    def left(self, connection: SshConnection) -> None:
        """Forget a connection."""
        self._connections.discard(connection)
        self.gate.left(connection.visitor, asyncio.get_running_loop().time())
        self.pump()


async def start(
    host: str,
    port: int,
    *,
    host_keys: Path,
    lookup: Lookup,
    dispatch: Dispatch,
    limits: SshLimits | None = None,
) -> SshServer:
    """Serve commands over SSH on ``host`` and ``port`` (0: any free port, see `SshServer.port`).

    ``host_keys`` is the folder of the server's host keys; missing keys are created. Raise `CannotListen` and
    `hostkeys.HostKeyUnusable`.
    """
    limits = limits or SshLimits()

    # Below this level asyncssh writes whole command lines, and with them passwords, to the log.
    asyncssh.set_log_level(logging.WARNING)
    logging.getLogger("asyncio").addFilter(_is_news)

    options = await asyncssh.SSHServerConnectionOptions.construct(
        config=None,
        server_factory=Owner,
        server_host_keys=hostkeys.load(host_keys),
        server_version=BANNER,
        kex_algs=algorithms.available(algorithms.KEX, get_kex_algs()),
        encryption_algs=algorithms.available(algorithms.CIPHERS, get_encryption_algs()),
        mac_algs=algorithms.available(algorithms.MACS, get_mac_algs()),
        compression_algs=None,
        signature_algs=list(algorithms.SIGNATURES),
        public_key_auth=True,
        password_auth=False,
        kbdint_auth=False,
        host_based_auth=False,
        gss_host=None,
        x11_forwarding=False,
        agent_forwarding=False,
        allow_scp=False,
        encoding=None,
        line_editor=False,
        login_timeout=limits.login_time,
        keepalive_interval=limits.keepalive_interval,
        keepalive_count_max=limits.keepalive_count,
    )

    server = SshServer(lookup, dispatch, limits)
    await server.listen(host, port, options)
    return server


def _is_news(record: logging.LogRecord) -> bool:
    """Return False for asyncio's note that a client hung up during a write."""
    return record.msg != "socket.send() raised exception."
