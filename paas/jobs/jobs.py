"""Jobs: deployments, each in its own thread. Its journal and log outlive the client, which only watches."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar, cast

from paas.core.errors import Cancelled, DiskFull, PaasError, unexpected
from paas.core.jobs.journal import Step
from paas.core.model import App, DeploymentStatus
from paas.jobs.events import EventLog
from paas.jobs.locks import FifoLock, Slots
from paas.jobs.log import JobLog, times_of
from paas.jobs.output import Output, Sink
from paas.jobs.superseding import PushToDeploy, supersede
from paas.store import Store
from paas.system import spans
from paas.system.clock import Clock
from paas.system.reserve import Reserve
from paas.system.spans import Recorder, span

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class Job:
    """One running deployment.

    ``app`` is the app as of the time the job took its lock; ``out`` is the job's log; ``cancelled`` is checked between
    and inside its steps. ``waits`` says what it waits for, empty once it works. ``pushed`` is the commit of a push.
    """

    def __init__(
        self, deployment_id: int, app: App, kind: str, who: str, log: JobLog, store: Store, clock: Clock
    ) -> None:
        self.id = deployment_id
        self.app = app
        self.kind = kind
        self.version: int | None = None
        self.who = who
        self.pushed = ""
        self.waits = "its turn"
        self.reason: Cancelled | None = None
        self.log = log
        self.out = Output(log.write, log.write)
        self.cancelled = threading.Event()
        self.done = threading.Event()
        self.result: object = None
        self.error: PaasError | None = None
        self.recorder = spans.recorder() or Recorder(clock.monotonic)
        self._store = store
        self._clock = clock
        self._position = 0
        self._lock = threading.Lock()

    def cancel(self, reason: Cancelled, *, waiting_only: bool = False) -> bool:
        """Cancel the job with that reason, with ``waiting_only`` only if it still waits.

        Return True if it was cancelled.
        """
        with self._lock:
            if waiting_only and not self.waits:
                return False
            self.reason = self.reason or reason
            self.cancelled.set()
            return True

    def tell_of(self, holder: str) -> None:
        """Note that another deployment of the app is running."""
        self.out.step(f"{self.app.name}: another deployment is running ({holder}); waiting for it")

    def wait_for(self, what: str) -> None:
        """Note what the job waits for."""
        with self._lock:
            self.waits = what
        self._store.deployments.queue(self.id)

    def begin(self) -> None:
        """Note that the job no longer waits. Raise `Cancelled` if it was cancelled meanwhile."""
        with self._lock:
            waited, self.waits = bool(self.waits), ""
        self.check()
        if waited:
            self._store.deployments.begin(self.id, self._clock.now())

    @contextmanager
    def step(self, step: Step, done: str = "", *, cancellable: bool = True) -> Iterator[None]:
        """Journal the step before it begins and its duration after it; print ``done in 0.2 s`` if given.

        A step that is not ``cancellable`` begins even if the job was cancelled: there is no way back.
        """
        if cancellable:
            self.check()
        self._position += 1
        position = self._position
        started = self._clock.monotonic()
        with span(step.value):
            self._store.deployments.step(self.id, position, step.value)
            self.log.step = step.value
            yield
        seconds = self._clock.monotonic() - started
        self._store.deployments.step_done(self.id, position, seconds)
        if done:
            self.out.step(f"{done} in {seconds:.1f} s" if seconds >= 0.095 else f"{done} in {seconds * 1000:.0f} ms")

    def check(self) -> None:
        """Raise `Cancelled` if the job was cancelled, or the server stops."""
        if self.cancelled.is_set():
            raise self.reason or Cancelled("the deployment was cancelled; the app is unchanged", fix="Try it again.")

    def note(self, *, commit: str | None = None, version: int | None = None) -> None:
        """Record what it deploys."""
        self.version = version or self.version
        self._store.deployments.note(self.id, commit=commit, version=version)


class Jobs:
    """Registry of running jobs, which starts them."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        folder: Path,
        reserve: Reserve,
        build_limit: Callable[[], int],
        keep_logs: Callable[[], int],
    ) -> None:
        self._store = store
        self._reserve = reserve
        self._keep_logs = keep_logs
        self._clock = clock
        self._folder = folder
        self._events = EventLog(store, clock)
        self._turns = FifoLock()
        self.build_slots = Slots(build_limit)
        self._lock = threading.Lock()
        self._active: dict[int, Job] = {}
        self._stopping = False

    def run(
        self,
        app: App,
        *,
        kind: str,
        actor: str,
        cause: str,
        work: Callable[[Job], _T],
        watch: Sink,
        gone: threading.Event,
        began: Callable[[int], None] = lambda number: None,
        push: PushToDeploy | None = None,
    ) -> _T:
        """Run ``work`` as a job under the app's lock, and show its log to ``watch`` until its end.

        ``began`` gets its number first. A ``push`` supersedes waiting ones that it descends from. Return and raise what
        ``work`` does. Raise `Disconnected` if the client disconnects; the job continues.
        """
        job = self.start(app, kind=kind, actor=actor, cause=cause, work=work, push=push)
        began(job.id)
        job.log.follow(watch, gone)
        job.done.wait()
        if job.error is not None:
            raise job.error
        return cast(_T, job.result)

    def start(
        self, app: App, *, kind: str, actor: str, cause: str, work: Callable[[Job], object], beside: bool = False,
        push: PushToDeploy | None = None,
    ) -> Job:  # fmt: skip
        """Start the job in a thread and return at once. With ``beside`` it does not take the app's lock."""
        deployment_id = self._store.deployments.add(app, kind, actor, cause, self._clock.now())
        try:
            log = JobLog(self.log_path(deployment_id), self._clock.now)
        except OSError as error:
            self._store.deployments.finish(deployment_id, DeploymentStatus.FAILED, self._clock.now(), "no-log")
            raise unexpected(error) from error
        job = Job(deployment_id, app, kind, f"{cause} by {actor}", log, self._store, self._clock)
        job.pushed = push.commit if push else ""
        if push:
            supersede(push, self.of(app))
        with self._lock:
            if self._stopping:
                job.cancelled.set()
            self._active[job.id] = job
        threading.Thread(target=self._carry_out, args=(job, work, beside), name=f"job-{job.id}").start()
        return job

    def _carry_out(self, job: Job, work: Callable[[Job], object], beside: bool) -> None:
        status, code = DeploymentStatus.SUCCEEDED, ""
        try:
            with spans.recording(job.recorder), ExitStack() as turn:
                if not beside:
                    with span("turn"):
                        turn.enter_context(self._turns.hold(job.app.id, job.who, job.tell_of, job.cancelled))
                # While it waited, the app may have been renamed, deployed, or destroyed.
                job.app = self._store.apps.by_id(job.app.id)
                job.begin()
                # The previous deployment may have used it up.
                self._reserve.keep()
                self._events.change(job.app.id, job.kind, job.who, DeploymentStatus.RUNNING, None)
                job.result = work(job)
        except Cancelled as error:
            status, job.error = DeploymentStatus.CANCELLED, job.reason or error
            code = job.error.code
        except PaasError as error:
            status, job.error, code = DeploymentStatus.FAILED, error, error.code
        except Exception as fault:  # noqa: BLE001  # the thread ends here: a fault must reach log and client, and stop nothing
            _log.exception("job %d failed unexpectedly", job.id)
            status, job.error = DeploymentStatus.FAILED, unexpected(fault)
            code = job.error.code
        finally:
            self._end(job, status, code)

    def _end(self, job: Job, status: DeploymentStatus, code: str) -> None:
        try:
            try:
                self._write_down(job, status, code)
            except DiskFull:
                self._reserve.spend()
                self._write_down(job, status, code)
            self._events.change(job.app.id, job.kind, job.who, status, job.version, code)
        finally:
            with self._lock:
                self._active.pop(job.id, None)
            job.log.close(_outcome(job.error))
            job.done.set()

    def remove_log(self, deployment_id: int) -> None:
        """Remove the log of the job, if there is one."""
        path = self.log_path(deployment_id)
        times_of(path).unlink(missing_ok=True)
        path.unlink(missing_ok=True)

    def _write_down(self, job: Job, status: DeploymentStatus, code: str) -> None:
        """Record the outcome, and remove the oldest logs."""
        self._store.deployments.finish(job.id, status, self._clock.now(), code)
        self._store.traces.set(job.id, job.recorder.spans())
        older = self._store.deployments.older(job.app, self._keep_logs())
        self._store.traces.remove(older)
        for old in older:
            self.remove_log(old)
        self._store.deployments.forget_own(job.app, self._keep_logs())

    def log_path(self, deployment_id: int) -> Path:
        """Return the path of the job's log."""
        return self._folder / f"{deployment_id}.log"

    def logs(self) -> dict[int, Path]:
        """Return the existing logs, by the number of their job."""
        return {int(path.stem): path for path in self._folder.glob("*.log") if path.stem.isdecimal()}

    def find(self, deployment_id: int) -> Job | None:
        """Return the running job of that number."""
        with self._lock:
            return self._active.get(deployment_id)

    def hold(self, app: App, who: str) -> AbstractContextManager[None]:
        """Return a context in which no job of the app works, for operations that are not jobs themselves."""
        return self._turns.hold(app.id, who, lambda holder: None, threading.Event())

    def of(self, app: App) -> list[Job]:
        """Return the app's jobs, oldest first: the working one, then those that wait."""
        with self._lock:
            return [job for job in self._active.values() if job.app.id == app.id]

    def under_way(self, app: App) -> list[str]:
        """Return descriptions of the app's jobs, oldest first."""
        with self._lock:
            return [job.who for job in self._active.values() if job.app.id == app.id]

    def idle(self) -> bool:
        """Return True if there are no jobs."""
        with self._lock:
            return not self._active

    def stop(self, timeout: float) -> None:
        """Cancel all jobs and wait at most ``timeout`` seconds until they have cleaned up."""
        with self._lock:
            self._stopping = True
            jobs = list(self._active.values())
        for job in jobs:
            job.cancel(Cancelled("the server is stopping; the app is unchanged", fix="Try again in a moment."))
            # Cleaning up may take longer than watching clients stay connected.
            job.out.step("The server is stopping. This deployment is cancelled unless it is already recorded")
        deadline = self._clock.monotonic() + timeout
        for job in jobs:
            job.done.wait(max(0.0, deadline - self._clock.monotonic()))


def _outcome(error: PaasError | None) -> bytes:
    said = bytearray()
    if error is not None:
        Output(said.extend, said.extend).error(error)
    return bytes(said)
