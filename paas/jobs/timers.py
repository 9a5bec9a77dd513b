"""Activities at certain times: one thread that sleeps until the next one."""

from __future__ import annotations

import threading

from paas.jobs.context import Context
from paas.jobs.feature import Timer
from paas.jobs.loop import Loop

LONGEST_SECONDS = 60.0
"""Longest sleep, since the system time may be changed meanwhile."""

RETRY_SECONDS = 5.0


class Timers(Loop):
    """The timers of all features, in their order. `tick` may be called without `start`."""

    def __init__(self, ctx: Context) -> None:
        wake = ctx.changed.sets(threading.Event())
        super().__init__("timers", self._pause, ctx.clock, LONGEST_SECONDS, wake=wake)
        self._ctx = ctx
        self._each = [self._loop(timer) for feature in ctx.features for timer in feature.timers]

    def _loop(self, timer: Timer) -> Loop:
        ctx = self._ctx

        def pause() -> float | None:
            due = timer.tick(ctx)
            return None if due is None else due - ctx.clock.now()

        # Never started: it only handles errors.
        return Loop(timer.name, pause, ctx.clock, LONGEST_SECONDS, retry=RETRY_SECONDS)

    def tick(self) -> float:
        """Do everything that is due. Return the next time in seconds since 1970."""
        return self._ctx.clock.now() + self._pause()

    def _pause(self) -> float:
        pauses = [one.once() for one in self._each]
        return min([LONGEST_SECONDS, *(max(pause, 0.0) for pause in pauses)])
