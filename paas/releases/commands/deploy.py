"""``deploy:*``: looking into a deploy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from paas.commands import arguments as args
from paas.commands.declare import Arg, command
from paas.commands.render import Text
from paas.core.access.caller import Access
from paas.core.errors import InvalidValue
from paas.core.jobs import trace
from paas.core.times import timestamp
from paas.jobs.context import Context
from paas.releases import traces


@dataclass(frozen=True)
class SpanRow:
    """One span in milliseconds; ``depth`` 0 is a step, and deeper ones are parts of it."""

    name: str
    depth: int
    began_ms: float
    ms: float


@dataclass(frozen=True)
class Profile:
    """Result of ``deploy:trace --format json``."""

    build: int
    app: str
    kind: str
    cause: str
    status: str
    started_at: str
    ms: float
    spans: list[SpanRow]


def _number(ctx: Context, text: str) -> int:
    if not text.isdecimal():
        raise InvalidValue(f"{text!r} is not the number of a build", why="'builds:list' shows them.")
    return int(text)


@command("deploy:trace", access=Access.VIEW)
def deploy_trace(
    ctx: Context, app: args.App, number: Annotated[int | None, Arg("NUMBER", _number)] = None
) -> Text:
    """Show the duration of each step of an app's last deployment, or of the one with that number.

    Below each step are its calls of git, the builder, Docker and nginx. A push starts with git's command; the time
    before its pack is read, and the time between two steps, are separate rows, so that the steps sum up to the total.
    """
    found = traces.find(ctx, app, number)
    it, spans = found.deployment, trace.complete(found.spans)
    seconds = trace.length(spans)
    title = f"=====> {app.name} build {it.id} ({it.cause} by {it.actor}): {it.status.value} in {seconds * 1000:.0f} ms"
    rows = [SpanRow(one.name, one.depth, round(one.began * 1000, 1), round(one.seconds * 1000, 1)) for one in spans]
    profile = Profile(
        it.id, app.name, it.kind, it.cause, it.status.value, timestamp(it.started_at), round(seconds * 1000, 1), rows
    )
    return Text("\n".join([title, *(f"       {line}" for line in trace.waterfall(found.spans))]), profile)
