"""Reconcile containers and proxy with the desired state: at the start, after a crash, a reboot or manual changes."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

from paas.core.errors import DockerError, InvalidValue, ProxyError
from paas.core.model import SERVER, App, Deployment, DeploymentStatus, Place, Release, Replica
from paas.core.server.garbage import SERVED
from paas.edge import publish
from paas.jobs.context import Context
from paas.jobs.jobs import Job
from paas.releases import landing
from paas.releases.rollout import halt, let_go, overlaps, roll_out
from paas.schedulers.base import Scheduler, Unit
from paas.system.reserve import Reserve

_log = logging.getLogger(__name__)


def settle(ctx: Context) -> None:
    """Undo what a crash interrupted, and publish the recorded state. Called before anything is served.

    An app whose configuration the proxy refuses keeps its previous one; other apps are not affected.
    """
    interrupted = ctx.store.deployments.abandon_unfinished(ctx.clock.now())
    for deployment in interrupted:
        _log.warning("Deployment %d was interrupted at %s", deployment.id, deployment.step or "its start")
    ctx.store.releases.fail_pending()
    ctx.paths.remove_leftovers()
    for feature in ctx.features:
        if feature.started:
            feature.started(ctx)
    for deployment in interrupted:
        if deployment.landing is not None:
            landing.finish(ctx, deployment, deployment.landing)
        elif _served(ctx, deployment):
            # Later steps, such as removing old images, are done by clean-up.
            ctx.store.deployments.finish(deployment.id, DeploymentStatus.SUCCEEDED, ctx.clock.now())
    try:
        publish.refresh_all(ctx)
    except (ProxyError, InvalidValue) as error:
        if not ctx.proxy.running():
            raise
        _log.error("%s: %s", error.what, error.why)


def _served(ctx: Context, deployment: Deployment) -> bool:
    """Return True if its release was recorded as served: then the deployment has succeeded."""
    if deployment.version is None:
        return False
    app = ctx.store.apps.by_id(deployment.app_id)
    return ctx.store.releases.get(app, deployment.version).state in SERVED


def repair(ctx: Context, scheduler: Scheduler) -> None:
    """Start repairs, in the background, of all apps with missing or surplus containers on the scheduler."""
    there = {found.app_id: found.name for found in scheduler.containers()}
    apps = ctx.store.apps.all()
    wanted = {app.id: ctx.store.apps.replicas(app) for app in apps if app.scheduler == scheduler.name}
    adrift = scheduler.adrift(wanted)
    for app in apps:
        left_over = there.pop(app.id, None)
        if app.id in wanted:
            if app.id in adrift:
                start_repair(ctx, app)
        elif left_over:
            # A crash came between the switch to another scheduler and the end of the old containers.
            let_go(ctx, app, scheduler, scheduler.beyond(app, ()), ctx.proxy.draining())
    clear_up(ctx, scheduler)
    for app_id, name in there.items():
        _log.warning("Removing container %s: its app is gone", name)
        scheduler.forget(app_id)


def clear_up(ctx: Context, scheduler: Scheduler) -> None:
    """Remove what is left of apps that were destroyed right before a crash."""
    networked = scheduler.networked()
    busy = {found.app_id for found in scheduler.containers()}
    for app_id in networked - busy - {app.id for app in ctx.store.apps.all()}:
        _log.warning("Removing what is left of the destroyed app %d", app_id)
        scheduler.clear(app_id)


def keep_proxy(ctx: Context) -> None:
    """Restart the proxy if it is not running, and publish all apps again if its files were removed."""
    if not ctx.proxy.running():
        _log.warning("The proxy is not running; starting it")
        ctx.part(Reserve).spend()
        ctx.proxy.start()
    if not ctx.proxy.sound():
        _log.warning("Files of the proxy were removed; restoring them")
        publish.refresh_all(ctx)


def lacks(ctx: Context, app: App) -> bool:
    """Return True if a desired container is missing or not running, and only a repair brings it back."""
    return bool(ctx.schedulers.of(app).missing(app, ctx.store.apps.replicas(app)))


def _wanted(ctx: Context, app: App) -> set[Place]:
    return {replica.place for replica in ctx.store.apps.replicas(app)}


def start_repair(ctx: Context, app: App) -> Job:
    """Start a job that repairs the app in the background."""
    return ctx.jobs.start(app, kind="repair", actor=SERVER, cause="repair", work=lambda job: _put_right(ctx, job))


def _put_right(ctx: Context, job: Job) -> None:
    # Compared again under the lock: candidates of a running deploy are not surplus.
    app, scheduler = job.app, ctx.schedulers.of(job.app)
    missing = scheduler.missing(app, ctx.store.apps.replicas(app))
    surplus = scheduler.beyond(app, _wanted(ctx, app))
    if missing:
        _log.warning("%s lacks %s", app.name, ", ".join(replica.label for replica in missing))
        release = ctx.store.releases.deployed(app)
        _make_room(ctx, app, release, scheduler, surplus)
        revive(ctx, app, scheduler, missing)
        # Containers that could not be revived are replaced by new ones.
        roll_out(ctx, app, job, release, fresh=())
    elif surplus:
        # Left by a crash before or after a switch: let requests of old nginx workers to them finish.
        let_go(ctx, app, scheduler, surplus, ctx.proxy.draining())


def _make_room(ctx: Context, app: App, release: Release, scheduler: Scheduler, surplus: Sequence[Unit]) -> None:
    """Stop surplus containers of process types that must not overlap, before the desired ones start."""
    lone = {process.type for process in release.processes if not overlaps(ctx, app, process)}
    halt(ctx, app, scheduler, [unit for unit in surplus if unit.process_type in lone and unit.running])


def revive(ctx: Context, app: App, scheduler: Scheduler, missing: Collection[Replica]) -> None:
    """Start exited desired containers again unchanged, so that their ports and the proxy's configuration stay valid."""
    for unit in scheduler.at(app, {replica.place for replica in missing}):
        if not unit.running:
            try:
                scheduler.revive(app, unit.id)
            except DockerError as error:
                _log.warning("Could not restart %s: %s (%s)", ", ".join(unit.labels), error.what, error.why)
