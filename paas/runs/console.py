"""A client's streams and terminal, as a command in a container is given them."""

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
    """``input`` gives the socket with the client's input, which is asked for when it is wanted. ``size`` gives the
    terminal's size, None without one, and ``kind`` is its TERM; ``resized`` has a function called at each change of it.
    ``raw`` hands the terminal over. ``gone`` is set once the client has gone."""

    input: Callable[[], Any]
    write: Write
    size: Callable[[], Size | None]
    kind: str
    resized: Callable[[Callable[[Size], None]], None]
    raw: Callable[[bool], None]
    gone: threading.Event

    @property
    def terminal(self) -> bool:
        """Whether there is one."""
        return self.size() is not None


def connect(console: Console, stream: ContainerStream, resize: Callable[[int, int], None]) -> None:
    """Connects the client with a process until that has closed its output. `Disconnected` if the client goes before."""
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
        # It went at this moment; its terminal is its own again.
        return
