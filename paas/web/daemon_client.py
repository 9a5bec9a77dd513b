"""The way to the daemon: one connection to its control socket for each command, in the name of a token's owner."""

from __future__ import annotations

import json
import select
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paas.control import frames
from paas.control.client import connect

MOST_OUTPUT = 16 << 20
"""Bytes that a command may say before it ends, where its client waits for the whole."""
PATIENCE_MS = 10_000
"""Milliseconds of silence after which a stream's client is sent something, so that a disconnect is noticed."""

Frame = tuple[bytes, bytes]
SILENCE: Frame = (b"", b"")


@dataclass(frozen=True)
class ApiCaller:
    """Caller of a command; with an empty token it is anonymous."""

    token: str
    address: str = ""


@dataclass(frozen=True)
class CommandOutcome:
    """Outcome of a command. ``value`` is its result as JSON, empty for none; ``output`` is all other output.

    ``build`` is the number of a deployment that continues in the background, 0 for none; ``place`` is the position from
    which the output of a stream would continue, empty for none.
    """

    value: bytes
    output: str
    status: int
    build: int = 0
    place: str = ""

    def read(self) -> Any:
        """Return the result; None if there is none."""
        return json.loads(self.value) if self.value else None


class CommandFailed(Exception):
    """A command ended with an error. ``parts`` are those of `paas.core.problem.details`."""

    def __init__(self, parts: Mapping[str, Any]) -> None:
        super().__init__(parts["what"])
        self.parts = dict(parts)


def problem(what: str, status: int, code: str, *, why: str = "", fix: str = "", retry_after: int = 0) -> CommandFailed:
    """Return an error of the web process; ``retry_after`` seconds later another attempt is useful, 0 for never."""
    parts = {"type": "about:blank", "title": what, "status": status, "detail": why}
    again = {"retry_after": retry_after} if retry_after else {}
    return CommandFailed({**parts, "what": what, "why": why, "fix": fix, "code": code, "exit_status": 1, **again})


class Conversation:
    """One running command. Closing it ends the command, as Ctrl-C does."""

    def __init__(self, server: socket.socket, stdin: bytes) -> None:
        self._server = server
        self._stdin = memoryview(stdin)
        self._over = False

    def frames(self, watched: socket.socket | None = None) -> Iterator[Frame]:
        """Yield the daemon's frames up to the exit status, and `SILENCE` after a while without any.

        With ``watched``, end early once the other side of that connection has disconnected.
        """
        buffer = bytearray()
        poll = select.poll()
        poll.register(self._server, select.POLLIN)
        if watched is not None:
            # Not for its data: an ignored body always leaves some.
            poll.register(watched, select.POLLRDHUP)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll(PATIENCE_MS)}
            if watched is not None and watched.fileno() in ready:
                return
            if self._server.fileno() not in ready:
                yield SILENCE
                continue
            data = self._server.recv(1 << 16)
            if not data:
                raise _lost()
            buffer += data
            for kind, payload in frames.whole(buffer):
                if kind == frames.GRANT:
                    self._send_input(int.from_bytes(payload, "big"))
                    continue
                yield kind, payload
                if kind == frames.EXIT:
                    return

    def close(self) -> None:
        """Close the connection."""
        self._server.close()

    def _send_input(self, granted: int) -> None:
        part, self._stdin = self._stdin[:granted], self._stdin[granted:]
        if part:
            self._server.sendall(frames.frame(frames.INPUT, bytes(part)))
        if not self._stdin and not self._over:
            self._over = True
            self._server.sendall(frames.frame(frames.END_OF_INPUT))


class Link:
    """Runs commands at the daemon whose control socket is at ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(
        self,
        caller: ApiCaller,
        command: str,
        parameters: Mapping[str, Any],
        *,
        look: bool = False,
        stdin: bytes = b"",
        detached: bool = False,
        after: str = "",
    ) -> Conversation:
        """Begin the command.

        Raise `CommandFailed` if the daemon does not answer. Continue after a position, if possible.

        A ``detached`` one continues after it is closed, once it has begun a deployment.
        """
        hello = {
            "protocol": frames.PROTOCOL,
            "call": {"command": command, "parameters": dict(parameters), "look": look, "after": after},
            # Always sent, because who sends none is taken for the server's own user.
            "token": caller.token,
            "address": caller.address,
            "parts": True,
            "detached": detached,
        }
        payload = json.dumps(hello).encode()
        if len(payload) > frames.MAX_PAYLOAD:
            raise problem("the parameters are too long", 413, "too-long", fix="Give large values as stdin.")
        try:
            raw = connect(str(self._path))
            server = socket.socket(fileno=raw.detach())
            server.setblocking(True)
            server.sendall(frames.frame(frames.HELLO, payload))
        except OSError as error:
            raise _unreachable() from error
        return Conversation(server, stdin)

    def run(
        self,
        caller: ApiCaller,
        command: str,
        parameters: Mapping[str, Any],
        *,
        look: bool = False,
        stdin: bytes = b"",
        watched: socket.socket | None = None,
        detached: bool = False,
    ) -> CommandOutcome:
        """Return the command's outcome, once it has ended. Raise `CommandFailed` for an error.

        ``watched`` is the client's connection: a disconnect ends the command. For a ``detached`` one that begins a
        deployment, the outcome is its number.
        """
        value, output, place = bytearray(), bytearray(), ""
        conversation = self.begin(caller, command, parameters, look=look, stdin=stdin, detached=detached)
        try:
            for kind, payload in conversation.frames(watched):
                if kind == frames.PROBLEM:
                    parts = json.loads(payload)
                    raise CommandFailed({**parts, **_beside(value, output)})
                if kind == frames.VALUE:
                    value += payload
                elif kind in (frames.OUTPUT, frames.ERROR):
                    output += payload
                elif kind == frames.JOB and detached:
                    return CommandOutcome(b"", output.decode(errors="replace"), 0, int.from_bytes(payload, "big"))
                elif kind == frames.MARK:
                    place = payload[1:].decode()
                elif kind == frames.EXIT:
                    return CommandOutcome(bytes(value), output.decode(errors="replace"), payload[0], place=place)
                if len(value) + len(output) > MOST_OUTPUT:
                    raise problem("the command says too much at once", 422, "too-much", fix="Ask for a stream.")
        except OSError as error:
            raise _lost() from error
        finally:
            conversation.close()
        raise _lost()

    def ask(self, caller: ApiCaller, command: str, **parameters: Any) -> Any:
        """Return the result of a read-only command."""
        return self.run(caller, command, parameters).read()


def _beside(value: bytearray, output: bytearray) -> dict[str, Any]:
    """Return the output of the command before its error."""
    said = {"output": output.decode(errors="replace")} if output else {}
    return {**said, "result": json.loads(value)} if value else said


def _unreachable() -> CommandFailed:
    return problem(
        "the daemon is not running",
        502,
        "not-running",
        why="Its control socket does not answer. Apps keep running.",
        fix="Start it on the server: systemctl start paas, or paas serve.",
    )


def _lost() -> CommandFailed:
    return problem(
        "the daemon disconnected before the command ended",
        502,
        "disconnected",
        fix="The daemon finishes or undoes an interrupted deploy when it starts again.",
    )
