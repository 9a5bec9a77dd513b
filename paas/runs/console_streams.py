"""Create the console of an invocation."""

from __future__ import annotations

from collections.abc import Callable

from paas.commands.invocation import Invocation, Terminal
from paas.runs.console import Console, Size
from paas.schedulers.container_stream import ERR


def of(invocation: Invocation, *, terminal: bool = True) -> Console:
    """Return the caller's console; with ``terminal`` false, without its terminal."""

    def write(stream: int, data: bytes) -> None:
        (invocation.stderr if stream == ERR else invocation.stdout)(data)

    def size() -> Size | None:
        return _size(invocation.terminal) if terminal and invocation.terminal else None

    def resized(callback: Callable[[Size], None]) -> None:
        invocation.on_resize.append(lambda changed: callback(_size(changed)))

    kind = invocation.terminal.kind if invocation.terminal else ""
    return Console(lambda: invocation.stdin, write, size, kind, resized, invocation.set_raw, invocation.gone)


def _size(terminal: Terminal) -> Size:
    return terminal.columns, terminal.rows
