"""Reconcile containers and proxy with the desired state: at the start, after a crash, a reboot or manual changes."""

from __future__ import annotations

import logging
from collections.abc import Collection

from paas.core.errors import DockerError, InvalidValue, ProxyError
from paas.core.model import SERVER, App, Container, Deployment, DeploymentStatus, Release
from paas.core.server.garbage import SERVED
from paas.edge import publish
from paas.jobs.context import Context
from paas.jobs.jobs import Job
from paas.releases import landing
from paas.releases.rollout import RUNNING, halt, let_go, overlaps, roll_out
from paas.system.reserve import Reserve

_log = logging.getLogger(__name__)
Slot = tuple[str, int, int]


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


def repair(ctx: Context) -> None:
    """Start repairs, in the background, of all apps with missing or surplus containers."""
    there: dict[int, list[Container]] = {}
    for container in ctx.scheduler.containers():
        there.setdefault(container.app_id, []).append(container)

    for app in ctx.store.apps.all():
        missing, surplus = _difference(ctx, app, there.pop(app.id, []))
        if missing or surplus:
            start_repair(ctx, app)
    clear_up(ctx)
    for strangers in there.values():
        for container in strangers:
            _log.warning("Removing container %s: its app is gone", container.name)
            ctx.scheduler.remove(container.id)


def clear_up(ctx: Context) -> None:
    """Remove what is left of apps that were destroyed right before a crash."""
    networked = ctx.scheduler.networked()
    busy = {found.app_id for found in ctx.scheduler.containers()}
    for app_id in networked - busy - {app.id for app in ctx.store.apps.all()}:
        _log.warning("Removing what is left of the destroyed app %d", app_id)
        ctx.scheduler.clear(app_id)


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
    """Return True if a desired container is missing or not running."""
    return bool(_difference(ctx, app, ctx.scheduler.containers(app))[0])


def start_repair(ctx: Context, app: App) -> Job:
    """Start a job that repairs the app in the background."""
    return ctx.jobs.start(app, kind="repair", actor=SERVER, cause="repair", work=lambda job: _put_right(ctx, job))


def _put_right(ctx: Context, job: Job) -> None:
    # Compared again under the lock: candidates of a running deploy are not surplus.
    app = job.app
    missing, surplus = _difference(ctx, app, ctx.scheduler.containers(app))
    if missing:
        _log.warning("%s lacks %s", app.name, ", ".join(f"{kind}.{index}" for kind, index, _ in missing))
        release = ctx.store.releases.deployed(app)
        _make_room(ctx, app, release, surplus)
        revive(ctx, app, missing)
        # Containers that could not be revived are replaced by new ones.
        roll_out(ctx, app, job, release, fresh=())
    elif surplus:
        # Left by a crash before or after a switch: let requests of old nginx workers to them finish.
        there = [found for found in ctx.scheduler.containers(app) if found.id in surplus]
        let_go(ctx, app, there, ctx.proxy.draining())


def _make_room(ctx: Context, app: App, release: Release, surplus: Collection[str]) -> None:
    """Stop surplus containers of process types that must not overlap, before the desired ones start."""
    lone = {process.type for process in release.processes if not overlaps(ctx, app, process)}
    there = [found for found in ctx.scheduler.containers(app) if found.id in surplus and found.process_type in lone]
    halt(ctx, app, [found.id for found in there if found.status in RUNNING])


def revive(ctx: Context, app: App, missing: Collection[Slot]) -> None:
    """Start exited desired containers again unchanged, so that their ports and the proxy's configuration stay valid."""
    for found in ctx.scheduler.containers(app):
        if (found.process_type, found.index, found.slot) in missing and found.status == "exited":
            try:
                ctx.scheduler.revive(found.id)
            except DockerError as error:
                _log.warning("Could not restart %s: %s (%s)", found.name, error.what, error.why)


def _difference(ctx: Context, app: App, there: Collection[Container]) -> tuple[list[Slot], list[str]]:
    """Return the slots without a running container, and the ids of surplus containers."""
    wanted = {(replica.process_type, replica.index, replica.slot) for replica in ctx.store.apps.replicas(app)}
    slots = {container.id: (container.process_type, container.index, container.slot) for container in there}
    running = {slots[found.id] for found in there if found.status in RUNNING}
    return sorted(wanted - running), [container_id for container_id, slot in slots.items() if slot not in wanted]
