"""A ``git push`` with the real client, to a server made of fakes."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from fakes.gates import SECONDS, Unexpected
from paas.commands.invocation import Invocation
from paas.core.access.caller import Caller
from paas.core.errors import Disconnected

if TYPE_CHECKING:
    # Which makes the sessions.
    from fakes.server import Server

_SURROUNDINGS = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"} | {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
}


class Result(NamedTuple):
    """Result for a user: the exit status, standard output, standard error."""

    status: int
    out: str
    err: str


class PushSession:
    """One running ``git push``: the real client, and the server in a thread."""

    allowed = True
    """True if the test is marked to run real programs."""

    def __init__(self, server: Server, app: str, arguments: Sequence[str], caller: Caller) -> None:
        if not self.allowed:
            raise Unexpected("this runs the git client: mark the test real, or use `Server.deployed`")
        ours, theirs = socket.socketpair()
        self._complaints = bytearray()
        self._shown = bytearray()
        self.process = subprocess.Popen(
            ["git", *(word.replace("URL", f"fd::{theirs.fileno()}/{app}") for word in arguments)],
            cwd=server.source(app),
            env=_SURROUNDINGS,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        theirs.close()

        def write(data: bytes) -> None:
            try:
                ours.sendall(data)
            except OSError as error:
                raise Disconnected from error

        def serve() -> None:
            with ours, contextlib.suppress(ConnectionError):
                server.dispatch(
                    Invocation(["git-receive-pack", f"/{app}"], caller, ours, write, self._complaints.extend)
                )
                ours.shutdown(socket.SHUT_WR)
                while ours.recv(1 << 16):
                    pass

        def read() -> None:
            assert self.process.stdout is not None
            for line in self.process.stdout:
                self._shown += line

        self._threads = [threading.Thread(target=work, name="push", daemon=True) for work in (serve, read)]
        for thread in self._threads:
            thread.start()

    @property
    def err(self) -> str:
        """Text that the user has read so far."""
        return self._complaints.decode() + self._shown.decode()

    def wait(self) -> Result:
        """Return the result once both sides have ended: git's exit status, and all text for the user as ``err``."""
        for thread in self._threads:
            thread.join(SECONDS)
            if thread.is_alive():
                self.process.kill()
                raise Unexpected(f"the push did not end; so far it said {self.err!r}")
        status = self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        return Result(status, "", self.err)

    def kill(self) -> None:
        """Kill the client, as when its connection breaks."""
        self.process.kill()
