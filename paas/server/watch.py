"""Watching the engine: what ends without being asked to comes back, with growing pauses if it does not hold."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from paas.core import backoff
from paas.core.errors import NoSuchApp
from paas.jobs.context import Context
from paas.jobs.jobs import Job
from paas.jobs.loop import Loop
from paas.server import reconcile

RECONNECT_SECONDS = 1.0
TICK_SECONDS = 0.5
SETTLE_SECONDS = 2.0
"""The engine tells of an end a moment before its list of containers shows it: what is well is looked at again."""


@dataclass
class _Case:
    """One app that may need repair: from when on, how often it failed, and the repair that is under way.

    ``events`` counts what ended of it, so that nothing that ends during a look is overlooked; ``told`` is when the
    last of these was.
    """

    due: float
    events: int = 0
    told: float = 0.0
    failures: int = 0
    job: Job | None = None


class Watcher:
    """Two threads: one follows the engine's events, one repairs what they point to.

    Processes that end by themselves are started again by the engine, with its own growing pauses; what it does not
    bring back (a container that was removed or stopped by hand) is brought back here.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._lock = threading.Lock()
        self._cases: dict[int, _Case] = {}
        self._loops = (
            Loop("following the engine's events", self._follow, ctx.clock, RECONNECT_SECONDS),
            Loop("repairing", self.tick, ctx.clock, TICK_SECONDS, later=True),
        )

    def start(self) -> None:
        """Begin, with a look at everything."""
        for loop in self._loops:
            loop.start()

    def stop(self) -> None:
        """Start nothing new."""
        for loop in self._loops:
            loop.stop()

    def _follow(self) -> None:
        with self._ctx.scheduler.endings() as endings:
            # What happened while nobody listened: before the first connection, or while the engine was down.
            reconcile.repair(self._ctx)
            for ending in endings:
                self._ctx.events.ended(ending)
                self.look_at(ending.app_id)

    def look_at(self, app_id: int) -> None:
        """Something of the app ended."""
        with self._lock:
            now = self._ctx.clock.monotonic()
            case = self._cases.setdefault(app_id, _Case(now))
            case.due = max(case.due, now)
            case.told = now
            case.events += 1

    def tick(self) -> None:
        """Looks after every case that is due."""
        with self._lock:
            cases = [(app_id, case, case.events) for app_id, case in self._cases.items()]
        for app_id, case, events in cases:
            if self._settled(app_id, case):
                with self._lock:
                    if case.events == events:
                        del self._cases[app_id]

    def _settled(self, app_id: int, case: _Case) -> bool:
        """Whether nothing is left to do for the app."""
        now = self._ctx.clock.monotonic()
        if case.job is not None:
            if not case.job.done.is_set():
                return False
            case.failures = case.failures + 1 if case.job.error else 0
            case.due = now + backoff.seconds(case.failures)
            case.job = None
        if now < case.due:
            return False
        try:
            app = self._ctx.store.apps.by_id(app_id)
        except NoSuchApp:
            return True
        if self._ctx.jobs.under_way(app):
            # A change of the app is what ends containers as a rule; it leaves things right, or is followed by a look.
            return False
        if not reconcile.lacks(self._ctx, app):
            return now >= case.told + SETTLE_SECONDS
        case.job = reconcile.start_repair(self._ctx, app)
        return False
