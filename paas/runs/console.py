"""Console of a client: its streams and terminal, connected with a command in a container."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from paas.core.errors import Disconnected
from paas.schedulers.container_stream import ContainerStream, Write, carry

Size = tuple[int, int]
"""Columns and rows of a terminal."""


@dataclass(frozen=True)
class Console:
    """Streams and terminal of a client.

    ``input`` returns the socket with the client's input; ``size`` the terminal's size, None without a terminal;
    ``kind`` is its TERM. ``resized`` registers a callback for changes of the size. ``raw`` switches the terminal's raw
    mode. ``gone`` is set when the client disconnects.
    """

    input: Callable[[], Any]
    write: Write
    size: Callable[[], Size | None]
    kind: str
    resized: Callable[[Callable[[Size], None]], None]
    raw: Callable[[bool], None]
    gone: threading.Event

    @property
    def terminal(self) -> bool:
        """True if the client has a terminal."""
        return self.size() is not None


def connect(console: Console, stream: ContainerStream, resize: Callable[[int, int], None]) -> None:
    """Connect the client with a process until it closes its output. Raise `Disconnected` if the client leaves first."""
    if not console.terminal:
        carry(console.input(), stream, console.write, console.gone)
        return
    console.raw(True)
    try:
        console.resized(lambda size: resize(*size))
        size = console.size()
        if size:
            resize(*size)
        carry(console.input(), stream, console.write, console.gone)
    finally:
        if not console.gone.is_set():
            _tame(console)


def _tame(console: Console) -> None:
    try:
        console.raw(False)
    except Disconnected:
        # The client disconnected just now and restores its terminal itself.
        return
