"""Looking at changes of apps as they were or are carried out, attaching to them, and cancelling them.

They are called builds where people type them, as most of them are.
"""

from __future__ import annotations

from dataclasses import dataclass

from paas.core.errors import Cancelled, NotFound, PaasError
from paas.core.logline import printable_lines
from paas.core.model import App, Deployment, DeploymentStatus
from paas.engine.context import Context
from paas.engine.jobs import Job

CURRENT = "current"
KINDS = (
    *("push", "sync", "archive", "image", "rebuild", "rollback", "config", "scale", "restart", "start", "stop"),
    *("create", "clone", "rename", "destroy", "repair"),
)
"""What kinds of changes there are."""


@dataclass(frozen=True)
class Build:
    """A deployment with the name of its app, and what it waits for, empty for nothing."""

    app: str
    deployment: Deployment
    waits: str = ""


def recent(ctx: Context, app: App | None, *, status: str = "", kind: str = "") -> list[Build]:
    """The newest deployments of the app, or of all, newest first."""
    names = {found.id: found.name for found in ctx.store.apps.all()}
    rows = ctx.store.deployments.all(app, status=status, kind=kind)
    return [_build(ctx, names.get(row.app_id, ""), row) for row in rows]


def _build(ctx: Context, name: str, deployment: Deployment) -> Build:
    job = ctx.jobs.find(deployment.id)
    return Build(name, deployment, job.waits if job else "")


def find(ctx: Context, target: str, which: str = "") -> Build:
    """The deployment that is meant: by its number; or of an app the number, ``current``, or else the newest one."""
    app = ctx.store.apps.find(target)
    if app is None and target.isdecimal() and not which:
        found = ctx.store.deployments.get(int(target))
        return _build(ctx, ctx.store.apps.by_id(found.app_id).name, found)
    app = app or ctx.store.apps.get(target)

    if which.isdecimal():
        found = ctx.store.deployments.get(int(which))
        if found.app_id != app.id:
            raise NotFound(f"build {which} is not one of {app.name}", fix=_see(app), code="no-such-build")
        return _build(ctx, app.name, found)
    under_way = ctx.jobs.of(app)
    if under_way:
        return _build(ctx, app.name, ctx.store.deployments.get(under_way[0].id))
    if which == CURRENT:
        raise nothing_under_way(app)
    last = ctx.store.deployments.last(app)
    if last is None:
        raise NotFound(f"nothing was built of {app.name} yet", fix="Push to it.", code="no-such-build")
    return _build(ctx, app.name, last)


def _see(app: App) -> str:
    return f"'builds:list {app.name}' shows those there are."


def nothing_under_way(app: App) -> NotFound:
    """The error where somebody asks for the current build and there is none."""
    return NotFound(f"nothing is under way for {app.name}", fix=_see(app), code="no-build-under-way")


def show_log(ctx: Context, build: Build, *, follow: bool) -> int:
    """Writes the log as a result; with ``follow`` to its end, and then returns 1 if the build did not succeed."""
    job = ctx.jobs.find(build.deployment.id)
    if follow and job is not None:
        job.log.follow(ctx.out.result, ctx.gone, outcome=True)
        job.done.wait()
    else:
        path = ctx.jobs.log_path(build.deployment.id)
        if not path.exists():
            raise NotFound(
                f"the log of build {build.deployment.id} is gone",
                why=f"The logs of the last {ctx.settings.value('keep-job-logs')} changes of an app are kept.",
                code="log-gone",
            )
        # A log of before lines were cleaned as they were written may hold anything.
        ctx.out.result(printable_lines(path.read_bytes()))
    ended = ctx.store.deployments.get(build.deployment.id)
    return 0 if not follow or ended.status is DeploymentStatus.SUCCEEDED else 1


def cancel(ctx: Context, build: Build) -> None:
    """Ends the deployment and waits until it has cleaned up after itself; what was running goes on."""
    job = ctx.jobs.find(build.deployment.id)
    if job is None:
        raise PaasError(
            f"build {build.deployment.id} is not under way: it is {build.deployment.status.value}",
            code="no-build-under-way",
        )
    job.cancel(
        Cancelled(f"cancelled by {ctx.caller.name}", why="What was running goes on.", fix="Run it again to try again.")
    )
    ctx.out.began(job.id)
    _wait(ctx, job)
    ended = ctx.store.deployments.get(job.id)
    if ended.status is not DeploymentStatus.CANCELLED:
        raise PaasError(
            f"build {job.id} could not be cancelled any more: it has {ended.status.value}",
            fix=f"What it did stays; 'releases {build.app}' shows where the app stands.",
            code="too-late",
        )


def _wait(ctx: Context, job: Job) -> None:
    # Following is waiting that notices when the client leaves.
    job.log.follow(lambda data: None, ctx.gone)
    job.done.wait()
