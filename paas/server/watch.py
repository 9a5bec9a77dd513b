"""Watching the engine: what ends without being asked to comes back, with growing pauses if it does not hold."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

from paas.core import backoff
from paas.core.errors import NoSuchApp, PaasError
from paas.jobs.context import Context
from paas.jobs.jobs import Job
from paas.server import reconcile

_log = logging.getLogger(__name__)
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
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._cases: dict[int, _Case] = {}

    def start(self) -> None:
        """Begins, with a look at everything."""
        for run in (self._follow, self._repair):
            threading.Thread(target=run, name=f"watch-{run.__name__}", daemon=True).start()

    def stop(self) -> None:
        """Starts nothing new."""
        self._stopping.set()

    def _follow(self) -> None:
        told = False
        while not self._stopping.is_set():
            try:
                with self._ctx.scheduler.endings() as endings:
                    # What happened while nobody listened: before the first connection, or while the engine was down.
                    reconcile.repair(self._ctx)
                    told = False
                    for ending in endings:
                        self._ctx.events.ended(ending)
                        self.look_at(ending.app_id)
            except PaasError as error:
                if not told:
                    _log.error("the engine's events can't be followed: %s (%s)", error.what, error.why)
                told = True
            except Exception:  # noqa: BLE001  # nobody else follows them
                _log.exception("following the engine's events met an error of its own")
            self._ctx.clock.wait(self._stopping, RECONNECT_SECONDS)

    def look_at(self, app_id: int) -> None:
        """Something of the app ended."""
        with self._lock:
            now = self._ctx.clock.monotonic()
            case = self._cases.setdefault(app_id, _Case(now))
            case.due = max(case.due, now)
            case.told = now
            case.events += 1

    def _repair(self) -> None:
        while not self._ctx.clock.wait(self._stopping, TICK_SECONDS):
            try:
                self.tick()
            except PaasError as error:
                _log.error("repairing failed: %s (%s)", error.what, error.why)
            except Exception:  # noqa: BLE001  # other apps may still need repair
                _log.exception("repairing met an error of its own")

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
