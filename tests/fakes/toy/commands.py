"""``notes`` and ``notes:add``."""

from __future__ import annotations

from typing import Annotated

from fakes.toy.table import Notes
from paas.apps.changes import change
from paas.commands import arguments as args
from paas.commands.declare import Arg, command
from paas.core.access.caller import Access
from paas.core.errors import InvalidValue
from paas.jobs.context import Context


@command("notes", access=Access.VIEW)
def notes(ctx: Context, app: args.App) -> list[str]:
    """List the notes on an app."""
    return ctx.store.table(Notes).of(app)


@command("notes:add", access=Access.DEPLOY)
def notes_add(ctx: Context, app: args.App, text: Annotated[str, Arg("TEXT")]) -> None:
    """Note something on an app."""
    longest = ctx.store.properties.of(app).value("notes", "max-length")
    if len(text) > longest:
        raise InvalidValue(f"a note has at most {longest} characters", code="note-too-long")
    change(ctx, app, "note", "notes:add", lambda job: ctx.store.table(Notes).add(job.app, text))
