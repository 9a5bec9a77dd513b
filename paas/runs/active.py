"""Active runs: each has a row, a container and a thread that waits for its end. None depends on its client.

A waiting thread is cheap, and Docker notifies it of the end at once. After a restart of the daemon `Oneoffs.settle`
finds the containers by their labels and waits for them again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from paas.core import backoff
from paas.core.errors import DockerError, PaasError
from paas.core.model import App
from paas.core.runs import oneoff
from paas.core.runs.oneoff import Run, RunStatus
from paas.runs.requests import ActiveRun, RunRequest
from paas.schedulers.registry import Schedulers
from paas.store import Store
from paas.system.clock import Clock

_log = logging.getLogger(__name__)

FORGET_SECONDS = 10.0
STOP_SECONDS = 0.5
SERVER_WENT = "the server stopped"
TIME_OVER = "its time limit was reached"


class Oneoffs:
    """Manager of runs: starts them, waits for their ends, and stops them."""

    def __init__(
        self,
        store: Store,
        schedulers: Schedulers,
        clock: Clock,
        folder: Path,
        keep: Callable[[], int],
        changed: Callable[[], None],
    ) -> None:
        self._store = store
        self._schedulers = schedulers
        self._clock = clock
        self._folder = folder
        self._keep = keep
        self._changed = changed
        self.kept: Callable[[App, Run, str, Path], None] = lambda app, run, container_id, path: None
        """Called with the log of each run that has ended."""
        self._lock = threading.Lock()
        self._live: dict[int, ActiveRun] = {}
        self._turns: dict[tuple[int, str], threading.Lock] = {}
        self._stopping = threading.Event()
        self._before = store.runs.last_id()
        self._settled = False

    # Beginning

    def create(self, order: RunRequest) -> ActiveRun:
        """Record the run and create its container without starting it."""
        now = self._clock.now()
        run = self._store.runs.add(
            order.app,
            kind=order.kind,
            entry=order.entry,
            command=order.command,
            actor=order.actor,
            version=order.release.version,
            attached=order.attached,
            now=now,
            until=now + order.ttl,
        )
        try:
            tasks = self._schedulers.of(order.app).tasks
            container_id = tasks.create(order.spec(run, tasks.instance))
        except BaseException as error:
            note = error.what if isinstance(error, PaasError) else ""
            self._store.runs.finish(run.id, RunStatus.FAILED, self._clock.now(), None, note)
            raise
        live = ActiveRun(
            run, order.app, tasks, container_id, logged=not order.attached, grace=order.limits.stop_timeout
        )
        with self._lock:
            self._live[run.id] = live
        return live

    def start(self, live: ActiveRun) -> None:
        """Start the container and wait for its end in a thread. Raise `DockerError` if it can't be started."""
        with self.preparing(live):
            live.tasks.start(live.container_id)
        self._wait_for(live)
        # Its time limit may be the next event that timers wait for.
        self._changed()

    @contextmanager
    def preparing(self, live: ActiveRun) -> Iterator[None]:
        """Context for steps between `create` and `start`. On an error the run fails and its container is removed."""
        try:
            yield
        except BaseException as error:
            live.note = error.what if isinstance(error, PaasError) else ""
            live.reason = RunStatus.FAILED
            try:
                self._end(live, oneoff.NOT_FOUND)
            except Exception:  # noqa: BLE001  # for instance Docker is down: retry later, raise the first error
                self._wait_for(live, began=False)
            raise

    def _wait_for(self, live: ActiveRun, *, began: bool = True) -> None:
        threading.Thread(target=self._watch, args=(live, began), name=f"run-{live.run.id}", daemon=True).start()

    # The end

    def _watch(self, live: ActiveRun, began: bool) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                # Docker reports status 0 for a container that never started.
                exit_code = live.tasks.wait(live.container_id) if began else oneoff.NOT_FOUND
                if not self._stopping.is_set():
                    self._end(live, exit_code)
                return
            except PaasError as error:
                # Usually Docker was restarted, or the disk is full: try again.
                _log.warning("%s %s: %s", live.app.name, live.run.label, error.what)
            except Exception:  # noqa: BLE001  # nothing else records its end
                _log.exception("Could not record the end of %s %s", live.app.name, live.run.label)
            failures += 1
            self._clock.wait(self._stopping, backoff.seconds(failures))

    def _end(self, live: ActiveRun, exit_code: int | None) -> None:
        """Save the log, record the end, remove the container: in this order a crash loses nothing."""
        live.ending = True
        reason, note = live.reason, live.note
        ended = live.tasks.ended_at(live.container_id) if reason is RunStatus.EXPIRED else None
        if ended is not None and ended < live.run.until:
            # It ended before its time limit, while the server was down.
            reason, note = None, ""
        if live.logged and exit_code is not None:
            try:
                path = self.log_path(live.run.id)
                live.tasks.save_log(live.container_id, path)
                self.kept(live.app, live.run, live.container_id, path)
            except OSError as error:
                _log.warning("Could not save the log of %s %s: %s", live.app.name, live.run.label, error)
                note = note or f"its log could not be saved: {error.strerror}"
        if exit_code and not note and live.tasks.out_of_memory(live.container_id):
            note = "out of memory"
        self._finish(live.run, oneoff.outcome(reason, exit_code), exit_code, note)
        live.result = self._store.runs.by_id(live.run.id) or live.run
        with self._lock:
            self._live.pop(live.run.id, None)
        live.done.set()
        live.tasks.remove(live.container_id)
        self._changed()

    def _finish(self, run: Run, status: RunStatus, exit_code: int | None, note: str) -> None:
        self._store.runs.finish(run.id, status, self._clock.now(), exit_code, note)
        # An error here, such as invalid settings, must not prevent the end; the next run tries again.
        with suppress(PaasError):
            self.forget_older(run)

    def forget_older(self, like: Run) -> None:
        """Delete the oldest runs of the same kind beyond the limit, with their logs."""
        for old in self._store.runs.forget_older(like, self._keep()):
            self.log_path(old).unlink(missing_ok=True)

    def turn(self, app: App, entry: str) -> threading.Lock:
        """Return the lock to hold while a run of the cron entry starts, so that overlaps are detected."""
        with self._lock:
            return self._turns.setdefault((app.id, entry), threading.Lock())

    def stop(self, live: ActiveRun, reason: RunStatus, note: str = "", *, hang_up: bool = False) -> None:
        """Stop the run with SIGTERM, later SIGKILL, and wait until its end is recorded.

        ``hang_up``: send SIGHUP first, since interactive shells ignore SIGTERM. Raise `DockerError` if it still runs.
        """
        before = live.reason, live.note
        live.reason = live.reason or reason
        live.note = live.note or note
        try:
            if hang_up:
                live.tasks.hang_up(live.container_id)
            live.tasks.stop(live.container_id, live.grace)
        except DockerError:
            # If it ends later, that has another reason.
            live.reason, live.note = before
            raise
        if not live.done.wait(FORGET_SECONDS) and not self._stopping.is_set():
            raise DockerError(
                f"{live.run.label} was stopped, but Docker has not reported its end",
                fix="Check with 'docker ps' whether its container still exists.",
                code="run-goes-on",
            )

    # Looking

    def active(self, app: App, *, kind: str = "", entry: str = "") -> list[ActiveRun]:
        """Return the app's active runs, the oldest first, optionally only of a kind and a cron entry."""
        with self._lock:
            found = [live for live in self._live.values() if live.app.id == app.id]
        return [one for one in found if kind in ("", one.run.kind) and entry in ("", one.run.entry)]

    def find(self, run_id: int) -> ActiveRun | None:
        """Return the run with that id if it is active."""
        with self._lock:
            return self._live.get(run_id)

    def log_path(self, run_id: int) -> Path:
        """Return the path of the run's log, which exists once the run has ended."""
        return self._folder / f"{run_id}.log"

    # The daemon's life, and time

    def tick(self) -> float | None:
        """Adopt, once, the runs of the previous daemon; stop expired runs. Return when the next run expires."""
        if not self._settled:
            self.settle()
            self._settled = True
        return self.expire()

    def settle(self) -> None:
        """Adopt the runs the previous daemon left: wait for running ones, remove attached ones, mark the rest lost.

        It may be called again if Docker did not answer.
        """
        # Schedulers may share one object.
        sources = list({id(scheduler.tasks): scheduler.tasks for scheduler in self._schedulers}.values())
        found = [(tasks, task) for tasks in sources for task in tasks.all() if task.role in (oneoff.RUN, oneoff.CRON)]
        there = {task.run: (tasks, task) for tasks, task in found if task.run <= self._before}
        for run in self._store.runs.all(active=True, limit=-1):
            if run.id > self._before:
                continue
            known = there.pop(run.id, None)
            if self.find(run.id) is not None:
                continue
            if known is None:
                self._finish(run, RunStatus.LOST, None, SERVER_WENT)
                continue
            tasks, task = known
            app = self._store.apps.by_id(run.app_id)
            grace = int(self._store.properties.of(app).value("ps", "stop-timeout-seconds"))
            live = ActiveRun(run, app, tasks, task.id, logged=not run.attached, grace=grace)
            with self._lock:
                self._live[run.id] = live
            if run.attached or task.status == "created":
                live.reason, live.note = RunStatus.LOST, SERVER_WENT
                self._end(live, None)
            else:
                if run.until <= self._clock.now():
                    # Before waiting for its end: the previous daemon may have stopped it for this reason.
                    self._expire(live)
                self._wait_for(live)
        for tasks, task in there.values():
            _log.warning("Removing container %s: its run has ended", task.name)
            tasks.remove(task.id)

    def expire(self) -> float | None:
        """Stop expired runs in the background. Return when the next one expires."""
        now = self._clock.now()
        with self._lock:
            over = [live for live in self._live.values() if live.run.until <= now and live.reason is None]
            ahead = [live.run.until for live in self._live.values() if live.run.until > now]
        for live in over:
            self._expire(live)
        return min(ahead, default=None)

    def _expire(self, live: ActiveRun) -> None:
        live.reason, live.note = RunStatus.EXPIRED, TIME_OVER
        threading.Thread(target=self._expire_one, args=(live,), name=f"expire-{live.run.id}", daemon=True).start()

    def _expire_one(self, live: ActiveRun) -> None:
        try:
            self.stop(live, RunStatus.EXPIRED, TIME_OVER)
        except DockerError as error:
            # Tried again at the next tick.
            live.reason, live.note = None, ""
            _log.error("Could not stop %s %s: %s (%s)", live.app.name, live.run.label, error.what, error.why)

    def forget(self, app: App) -> None:
        """Remove all runs of the app at once, with their logs."""
        for live in self.active(app):
            live.reason = RunStatus.STOPPED
            live.logged = False
            live.tasks.remove(live.container_id)
            live.done.wait(FORGET_SECONDS)
        for run_id in self._store.runs.ids(app):
            self.log_path(run_id).unlink(missing_ok=True)

    def shut_down(self) -> None:
        """Stop recording, as the daemon exits. Containers of detached runs continue."""
        self._stopping.set()
        with self._lock:
            ending = [live for live in self._live.values() if live.ending]
        deadline = self._clock.monotonic() + STOP_SECONDS
        for live in ending:
            live.done.wait(max(0.0, deadline - self._clock.monotonic()))
