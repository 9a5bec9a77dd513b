"""The feature of runs: one-off containers."""

from __future__ import annotations

from paas.core import values as kinds
from paas.core.properties import Property
from paas.jobs.context import Context
from paas.jobs.feature import Feature, Part, Timer
from paas.runs import commands
from paas.runs.active import Oneoffs


def _oneoffs(ctx: Context) -> Oneoffs:
    return Oneoffs(
        ctx.store,
        ctx.schedulers,
        ctx.clock,
        ctx.paths.runs,
        keep=lambda: int(ctx.settings.value("keep-run-logs")),
        changed=ctx.changed.notify,
    )


PROPERTIES = (
    Property("run", "on-disconnect", kinds.choice("kill", "keep"), "kill",
             "what to do with a run whose client disconnects"),
    Property("run", "ttl", kinds.duration("1s", "365d"), "1d", "time limit of runs without --ttl"),
)  # fmt: skip

FEATURE = Feature(
    "runs",
    commands=(commands,),
    properties=PROPERTIES,
    parts=(Part(Oneoffs, _oneoffs),),
    # First of all timers: runs that the previous daemon left must be known before cron starts new ones.
    timers=(Timer("ending runs", lambda ctx: ctx.part(Oneoffs).tick()),),
    ending=lambda ctx, app: ctx.part(Oneoffs).forget(app),
    stopped=lambda ctx: ctx.part(Oneoffs).shut_down(),
)
