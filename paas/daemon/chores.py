"""What the daemon does from time to time beside what people want."""

from __future__ import annotations

from paas.apps import lifecycle
from paas.builders import isolation
from paas.jobs.context import Context
from paas.jobs.loop import Loop
from paas.server import cleanup, reconcile, resources

CHORES_SECONDS = 60.0
WATCH_SECONDS = 2.0
ROTATE_BYTES = 50 << 20


def chores(ctx: Context) -> list[Loop]:
    """All that is done beside what people want: keeping nginx up, and keeping house."""
    clock = ctx.clock
    return [
        Loop("keeping nginx up", lambda: reconcile.keep_proxy(ctx), clock, WATCH_SECONDS),
        Loop("keeping the builder apart from the host", isolation.BuilderSupervisor(ctx).tick, clock, WATCH_SECONDS),
        Loop("keeping folders", lambda: reconcile.keep_files(ctx), clock, WATCH_SECONDS),
        Loop("keeping a reserve of disk", lambda: resources.lay_up(ctx), clock, CHORES_SECONDS),
        Loop("rotating logs", lambda: ctx.proxy.rotate(ROTATE_BYTES), clock, CHORES_SECONDS, later=True),
        Loop("tidying repositories", lifecycle.RepositoryTidier(ctx).tick, clock, CHORES_SECONDS, later=True),
        Loop("cleaning up", lambda: cleanup.when_due(ctx), clock, CHORES_SECONDS, later=True),
    ]
