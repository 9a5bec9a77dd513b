"""Notes on apps."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from fakes.toy import commands
from fakes.toy.table import MIGRATIONS, Notes
from paas.core import values as kinds
from paas.core.model import App
from paas.core.properties import Property
from paas.core.server.doctor import Finding, Level
from paas.jobs.context import Context
from paas.jobs.feature import Facts, Feature, Look, Part, Timer
from paas.jobs.loop import Loop

MAX_LENGTH = Property("notes", "max-length", kinds.integer(1, 1000), "80", "how long a note may be")
REMINDER = 60.0


class Board:
    """Record of what the loop, the timer and the effect of the property did, for tests."""

    def __init__(self) -> None:
        self.counted: list[int] = []
        self.reminded = 0
        self.changed: list[str] = []
        self.ended: list[str] = []
        self.stopped = threading.Event()


def _count(ctx: Context) -> None:
    ctx.part(Board).counted.append(ctx.store.table(Notes).count())


def _remind(ctx: Context) -> float:
    ctx.part(Board).reminded += 1
    return ctx.clock.now() + REMINDER


def _changed(ctx: Context, app: App | None, row: Property) -> None:
    if row is MAX_LENGTH:
        ctx.part(Board).changed.append(app.name if app else "all")


def _facts(ctx: Context, app: App) -> Facts:
    return {"count": str(len(ctx.store.table(Notes).of(app)))}


def _findings(ctx: Context, apps: Sequence[App]) -> Iterator[Finding]:
    for app in apps:
        if "fix me" in ctx.store.table(Notes).of(app):
            yield Finding(Level.PROBLEM, "notes", f"somebody wants {app.name} fixed", "", "Fix it.", "note-to-fix")


FEATURE = Feature(
    "notes",
    commands=(commands,),
    properties=(MAX_LENGTH,),
    facts={"notes": _facts},
    tables=(Notes,),
    migrations=MIGRATIONS,
    folders=("notes",),
    started=lambda ctx: ctx.paths.folder("notes").joinpath("started").touch(),
    changes=("note",),
    parts=(Part(Board, lambda ctx: Board()),),
    loops=lambda ctx: [Loop("counting notes", lambda: _count(ctx), ctx.clock, 5.0)],
    timers=(Timer("reminding of notes", _remind),),
    stopped=lambda ctx: ctx.part(Board).stopped.set(),
    findings=(Look("notes", _findings),),
    changed=_changed,
    copied=lambda ctx, app, copy: ctx.store.table(Notes).copy(app, copy),
    ending=lambda ctx, app: ctx.part(Board).ended.append(app.name),
    destroyed=lambda ctx, app: ctx.store.table(Notes).remove(app),
)
