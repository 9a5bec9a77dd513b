"""Counting what a command costs: statements, engine calls, reloads, files. Counts are the same on every machine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakes.server import Server

DATABASE = "paas.db"


@dataclass
class Counts:
    """``engine`` has the names of the scheduler's methods in the order of their calls; ``files`` those below the data
    root that were written or made, without the database."""

    statements: list[str] = field(default_factory=list)
    engine: list[str] = field(default_factory=list)
    reloads: int = 0
    files: set[str] = field(default_factory=set)


@contextmanager
def counting(server: Server) -> Iterator[Counts]:
    """Count what happens in the context, in all threads. At its end the server must be quiet."""
    counts = Counts()
    before, reloads = _files(server.root), server.proxy.reloads
    unwatched = _watch(server.scheduler, counts.engine.append)
    with server.ctx.store.watched(counts.statements.append):
        try:
            yield counts
        finally:
            for name in unwatched:
                delattr(server.scheduler, name)
    counts.reloads = server.proxy.reloads - reloads
    counts.files = {path for path, state in _files(server.root).items() if before.get(path) != state}


def _files(root: Path) -> dict[str, tuple[int, int, int]]:
    found = {}
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        if path.is_file() and not name.startswith((DATABASE, "users/")):
            state = path.stat()
            found[name] = (state.st_ino, state.st_mtime_ns, state.st_size)
    return found


def _watch(scheduler: object, note: Callable[[str], None]) -> list[str]:
    """Note each call of a public method, except calls from other methods. Return the methods' names."""
    inside = threading.local()

    def watched(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if getattr(inside, "deep", False):
                return method(*arguments, **named)
            note(name)
            inside.deep = True
            try:
                return method(*arguments, **named)
            finally:
                inside.deep = False

        return call

    for name in SCHEDULER:
        setattr(scheduler, name, watched(name, getattr(scheduler, name)))
    return list(SCHEDULER)


SCHEDULER = (
    *("prepare", "start", "revive", "keep_running", "inspect", "containers", "exec", "restart", "halt"),
    *("plan", "at", "beyond", "missing", "adrift", "retire"),
    *("remove", "logs", "image", "name_image", "drop_image", "stored_images", "remove_image", "storage", "forget"),
    *("port", "clear", "networked"),
)
"""Methods that call Docker's API once or a few times."""
