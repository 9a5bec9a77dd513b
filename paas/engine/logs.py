"""Reading and following what an app's processes write."""

from __future__ import annotations

import heapq
import queue
import threading
from dataclasses import dataclass

from paas.core import logline
from paas.core.errors import Disconnected
from paas.core.logline import LogLine
from paas.core.model import App, Container
from paas.engine.context import Context

_RECHECK_SECONDS = 0.5
_QUEUE_LINES = 10_000


@dataclass(frozen=True)
class Style:
    """How lines are shown, and whose: ``process`` is a type, a type with index, or empty for all."""

    process: str = ""
    colour: bool = False
    plain: bool = False


def _containers(ctx: Context, app: App, style: Style) -> list[Container]:
    return [found for found in ctx.scheduler.containers(app) if logline.matches(found.label, style.process)]


def tail(ctx: Context, app: App, lines: int, style: Style) -> None:
    """Writes the last lines of all processes together, in the order of time."""
    logs = [
        [logline.parse(raw, found.label) for raw in ctx.scheduler.logs(found.id, lines)]
        for found in _containers(ctx, app, style)
    ]
    merged = list(heapq.merge(*logs))
    for line in merged[-lines:] if lines else []:
        ctx.out.result(logline.render(line, colour=style.colour, plain=style.plain))


def follow(ctx: Context, app: App, lines: int, style: Style) -> None:
    """Writes the last lines, then each as it comes, from containers of later releases too, until the client leaves."""
    Follower(ctx, app, style).run(lines)


class Follower:
    """One client that follows: a thread for each container, joined in a bounded queue."""

    def __init__(self, ctx: Context, app: App, style: Style) -> None:
        self._ctx = ctx
        self._app = app
        self._style = style
        self._lines: queue.Queue[LogLine] = queue.Queue(_QUEUE_LINES)
        self._followed: set[str] = set()
        self._stopped = threading.Event()

    def run(self, lines: int) -> None:
        """Follows until the client is gone or the app is destroyed."""
        seen = self._ctx.changed.count()
        self._attach(lines)
        try:
            while self._ctx.store.apps.find(self._app.name) is not None:
                self._write_waiting()
                count = self._ctx.changed.count()
                if count != seen:
                    seen = count
                    # A container that is new to us shows all that it wrote so far.
                    self._attach(1_000_000)
                if self._ctx.gone.is_set():
                    raise Disconnected
        finally:
            self._stopped.set()

    def _attach(self, lines: int) -> None:
        for found in _containers(self._ctx, self._app, self._style):
            if found.id not in self._followed:
                self._followed.add(found.id)
                threading.Thread(target=self._read, args=(found, lines), daemon=True).start()

    def _read(self, container: Container, lines: int) -> None:
        pending = b""
        with self._ctx.scheduler.follow(container.id, lines) as chunks:
            for chunk in chunks:
                *whole, pending = (pending + chunk).split(b"\n")
                for raw in whole:
                    if not self._put(logline.parse(raw, container.label)):
                        return
        if pending:
            self._put(logline.parse(pending, container.label))

    def _put(self, line: LogLine) -> bool:
        while not self._stopped.is_set():
            try:
                self._lines.put(line, timeout=_RECHECK_SECONDS)
            except queue.Full:
                # The client is slow: what it has not read waits in the engine's file.
                continue
            return True
        return False

    def _write_waiting(self) -> None:
        try:
            batch = [self._lines.get(timeout=_RECHECK_SECONDS)]
        except queue.Empty:
            return
        while not self._lines.empty() and len(batch) < _QUEUE_LINES:
            batch.append(self._lines.get_nowait())
        batch.sort()
        style = self._style
        self._ctx.out.result(
            b"".join(logline.render(line, colour=style.colour, plain=style.plain) for line in batch)
        )
