"""The seam between transports and ``dispatch``: one command with its streams, and its caller."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from paas.core.access.caller import Caller
from paas.core.errors import PaasError


@dataclass(frozen=True)
class Terminal:
    """The client's terminal: size in character cells, and its type (``TERM``)."""

    columns: int
    rows: int
    kind: str = "dumb"


def _has_no_terminal(_raw: bool) -> None:
    """Do nothing: ``set_raw`` of a client without a terminal."""


@dataclass
class Invocation:
    """One running command. The transport creates it, ``dispatch`` runs it in its own thread.

    ``stdin`` is a blocking socket: it returns the client's input byte for byte, and end-of-file once the client closes
    its side or disconnects; its file descriptor may be passed to a child process. Touch it only when input is needed:
    the local client reads its own standard input from that moment on, and not before. ``stdout`` and ``stderr`` take
    bytes, block while the client is slow to read, and raise `Disconnected` once it has disconnected; ``gone`` is set at
    that moment, also for Ctrl-C.

    ``terminal`` is None for a client without one; it follows the client's window, and each of ``on_resize`` is called
    then, in another thread. ``set_raw(True)`` switches the terminal to raw mode: keys arrive one by one as they are
    typed, including Ctrl-C, and output is not changed; the transport undoes it at the end. ``environment`` has the few
    accepted variables of the client (``GIT_PROTOCOL``). If the client is a program that requests parts, ``answer``
    takes the result as JSON and ``report`` the error of the command; otherwise they are written to ``stdout`` and
    ``stderr``. ``began`` takes the number of a deployment that has begun; ``marked`` a position from which output can
    be repeated: after the next line, or after all output so far.
    """

    argv: list[str]
    caller: Caller
    stdin: socket.socket
    stdout: Callable[[bytes], None]
    stderr: Callable[[bytes], None]
    terminal: Terminal | None = None
    gone: threading.Event = field(default_factory=threading.Event)
    environment: dict[str, str] = field(default_factory=dict)
    on_resize: list[Callable[[Terminal], None]] = field(default_factory=list)
    set_raw: Callable[[bool], None] = _has_no_terminal
    answer: Callable[[bytes], None] | None = None
    report: Callable[[PaasError], None] | None = None
    began: Callable[[int], None] | None = None
    marked: Callable[[str, bool], None] | None = None


Dispatch = Callable[[Invocation], int]
"""Runs the invocation to its end and returns the exit status. It never raises."""
