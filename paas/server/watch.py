"""Follow the events of schedulers: publish moved endpoints, and repair apps whose containers ended unexpectedly."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from functools import partial

from paas.core import backoff
from paas.core.errors import NoSuchApp, PaasError
from paas.core.model import Ending
from paas.edge import publish
from paas.jobs.context import Context
from paas.jobs.jobs import Job
from paas.jobs.loop import Loop
from paas.schedulers.base import Scheduler
from paas.server import reconcile

_log = logging.getLogger(__name__)

RECONNECT_SECONDS = 1.0
TICK_SECONDS = 0.5
SETTLE_SECONDS = 2.0
"""Docker reports an end before its list of containers shows it, so healthy apps are examined again after this time."""


@dataclass
class _Case:
    """App that may need repair: when it is due, failed repairs, and the running repair.

    ``events`` counts its ended containers, so that an end during an examination is not missed; ``told`` is the time of
    the last one.
    """

    due: float
    events: int = 0
    told: float = 0.0
    failures: int = 0
    job: Job | None = None


class Watcher:
    """Loops that follow the events of each scheduler, and one that handles the affected apps.

    Docker itself restarts processes that exit, with growing pauses of its own; containers that were removed or stopped
    manually are restored here.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._lock = threading.Lock()
        self._cases: dict[int, _Case] = {}
        self._loops = (
            *(
                Loop(f"following {one.name}", partial(self._follow, one), ctx.clock, RECONNECT_SECONDS)
                for one in ctx.schedulers
            ),
            Loop("repairing", self.tick, ctx.clock, TICK_SECONDS, later=True),
        )

    def start(self) -> None:
        """Start the loops; all apps are examined first."""
        for loop in self._loops:
            loop.start()

    def stop(self) -> None:
        """Stop the loops; no new repair starts."""
        for loop in self._loops:
            loop.stop()

    def _follow(self, scheduler: Scheduler) -> None:
        with scheduler.events() as events:
            # Repair what happened without events: before the first connection, or while the scheduler was down.
            reconcile.repair(self._ctx, scheduler)
            for event in events:
                if isinstance(event, Ending):
                    self._ctx.events.ended(event)
                self.look_at(event.app_id)

    def look_at(self, app_id: int) -> None:
        """Note that a container of the app ended or moved."""
        with self._lock:
            now = self._ctx.clock.monotonic()
            case = self._cases.setdefault(app_id, _Case(now))
            case.due = max(case.due, now)
            case.told = now
            case.events += 1

    def tick(self) -> None:
        """Process every due case."""
        with self._lock:
            cases = [(app_id, case, case.events) for app_id, case in self._cases.items()]
        for app_id, case, events in cases:
            if self._settled(app_id, case):
                with self._lock:
                    if case.events == events:
                        del self._cases[app_id]

    def _settled(self, app_id: int, case: _Case) -> bool:
        """Return True if nothing is left to do for the app."""
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
        try:
            # Also during a deployment, which may take minutes: the edge would send requests to where nothing runs.
            publish.follow(self._ctx, app)
        except PaasError as error:
            _log.warning("Could not publish where %s runs now: %s (%s)", app.name, error.what, error.why)
            case.failures += 1
            case.due = now + backoff.seconds(case.failures)
            return False
        if self._ctx.jobs.under_way(app):
            # Usually the deployment ended the container; the app is examined again afterwards.
            return False
        if not reconcile.lacks(self._ctx, app):
            return now >= case.told + SETTLE_SECONDS
        case.job = reconcile.start_repair(self._ctx, app)
        return False
