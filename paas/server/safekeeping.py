"""Keeping what was recorded safe from damage to the database's log, in the background."""

from __future__ import annotations

from paas.jobs.context import Context
from paas.jobs.loop import Loop
from paas.server import intact

EVERY_SECONDS = 3600.0
PAUSE_SECONDS = 1.0
"""After a record: others often follow, and whoever pushed is waited for by nobody any more."""


class Safekeeper(Loop):
    """A thread that makes a checkpoint of the database soon after each release was recorded, and every hour."""

    def __init__(self, ctx: Context) -> None:
        recorded = ctx.store.recorded
        super().__init__(
            "making the database safe", self.tick, ctx.clock, EVERY_SECONDS, wake=recorded, gather=PAUSE_SECONDS
        )
        self._ctx = ctx

    def tick(self) -> None:
        """Make a checkpoint, if something was written since the last one."""
        self._ctx.store.recorded.clear()
        intact.keep(self._ctx.store, self._ctx.paths, self._ctx.scheduler.instance)
