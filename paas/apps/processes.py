"""The processes of an app: scale, restart, stop, start, and report their state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from paas.apps.changes import change
from paas.core.errors import InvalidValue
from paas.core.model import App
from paas.core.releases import rollout
from paas.edge import publish
from paas.jobs.context import Context
from paas.jobs.jobs import Job
from paas.releases import deploy
from paas.releases.rollout import let_go, roll_out
from paas.system.reserve import Reserve


@dataclass(frozen=True)
class ProcessStatus:
    """A container that is desired or exists.

    ``state`` is Docker's word for it, or ``missing`` for a desired container that does not exist, ``starting`` for a
    candidate of a coming release, ``retiring`` for one that is being removed.
    """

    process: str
    state: str
    release: str
    port: int | None
    container: str
    restarts: int
    since: str


def scale(ctx: Context, app: App, wanted: Mapping[str, int], *, skip_deploy: bool = False) -> None:
    """Start or retire the difference. Containers that stay are not touched. ``skip_deploy``: only save the numbers."""

    def work(job: Job) -> None:
        # Read under the lock: a deploy may have come in between.
        current = ctx.store.releases.current(job.app)
        rollout.check_scale(wanted, [process.type for process in current.processes] if current else None)
        if current is None or job.app.stopped or skip_deploy:
            ctx.store.apps.set_formation(job.app, wanted)
            job.out.detail("Saved. Takes effect at the next deploy, restart or start.")
        else:
            roll_out(ctx, job.app, job, current, fresh=(), formation=wanted)

    words = " ".join(f"{kind}={number}" for kind, number in wanted.items())
    change(ctx, app, "scale", f"ps:scale {words}", work)


def formation(ctx: Context, app: App) -> dict[str, int]:
    """Return the desired number of containers of each process type."""
    current = ctx.store.releases.current(app)
    asked = ctx.store.apps.formation(app)
    types = [process.type for process in current.processes] if current else sorted(asked)
    return rollout.quantities(types, asked)


def restart(ctx: Context, app: App, process_type: str = "") -> None:
    """Replace the containers in one rollout. The old ones serve until the new ones are healthy."""
    current = ctx.store.releases.deployed(app)
    if process_type and current.process(process_type) is None:
        types = ", ".join(process.type for process in current.processes)
        raise InvalidValue(
            f"{app.name} has no process type {process_type!r}",
            why=f"Its process types are: {types}",
            code="no-such-process-type",
        )

    def work(job: Job) -> None:
        deploy.same_again(ctx, job.app, job, actor=ctx.caller.name, cause="ps:restart", only=process_type)

    change(ctx, app, "restart", "ps:restart", work)


def stop(ctx: Context, app: App) -> None:
    """Stop all containers. Until the app is started or deployed, its hosts show a page that says so."""
    ctx.store.releases.deployed(app)

    def work(job: Job) -> None:
        try:
            with publish.turn(ctx, app) as others:
                switch = publish.publish(ctx, job.app, others, (), stopped=True)
                with ctx.store.transaction():
                    ctx.store.apps.set_stopped(job.app, True)
                    ctx.store.apps.set_replicas(job.app, ())
                    ctx.store.apps.set_endpoints(job.app, ())
        except BaseException:
            ctx.part(Reserve).spend()
            publish.refresh(ctx, job.app)
            raise
        scheduler = ctx.schedulers.of(job.app)
        let_go(ctx, job.app, scheduler, scheduler.beyond(job.app, ()), switch)
        ctx.changed.notify()
        job.out.step(f"Stopped {job.app.name}")

    change(ctx, app, "stop", "ps:stop", work)


def start(ctx: Context, app: App) -> None:
    """Start a stopped app. Do nothing if it runs."""
    ctx.store.releases.deployed(app)

    def work(job: Job) -> None:
        if job.app.stopped:
            deploy.same_again(ctx, job.app, job, actor=ctx.caller.name, cause="ps:start")
        else:
            job.out.detail(f"{job.app.name} is not stopped.")

    change(ctx, app, "start", "ps:start", work)


def statuses(ctx: Context, app: App) -> list[ProcessStatus]:
    """Return all containers of the app, desired or existing, by process type and index."""
    wanted = {replica.place: replica for replica in ctx.store.apps.replicas(app)}
    scheduler = ctx.schedulers.of(app)
    there = {found.place: found for found in scheduler.containers(app)}

    rows = []
    for key in sorted(wanted.keys() | there.keys()):
        replica, found = wanted.get(key), there.get(key)
        details = scheduler.inspect(found.id) if found else None
        unwanted = "starting" if found and found.release > (app.version or 0) else "retiring"
        rows.append(
            ProcessStatus(
                process=f"{key[0]}.{key[1]}",
                state=unwanted if replica is None else details.status if details else "missing",
                release=f"v{replica.release if replica else found.release if found else 0}",
                port=replica.port if replica else None,
                container=found.id[:12] if found else "",
                restarts=details.restarts if details else 0,
                since=details.started_at[:19] + "Z" if details and details.started_at else "",
            )
        )
    return rows
