"""The control socket: the entrance for the local command line, the web process, and the host's own OpenSSH.

`paas.control.frames` describes the protocol. Only root and the server's own user may connect; the kernel names the
peer's user (unix(7), SO_PEERCRED). They are administrators, unless they act for the owner of an SSH key or of a token:
then the owner's rights apply.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from paas.commands.invocation import Dispatch
from paas.control import channel, client_env, frames, unix_socket
from paas.control.channel import HIGH_WATER, INTERRUPTED, PROBLEM, STDERR, CommandSession, complaint
from paas.control.framing import BrokenProtocol, Hello, parse_hello, whole_frames
from paas.control.limits import Pool
from paas.core.access.caller import Access, Caller
from paas.core.access.revocation import Revocation
from paas.core.errors import Forbidden, InvalidToken, PaasError
from paas.core.problem import details
from paas.dispatch import calling

_log = logging.getLogger(__name__)

KINDS = {
    channel.STDOUT: frames.OUTPUT, channel.STDERR: frames.ERROR, channel.VALUE: frames.VALUE,
    channel.PROBLEM: frames.PROBLEM, channel.JOB: frames.JOB, channel.MARK: frames.MARK,
}  # fmt: skip

Lookup = Callable[[str], Caller | None]
"""Find the caller of the key with the fingerprint ``SHA256:…``, or None. It runs in a thread."""

TokenLookup = Callable[[str], Caller]
"""Find the caller of the token. Raise `InvalidToken` if it is unknown. It runs in a thread."""


def no_tokens(token: str) -> Caller:
    """Refuse every token: the `TokenLookup` of a server without tokens."""
    raise InvalidToken("the token is unknown", why="This server has no tokens.")


class ControlServer:
    """A listening control socket."""

    def __init__(self, path: Path, lookup: Lookup, dispatch: Dispatch, commands: int, tokens: TokenLookup) -> None:
        self.path = path
        self.pool = Pool(dispatch, commands)
        self.connections: set[ControlConnection] = set()
        self._lookup = lookup
        self._tokens = tokens
        self._lookups = ThreadPoolExecutor(max_workers=2, thread_name_prefix="control-keys")
        self._listener: asyncio.Server | None = None
        self._inode = 0

    async def listen(self) -> None:
        """Start to accept connections. Raise `unix_socket.AlreadyRunning` and `OSError`."""
        sock = unix_socket.listen(self.path)
        self._inode = self.path.stat().st_ino
        self._listener = await asyncio.get_running_loop().create_server(lambda: ControlConnection(self), sock=sock)

    async def mend(self) -> None:
        """Listen again if the socket's file was removed or replaced. Open connections continue."""
        with contextlib.suppress(FileNotFoundError):
            if self.path.stat().st_ino == self._inode:
                return

        _log.warning("the control socket %s was removed; creating it again", self.path)
        before = self._listener
        await self.listen()

        if before is not None:
            before.close()

    async def close(self, grace: float = 1.0) -> None:
        """Stop accepting, wait ``grace`` seconds for running commands, and close all connections."""
        if self._listener is not None:
            self._listener.close()

        with contextlib.suppress(FileNotFoundError):
            if self.path.stat().st_ino == self._inode:
                self.path.unlink()

        await self.pool.close(grace)

        for connection in list(self.connections):
            connection.close()

        self._lookups.shutdown(wait=False)

    def revoke(self, revocation: Revocation) -> None:
        """End the commands of a removed key or token."""
        for connection in list(self.connections):
            connection.revoke(revocation)

    async def find(self, fingerprint: str) -> Caller | None:
        """Return the caller of the key with this fingerprint, or None."""
        return await asyncio.get_running_loop().run_in_executor(self._lookups, self._lookup, fingerprint)

    async def find_owner(self, token: str) -> Caller:
        """Return the caller of the token. Raise `InvalidToken`."""
        return await asyncio.get_running_loop().run_in_executor(self._lookups, self._tokens, token)


