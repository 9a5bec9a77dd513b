"""Wait until new containers are healthy, without fixed waits."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed

from paas.core.containers.image import Image
from paas.core.errors import Unhealthy
from paas.core.health import checks
from paas.core.health.checks import Check
from paas.core.health.diagnosis import BAD_REQUEST, Evidence, diagnose, early_hints, refused_host
from paas.core.health.outcome import HTTP2, NOT_HTTP, Answer, CheckOutcome
from paas.core.model import PENDING, App, Container
from paas.core.releases.rollout import Started
from paas.health import probing
from paas.jobs.context import Context
from paas.jobs.jobs import Job
from paas.proxies.base import EARLY_HINTS
from paas.schedulers.base import Scheduler
from paas.system.spans import carried

LOG_LINES = 40
UP = ("running", PENDING)
AT_ONCE = 8


class _Failed(Exception):
    """Failure of one candidate; ``runs`` is true if its container still runs."""

    def __init__(self, one: Started, error: Unhealthy, *, runs: bool = False) -> None:
        super().__init__(error.what)
        self.one = one
        self.error = error
        self.runs = runs


def wait_healthy(
    ctx: Context,
    job: Job,
    scheduler: Scheduler,
    started: Sequence[Started],
    image: Image | None,
    host: str,
    timeout: float,
) -> None:
    """Wait until every candidate is healthy; all have the same image. Raise `Unhealthy` when the first one fails.

    ``timeout`` in seconds applies to checks without one of their own.
    """
    each = [_Wait(ctx, job, scheduler, one, image, host, timeout) for one in started]
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="health") as pool:
        waits = [pool.submit(carried(one.all_checks)) for one in each]
        try:
            for future in as_completed(waits):
                future.result()
            if len(each) > 1:
                # One that became healthy early may have exited while others were starting.
                for one in each:
                    one.still_runs()
        except _Failed as failed:
            _show_log(scheduler, job, failed.one)
            raise failed.error from None
        finally:
            _abandon(scheduler, job.app, started, waits)


def _abandon(scheduler: Scheduler, app: App, started: Sequence[Started], waits: list[Future[None]]) -> None:
    """End unfinished waits by removing their containers."""
    waiting = {
        one.candidate.replica.place
        for one, future in zip(started, waits, strict=True)
        if not future.done() and not future.cancel()
    }
    for unit in scheduler.at(app, waiting) if waiting else ():
        scheduler.retire(app, unit.id, 0)


class _Wait:
    """Wait for one candidate, in its own thread."""

    def __init__(
        self,
        ctx: Context,
        job: Job,
        scheduler: Scheduler,
        one: Started,
        image: Image | None,
        host: str,
        timeout: float,
    ) -> None:
        self._ctx = ctx
        self._scheduler = scheduler
        self._job = job
        self._one = one
        self._host = host
        self._timeout = timeout
        self._began = ctx.clock.monotonic()
        self._image = image

    def all_checks(self) -> None:
        """Wait until the candidate has passed its checks, one after the other. Raise `_Failed`."""
        for check in probing.of_start(self._one.candidate.process, self._image):
            try:
                seen = self._one_check(check)
            except _Failed as failed:
                if not (check.warn and failed.runs):
                    raise
                for line in failed.error.lines():
                    self._job.out.warning(line)
                continue
            if isinstance(seen.answer, Answer) and seen.answer.early and not self._ctx.proxy.has(EARLY_HINTS):
                for line in early_hints(self._one.candidate.replica.label, self._ctx.proxy.version()):
                    self._job.out.warning(line)
            if isinstance(seen.answer, Answer) and seen.answer.status == BAD_REQUEST:
                for line in refused_host(self._one.candidate.replica.label, self._host):
                    self._job.out.warning(line)

    def still_runs(self) -> None:
        """Raise `_Failed` if the container has exited meanwhile."""
        container = self._inspect()
        if container.status not in UP:
            last = probing.of_start(self._one.candidate.process, self._image)[-1]
            waited = self._ctx.clock.monotonic() - self._began
            raise _Failed(self._one, diagnose(self._evidence(last, container, None, waited)))

    def _one_check(self, check: Check) -> CheckOutcome:
        """Try until it passes: continuously until the port listens, requests and commands with growing pauses."""
        ctx, candidate = self._ctx, self._one.candidate
        began = next_try = ctx.clock.monotonic()
        failed = asked = 0
        seen: CheckOutcome | None = None

        while True:
            self._job.check()
            # Read the clock before the container's state, so that ``up`` is a lower bound.
            now = ctx.clock.monotonic()
            container = self._inspect()
            up = now - self._began
            if container.status == "running" and up >= check.initial_delay and now >= next_try:
                port = candidate.replica.port
                seen = probing.look(ctx, self._job.app, check, container, candidate.process, port, self._host, up)
                if seen.passed:
                    return seen
                failed += 1
                asked += seen.asked
                next_try = ctx.clock.monotonic() + (checks.pause(check, asked) if seen.asked else 0.0)

            waited, patience = ctx.clock.monotonic() - began, checks.patience(check, self._timeout)
            over = waited >= patience and failed >= check.tries
            # Waiting would not change the protocol.
            over = over or (seen is not None and seen.answer in (HTTP2, NOT_HTTP))
            # Docker runs an image's HEALTHCHECK, too, and may have declared it unhealthy.
            unhealthy = container.health == "unhealthy" and self._image is not None and check == self._image.healthcheck
            ended = container.status not in UP
            # A cluster may never find a machine for it, and then no check ran.
            over = over or (container.status == PENDING and waited >= patience)
            if ended or over or unhealthy:
                evidence = self._evidence(check, container, seen, min(waited, patience))
                raise _Failed(self._one, diagnose(evidence), runs=container.status == "running")
            ctx.clock.wait(self._job.cancelled, checks.next_look(up))

    def _inspect(self) -> Container:
        container = self._scheduler.inspect(self._one.id)
        if container is None:
            label = self._one.candidate.replica.label
            raise _Failed(self._one, Unhealthy(f"{label} was removed while starting", code="removed"))
        return container

    def _evidence(self, check: Check, container: Container, seen: CheckOutcome | None, waited: float) -> Evidence:
        image = self._image
        log = self._scheduler.logs(self._one.id, LOG_LINES)
        return Evidence(
            label=self._one.candidate.replica.label,
            app=self._job.app.name,
            process=self._one.candidate.process,
            container=container,
            check=check,
            outcome=seen,
            waited=waited,
            host=self._host,
            log=[_text(line) for line in log],
            built_for=image.architecture if image else "",
            machine=self._ctx.engine.architecture(),
        )


def _show_log(scheduler: Scheduler, job: Job, one: Started) -> None:
    label = one.candidate.replica.label
    lines = scheduler.logs(one.id, LOG_LINES)
    if not lines:
        job.out.detail(f"{label} wrote nothing to its log.")
        return
    job.out.step(f"The last lines of {label}:")
    for line in lines:
        job.out.detail(_text(line))


def _text(line: bytes) -> str:
    """Return a line of a log without Docker's timestamp."""
    return line.decode("utf-8", "replace").partition(" ")[2].rstrip("\r\n")
