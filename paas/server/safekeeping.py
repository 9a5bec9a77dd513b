"""Background checkpoints, which protect recorded data from damage to the database's write-ahead log."""

from __future__ import annotations

from paas.jobs.context import Context
from paas.jobs.loop import Loop
from paas.server import intact

EVERY_SECONDS = 3600.0
PAUSE_SECONDS = 1.0
"""Delay after a record, since others often follow."""


class Safekeeper(Loop):
    """Loop that makes a checkpoint of the database soon after a release was recorded, and every hour."""

    def __init__(self, ctx: Context) -> None:
        recorded = ctx.store.recorded
        super().__init__(
            "database checkpoints", self.tick, ctx.clock, EVERY_SECONDS, wake=recorded, gather=PAUSE_SECONDS
        )
        self._ctx = ctx

    def tick(self) -> None:
        """Make a checkpoint, if something was written since the last one."""
        self._ctx.store.recorded.clear()
        intact.keep(self._ctx.store, self._ctx.paths, self._ctx.engine.instance)
