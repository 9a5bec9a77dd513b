"""Liveness checks: containers that fail them are restarted."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from paas.core.errors import PaasError
from paas.core.health import checks
from paas.core.health.checks import Check, Mode
from paas.core.health.outcome import came
from paas.core.model import SERVER, Process
from paas.edge import publish
from paas.health import probing
from paas.health.liveness_state import LivenessState, Watched
from paas.jobs.context import Context
from paas.jobs.jobs import Job
from paas.jobs.loop import Loop

_log = logging.getLogger(__name__)

AT_ONCE = 8
TICK_SECONDS = 0.5
REFRESH_SECONDS = 30.0
OF_IMAGE = Check(kind=checks.LIVENESS, name="HEALTHCHECK", command=("HEALTHCHECK",), attempts=1)
"""Stands for the image's HEALTHCHECK, which Docker runs and counts itself."""


class Liveness(Loop):
    """Loop that schedules liveness checks on a pool of threads. A restart is a job, which waits for running deploys.

    In tests `tick` may be called without `start`: then nothing new begins between the calls.
    """

    def __init__(self, ctx: Context) -> None:
        super().__init__("liveness checks", self.tick, ctx.clock, TICK_SECONDS, later=True)
        self._ctx = ctx
        self._vitals = ctx.part(LivenessState)
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="liveness")
        self._seen: int | None = None
        self._refreshed = 0.0
        self._has_healthcheck: dict[str, bool] = {}

    def stop(self) -> None:
        """Stop: no new check begins."""
        super().stop()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def tick(self) -> None:
        """Update the list of watched containers if it changed, and start every due check."""
        now = self._ctx.clock.monotonic()
        self._vitals.settle(now)
        count = self._ctx.changed.count()
        if count != self._seen or now >= self._refreshed + REFRESH_SECONDS:
            self._vitals.watch(list(self._wanted()), now)
            self._seen, self._refreshed = count, now
        for one in self._vitals.take_due(now):
            if not self.stopping.is_set():
                self._pool.submit(self._look, one)

    def _wanted(self) -> Iterator[Watched]:
        """Yield the checks of all recorded and existing containers."""
        ctx = self._ctx
        there = {
            (found.app_id, found.place): found.id
            for found in ctx.schedulers.containers()
        }
        images: set[str] = set()
        for app in ctx.store.apps.all():
            release = ctx.store.releases.current(app)
            images |= {release.image} if release else set()
            for replica in ctx.store.apps.replicas(app) if release else ():
                assert release is not None
                process = release.process(replica.process_type)
                found = there.get((app.id, replica.place))
                if process and found and probing.mode(ctx, app, process.type) is Mode.ENABLED:
                    for number, check in enumerate(self._checks(process, release.image)):
                        yield Watched(app, replica, process, check, found, number)
        # Forget images that are no longer in use.
        self._has_healthcheck = {image: has for image, has in self._has_healthcheck.items() if image in images}

    def _checks(self, process: Process, image_id: str) -> tuple[Check, ...]:
        if process.checks or process.port is None:
            return checks.alive(process.checks)
        if image_id not in self._has_healthcheck:
            image = self._ctx.engine.image(image_id)
            self._has_healthcheck[image_id] = image is not None and image.healthcheck is not None
        return (OF_IMAGE,) if self._has_healthcheck[image_id] else ()

    def _look(self, one: Watched) -> None:
        name = f"{one.app.name} {one.replica.label}"
        why: str | None = None
        try:
            why = self._try(one)
        except PaasError as error:
            _log.warning("%s: could not run the liveness check: %s (%s)", name, error.what, error.why)
        except Exception:  # noqa: BLE001  # a failure in one check must not stop the others
            _log.exception("%s: could not run the liveness check", name)
        now = self._ctx.clock.monotonic()

        if why is None:
            self._vitals.put_off(one, now)
        elif self._vitals.judge(one, why, now):
            _log.warning("Restarting %s: its liveness check failed: %s", name, why)
            self._restart(one)

    def _try(self, one: Watched) -> str | None:
        """Run the check. Return the error, empty if it passed; None if the container does not run."""
        ctx = self._ctx
        container = ctx.schedulers.of(one.app).inspect(one.container_id)
        if container is None or container.status != "running":
            # Not an error here: a deploy may have stopped it.
            return None
        if one.check is OF_IMAGE:
            said = " ".join(container.health_output.split())[:200]
            return f"the image's HEALTHCHECK fails: {said}" if container.health == "unhealthy" else ""
        host = publish.first_host(ctx, one.app)
        seen = probing.look(ctx, one.app, one.check, container, one.process, one.replica.port, host, 0.0)
        return "" if seen.passed else f"{one.check.what()}: {came(one.check, seen)}"

    def _restart(self, one: Watched) -> None:
        ctx, label = self._ctx, one.replica.label

        def work(job: Job) -> bool:
            # Checked again under the app's lock: a deploy may have replaced or stopped it.
            app = ctx.store.apps.by_id(one.app.id)
            scheduler = ctx.schedulers.of(app)
            found = scheduler.inspect(one.container_id)
            if one.replica not in ctx.store.apps.replicas(app) or found is None or found.status != "running":
                return False
            grace = int(ctx.store.properties.of(app).value("ps", "stop-timeout-seconds"))
            scheduler.restart(one.container_id, grace)
            job.out.step(f"Restarted {label}: its liveness check failed")
            return True

        job = None
        try:
            job = ctx.jobs.start(
                one.app, kind="restart", actor=SERVER, cause=f"liveness check of {label}", work=work
            )
        finally:
            self._vitals.restarting(one, job)
