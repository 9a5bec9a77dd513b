"""What every transport hands to ``dispatch``: one command with its streams, and who asks."""

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
    """What ``set_raw`` does where the client has no terminal: nothing."""


@dataclass
class Invocation:
    """One command under way. The transport makes it, ``dispatch`` runs it in a thread of its own.

    ``stdin`` is a blocking socket: it reads the client's input byte for byte, and end-of-file once the client closes
    its side or is gone; its file descriptor may be handed to a child process. Touch it only when input is wanted: the
    local client reads its own standard input from that moment on, and not before. ``stdout`` and ``stderr`` take bytes,
    block while the client is slow to read, and raise `Disconnected` once it is gone; ``gone`` is set at that moment,
    Ctrl-C included.

    ``terminal`` is None where the client has none; it follows the client's window, and each of ``on_resize`` is then
    called, in some other thread. ``set_raw(True)`` hands the terminal over: keys come one by one as they are typed,
    Ctrl-C among them, and output is not touched; the transport undoes it at the end. ``environment`` holds what the
    client sent of the few variables that are let through (``GIT_PROTOCOL``). Where the client is a program that wants
    parts, ``answer`` takes the result as JSON and ``report`` the error that the command ends with; elsewhere they go to
    ``stdout`` and ``stderr``. ``began`` takes the number of a change that has begun; ``marked``
    a place from which output can be told again: after the line that comes next, or after all that was said.
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
