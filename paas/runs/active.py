"""Runs under way: each is a row, a container and a thread that waits for its end. None depends on its client.

A thread that waits costs nothing, and the engine answers it at the moment of the end. After a restart of the daemon
`Oneoffs.settle` finds the containers by their labels and waits for them again.
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
from paas.schedulers.tasks import Tasks
from paas.store import Store
from paas.system.clock import Clock

_log = logging.getLogger(__name__)

FORGET_SECONDS = 10.0
STOP_SECONDS = 0.5
SERVER_WENT = "the server stopped"
TIME_OVER = "its time was over"


class Oneoffs:
    """Starts runs, waits for their ends, and ends them before their time."""

    def __init__(
        self,
        store: Store,
        tasks: Tasks,
        clock: Clock,
        folder: Path,
        keep: Callable[[], int],
        changed: Callable[[], None],
    ) -> None:
        self._store = store
        self._tasks = tasks
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
        """Records the run and creates its container, which is not started yet."""
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
            container_id = self._tasks.create(order.spec(run, self._tasks.instance))
        except BaseException as error:
            note = error.what if isinstance(error, PaasError) else ""
            self._store.runs.finish(run.id, RunStatus.FAILED, self._clock.now(), None, note)
            raise
        live = ActiveRun(run, order.app, container_id, logged=not order.attached, grace=order.limits.stop_timeout)
        with self._lock:
            self._live[run.id] = live
        return live

    def start(self, live: ActiveRun) -> None:
        """Starts the container, and waits for its end in a thread; `DockerError` if it can't be started."""
        with self.preparing(live):
            self._tasks.start(live.container_id)
        self._wait_for(live)
        # Its time may be over before anything else that somebody waits for.
        self._changed()

    @contextmanager
    def preparing(self, live: ActiveRun) -> Iterator[None]:
        """Inside is what comes between `create` and `start`; if it fails the run has, and its container goes."""
        try:
            yield
        except BaseException as error:
            live.note = error.what if isinstance(error, PaasError) else ""
            live.reason = RunStatus.FAILED
            try:
                self._end(live, oneoff.NOT_FOUND)
            except Exception:  # noqa: BLE001  # the engine is away, say: later, then, and the caller is told the first error
                self._wait_for(live, began=False)
            raise

    def _wait_for(self, live: ActiveRun, *, began: bool = True) -> None:
        threading.Thread(target=self._watch, args=(live, began), name=f"run-{live.run.id}", daemon=True).start()

    # The end

    def _watch(self, live: ActiveRun, began: bool) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                # The engine says of one that never began that it ended well.
                exit_code = self._tasks.wait(live.container_id) if began else oneoff.NOT_FOUND
                if not self._stopping.is_set():
                    self._end(live, exit_code)
                return
            except PaasError as error:
                # The engine was restarted, as a rule, and what it says afterwards counts; or the disk is full.
                _log.warning("%s %s: %s", live.app.name, live.run.label, error.what)
            except Exception:  # noqa: BLE001  # nobody else sees to its end
                _log.exception("the end of %s %s met an error of its own", live.app.name, live.run.label)
            failures += 1
            self._clock.wait(self._stopping, backoff.seconds(failures))

    def _end(self, live: ActiveRun, exit_code: int | None) -> None:
        """Keeps the log, records the end, removes the container: in this order a crash in between loses nothing."""
        live.ending = True
        reason, note = live.reason, live.note
        ended = self._tasks.ended_at(live.container_id) if reason is RunStatus.EXPIRED else None
        if ended is not None and ended < live.run.until:
            # By itself, before its time was over, when no server was there to see it.
            reason, note = None, ""
        if live.logged and exit_code is not None:
            try:
                path = self.log_path(live.run.id)
                self._tasks.save_log(live.container_id, path)
                self.kept(live.app, live.run, live.container_id, path)
            except OSError as error:
                _log.warning("the log of %s %s is not kept: %s", live.app.name, live.run.label, error)
                note = note or f"its log is not kept: {error.strerror}"
        if exit_code and not note and self._tasks.out_of_memory(live.container_id):
            note = "out of memory"
        self._finish(live.run, oneoff.outcome(reason, exit_code), exit_code, note)
        live.result = self._store.runs.by_id(live.run.id) or live.run
        with self._lock:
            self._live.pop(live.run.id, None)
        live.done.set()
        self._tasks.remove(live.container_id)
        self._changed()

    def _finish(self, run: Run, status: RunStatus, exit_code: int | None, note: str) -> None:
        self._store.runs.finish(run.id, status, self._clock.now(), exit_code, note)
        # Settings that somebody broke, say, hold up no end: the next run forgets them.
        with suppress(PaasError):
            self.forget_older(run)

    def forget_older(self, like: Run) -> None:
        """Forgets the oldest runs of the same kind, with their logs, beyond those that are kept."""
        for old in self._store.runs.forget_older(like, self._keep()):
            self.log_path(old).unlink(missing_ok=True)

    def turn(self, app: App, entry: str) -> threading.Lock:
        """Held while a run of the cron entry is begun, so that two of them see each other."""
        with self._lock:
            return self._turns.setdefault((app.id, entry), threading.Lock())

    def stop(self, live: ActiveRun, reason: RunStatus, note: str = "", *, hang_up: bool = False) -> None:
        """Ends it for that reason: SIGTERM, later SIGKILL; returns once its end is recorded. ``hang_up``: first SIGHUP,
        which interactive shells heed, while they let SIGTERM pass. `DockerError` if it goes on all the same."""
        before = live.reason, live.note
        live.reason = live.reason or reason
        live.note = live.note or note
        try:
            if hang_up:
                self._tasks.hang_up(live.container_id)
            self._tasks.stop(live.container_id, live.grace)
        except DockerError:
            # If it ends later, then for a reason of its own.
            live.reason, live.note = before
            raise
        if not live.done.wait(FORGET_SECONDS) and not self._stopping.is_set():
            raise DockerError(
                f"{live.run.label} was stopped, and the engine does not tell of its end",
                fix="'docker ps' shows whether its container is still there.",
                code="run-goes-on",
            )

    # Looking

    def active(self, app: App, *, kind: str = "", entry: str = "") -> list[ActiveRun]:
        """The app's runs under way, oldest first; only those of the kind and the cron entry that are given."""
        with self._lock:
            found = [live for live in self._live.values() if live.app.id == app.id]
        return [one for one in found if kind in ("", one.run.kind) and entry in ("", one.run.entry)]

    def find(self, run_id: int) -> ActiveRun | None:
        """The run of that id if it is under way."""
        with self._lock:
            return self._live.get(run_id)

    def log_path(self, run_id: int) -> Path:
        """Where the log of the run is once it has ended."""
        return self._folder / f"{run_id}.log"

    # The daemon's life, and time

    def tick(self) -> float | None:
        """Take up, once, what a daemon before this one left; end what is over. Return when the next run's time is."""
        if not self._settled:
            self.settle()
            self._settled = True
        return self.expire()

    def settle(self) -> None:
        """Of what a daemon of before left: waits for what goes on, removes what ends with its client, records the rest.

        May be tried again when the engine did not answer.
        """
        tasks = [task for task in self._tasks.all() if task.role in (oneoff.RUN, oneoff.CRON)]
        there = {task.run: task for task in tasks if task.run <= self._before}
        for run in self._store.runs.all(active=True, limit=-1):
            if run.id > self._before:
                continue
            task = there.pop(run.id, None)
            if self.find(run.id) is not None:
                continue
            if task is None:
                self._finish(run, RunStatus.LOST, None, SERVER_WENT)
                continue
            app = self._store.apps.by_id(run.app_id)
            grace = int(self._store.properties.of(app).value("ps", "stop-timeout-seconds"))
            live = ActiveRun(run, app, task.id, logged=not run.attached, grace=grace)
            with self._lock:
                self._live[run.id] = live
            if run.attached or task.status == "created":
                live.reason, live.note = RunStatus.LOST, SERVER_WENT
                self._end(live, None)
            else:
                if run.until <= self._clock.now():
                    # Before its end is waited for: the daemon of before may have ended it, for this very reason.
                    self._expire(live)
                self._wait_for(live)
        for task in there.values():
            _log.warning("removing container %s: its run is over", task.name)
            self._tasks.remove(task.id)

    def expire(self) -> float | None:
        """Ends, in the background, the runs whose time is over; when that of the next one is."""
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
            # Tried again at the next look.
            live.reason, live.note = None, ""
            _log.error("%s %s can't be ended: %s (%s)", live.app.name, live.run.label, error.what, error.why)

    def forget(self, app: App) -> None:
        """Ends and removes all runs of the app, at once, with their logs."""
        for live in self.active(app):
            live.reason = RunStatus.STOPPED
            live.logged = False
            self._tasks.remove(live.container_id)
            live.done.wait(FORGET_SECONDS)
        for run_id in self._store.runs.ids(app):
            self.log_path(run_id).unlink(missing_ok=True)

    def shut_down(self) -> None:
        """The daemon ends: nothing more is recorded; containers that don't end with their client go on."""
        self._stopping.set()
        with self._lock:
            ending = [live for live in self._live.values() if live.ending]
        deadline = self._clock.monotonic() + STOP_SECONDS
        for live in ending:
            live.done.wait(max(0.0, deadline - self._clock.monotonic()))
