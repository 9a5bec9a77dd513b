"""Making what is what is wanted: at the start of the server, after a crash, a reboot, or somebody's hands."""

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
    """Before anything is served: what a crash interrupted is undone, and the proxy serves what is recorded.

    An app whose configuration the proxy refuses keeps what was served for it; the others don't suffer from it.
    """
    interrupted = ctx.store.deployments.abandon_unfinished(ctx.clock.now())
    for deployment in interrupted:
        _log.warning("deployment %d was interrupted at %s", deployment.id, deployment.step or "its start")
    ctx.store.releases.fail_pending()
    ctx.paths.remove_leftovers()
    for feature in ctx.features:
        if feature.started:
            feature.started(ctx)
    for deployment in interrupted:
        if deployment.landing is not None:
            landing.finish(ctx, deployment, deployment.landing)
        elif _served(ctx, deployment):
            # What came after that, old images for instance, is seen to by others.
            ctx.store.deployments.finish(deployment.id, DeploymentStatus.SUCCEEDED, ctx.clock.now())
    try:
        publish.refresh_all(ctx)
    except (ProxyError, InvalidValue) as error:
        if not ctx.proxy.running():
            raise
        _log.error("%s: %s", error.what, error.why)


def _served(ctx: Context, deployment: Deployment) -> bool:
    """Whether the release that it made was recorded: the deploy has succeeded, then."""
    if deployment.version is None:
        return False
    app = ctx.store.apps.by_id(deployment.app_id)
    return ctx.store.releases.get(app, deployment.version).state in SERVED


def repair(ctx: Context) -> None:
    """Containers that nobody wants go, those that are wanted and missing come, app by app in the background."""
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
            _log.warning("removing container %s: its app is gone", container.name)
            ctx.scheduler.remove(container.id)


def clear_up(ctx: Context) -> None:
    """What apps have left that were destroyed a moment before a crash."""
    networked = ctx.scheduler.networked()
    busy = {found.app_id for found in ctx.scheduler.containers()}
    for app_id in networked - busy - {app.id for app in ctx.store.apps.all()}:
        _log.warning("removing what is left of app %d, which is gone", app_id)
        ctx.scheduler.clear(app_id)


def keep_proxy(ctx: Context) -> None:
    """Starts the proxy again if it has died, and gives it all apps again if something of it was removed."""
    if not ctx.proxy.running():
        _log.warning("the proxy does not run; starting it")
        ctx.part(Reserve).spend()
        ctx.proxy.start()
    if not ctx.proxy.sound():
        _log.warning("something of the proxy was removed; putting it back")
        publish.refresh_all(ctx)


def lacks(ctx: Context, app: App) -> bool:
    """Whether a container that is wanted is not there or does not run."""
    return bool(_difference(ctx, app, ctx.scheduler.containers(app))[0])


def start_repair(ctx: Context, app: App) -> Job:
    """Puts the app right, as a job in the background."""
    return ctx.jobs.start(app, kind="repair", actor=SERVER, cause="repair", work=lambda job: _put_right(ctx, job))


def _put_right(ctx: Context, job: Job) -> None:
    # Looked at again under the lock: the candidates of a deploy that has begun are not surplus.
    app = job.app
    missing, surplus = _difference(ctx, app, ctx.scheduler.containers(app))
    if missing:
        _log.warning("%s lacks %s", app.name, ", ".join(f"{kind}.{index}" for kind, index, _ in missing))
        release = ctx.store.releases.deployed(app)
        _make_room(ctx, app, release, surplus)
        revive(ctx, app, missing)
        # Whatever did not come back as it was is started anew.
        roll_out(ctx, app, job, release, fresh=())
    elif surplus:
        # Left by a crash before or after a switch: requests that an old worker still has for them may finish.
        there = [found for found in ctx.scheduler.containers(app) if found.id in surplus]
        let_go(ctx, app, there, ctx.proxy.draining())


def _make_room(ctx: Context, app: App, release: Release, surplus: Collection[str]) -> None:
    """Stops what a crash left of process types that must not run twice, before those that are wanted come back."""
    lone = {process.type for process in release.processes if not overlaps(ctx, app, process)}
    there = [found for found in ctx.scheduler.containers(app) if found.id in surplus and found.process_type in lone]
    halt(ctx, app, [found.id for found in there if found.status in RUNNING])


def revive(ctx: Context, app: App, missing: Collection[Slot]) -> None:
    """Starts wanted containers that have ended as they are, so that their ports and the proxy's file stay."""
    for found in ctx.scheduler.containers(app):
        if (found.process_type, found.index, found.slot) in missing and found.status == "exited":
            try:
                ctx.scheduler.revive(found.id)
            except DockerError as error:
                _log.warning("%s can't be started again: %s (%s)", found.name, error.what, error.why)


def _difference(ctx: Context, app: App, there: Collection[Container]) -> tuple[list[Slot], list[str]]:
    """The slots that lack their container, and the ids of containers that nobody wants."""
    wanted = {(replica.process_type, replica.index, replica.slot) for replica in ctx.store.apps.replicas(app)}
    slots = {container.id: (container.process_type, container.index, container.slot) for container in there}
    running = {slots[found.id] for found in there if found.status in RUNNING}
    return sorted(wanted - running), [container_id for container_id, slot in slots.items() if slot not in wanted]