class ControlConnection(asyncio.Protocol):
    """One client: the `Wire` of its session on one side, frames on the other."""

    def __init__(self, server: ControlServer) -> None:
        self._server = server
        self._session = CommandSession(self, server.pool)
        self._buffer = bytearray()
        self._kind = ""
        self._parts = False
        self._started = False
        self._granted = self._taken = 0
        self._task: asyncio.Task[None] | None = None
        self._caller: Caller | None = None

    # What arrives

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=HIGH_WATER)
        self._server.connections.add(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data

        try:
            for kind, payload in whole_frames(self._buffer):
                self._received(kind, payload)
        except PaasError as error:
            self._refuse(error)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        self._session.leave()

    def pause_writing(self) -> None:
        self._session.hold(True)

    def resume_writing(self) -> None:
        self._session.hold(False)

    def close(self) -> None:
        """Disconnect after sending what was written."""
        self._transport.close()

    def revoke(self, revocation: Revocation) -> None:
        """End the command if its caller's key or token was removed, unless the command removed it itself."""
        if revocation.concerns(self._caller) and not self._session.spared_by(revocation):
            kind = "key" if revocation.fingerprint else "token"
            why = "It was removed while this command ran."
            self._refuse(Forbidden(f"The {kind} was removed", why=why, code=f"unknown-{kind}"))

    def _received(self, kind: bytes, payload: bytes) -> None:
        if not self._started:
            self._started = True
            hello = parse_hello(kind, payload)
            self._parts = hello.parts
            self._task = asyncio.get_running_loop().create_task(self._begin(hello))
            return

        if kind == frames.INPUT:
            self._granted -= len(payload)

            if self._granted < 0:
                raise BrokenProtocol("The client sent more input than granted")

            self._session.feed(payload)
        elif kind == frames.END_OF_INPUT:
            self._session.feed_eof()
        elif kind == frames.WINDOW_SIZE and len(payload) == 4:
            size = (int.from_bytes(payload[:2], "big"), int.from_bytes(payload[2:], "big"))
            self._session.resize(client_env.terminal(*size, self._kind))
        elif kind == frames.INTERRUPT:
            self._session.hang_up()
            self.finish(INTERRUPTED)
        else:
            raise BrokenProtocol(f"The client sent a frame of unknown kind {kind!r}")

    async def _begin(self, hello: Hello) -> None:
        try:
            self._caller = caller = await self._identify(hello)

            if self._transport.is_closing():  # the client gave up in the meantime
                return

            self._kind = hello.terminal.kind if hello.terminal else ""
            call = hello.call
            argv = calling.argv(call.command, call.parameters, call.look, call.after) if call else hello.argv
            self._session.start(
                argv,
                caller,
                terminal=hello.terminal,
                environment=hello.environment,
                parts=hello.parts,
                detached=hello.detached,
            )
        except PaasError as error:
            self._refuse(error)
        except Exception:  # noqa: BLE001  # logged, and the client gets an error
            _log.exception("a command could not be started")
            self._refuse(PaasError("internal server error", why="The server's log has the details."))

    async def _identify(self, hello: Hello) -> Caller:
        user = unix_socket.peer_user(self._transport.get_extra_info("socket"))

        if user not in (0, os.geteuid()):
            raise Forbidden(
                f"{unix_socket.login_name(user)} may not use the control socket",
                why=f"Only root and {unix_socket.login_name(os.geteuid())}, the server's user, may use it.",
                fix="Use sudo, or connect over SSH with your own key.",
            )

        if hello.token is not None:
            owner = await self._server.find_owner(hello.token)
            return dataclasses.replace(owner, address=hello.address)

        if not hello.key:
            return Caller(name=unix_socket.login_name(user), access=Access.ADMIN, via="local")

        caller = await self._server.find(hello.key)

        if caller is None:
            raise Forbidden(
                f"The key {hello.key} is unknown",
                why="It was removed, or belongs to another instance.",
                fix="An administrator adds keys with: paas ssh-keys:add NAME < KEY.pub",
                code="unknown-key",
            )

        return dataclasses.replace(caller, via="ssh", address=hello.address)

    # The session's wire

    def send(self, stream: int, data: bytes) -> None:
        """Send output, the parts of an error, the number of a job, or a position."""
        self._send(KINDS[stream], data)

    def send_raw(self, raw: bool) -> None:
        """Switch the client's terminal to raw mode or back."""
        self._send(frames.RAW, b"\1" if raw else b"\0")

    def input_wanted(self) -> None:
        """Let the client read its standard input."""
        self._grant(frames.WINDOW)

    def input_taken(self, size: int) -> None:
        """Let the client send as much again, in large portions."""
        self._taken += size

        if self._taken >= frames.WINDOW // 4:
            self._grant(self._taken)
            self._taken = 0

    def finish(self, status: int) -> None:
        """Send the exit status and disconnect."""
        self._send(frames.EXIT, bytes([status & 0xFF]))
        self._transport.close()

    def _grant(self, size: int) -> None:
        self._granted += size
        self._send(frames.GRANT, size.to_bytes(4, "big"))

    def _refuse(self, error: PaasError) -> None:
        self._session.hang_up()

        if self._parts:
            self.send(PROBLEM, json.dumps(details(error)).encode())
        else:
            self.send(STDERR, complaint(error))

        self.finish(error.status)

    def _send(self, kind: bytes, payload: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(frames.frame(kind, payload))


async def start(
    path: Path, *, lookup: Lookup, dispatch: Dispatch, commands: int = 256, tokens: TokenLookup = no_tokens
) -> ControlServer:
    """Serve commands on the Unix socket ``path``, at most ``commands`` at a time.

    Replace the socket of a dead server. Raise `unix_socket.AlreadyRunning` when a server answers.
    """
    server = ControlServer(path, lookup, dispatch, commands, tokens)
    await server.listen()
    return server
