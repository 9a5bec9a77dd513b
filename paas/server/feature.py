"""The feature of the server itself: clean-up, doctor, settings, repair."""

from __future__ import annotations

from paas.jobs.context import Context
from paas.jobs.feature import Background, Feature
from paas.jobs.loop import Loop
from paas.server import cleanup as tidy
from paas.server import doctor as examination
from paas.server import reconcile, resources
from paas.server.commands import cleanup, doctor, server
from paas.server.safekeeping import Safekeeper
from paas.server.watch import Watcher

CHORES_SECONDS = 60.0
WATCH_SECONDS = 2.0


def _loops(ctx: Context) -> list[Background]:
    clock = ctx.clock
    return [
        Loop("keeping nginx running", lambda: reconcile.keep_proxy(ctx), clock, WATCH_SECONDS),
        Loop("keeping folders", ctx.paths.mend, clock, WATCH_SECONDS),
        Loop("keeping a reserve of disk", lambda: resources.lay_up(ctx), clock, CHORES_SECONDS),
        Loop("cleaning up", lambda: tidy.when_due(ctx), clock, CHORES_SECONDS, later=True),
        Watcher(ctx),
        Safekeeper(ctx),
    ]


FEATURE = Feature(
    "server",
    commands=(cleanup, doctor, server),
    changes=("repair",),
    loops=_loops,
    findings=examination.LOOKS,
)
