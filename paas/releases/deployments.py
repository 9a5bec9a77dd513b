"""Display, follow and cancel deployments.

Commands call them builds, as most of them are.
"""

from __future__ import annotations

from dataclasses import dataclass

from paas.core.errors import Cancelled, NotFound, PaasError
from paas.core.logs.line import printable_lines
from paas.core.model import App, Deployment, DeploymentStatus
from paas.jobs.context import Context
from paas.jobs.jobs import Job
from paas.jobs.output import Sink

CURRENT = "current"


@dataclass(frozen=True)
class DeploymentView:
    """A deployment with the name of its app, and what it waits for, empty for nothing."""

    app: str
    deployment: Deployment
    waits: str = ""


def recent(ctx: Context, app: App | None, *, status: str = "", kind: str = "") -> list[DeploymentView]:
    """Return the newest deployments of the app, or of all, newest first."""
    names = {found.id: found.name for found in ctx.store.apps.all()}
    rows = ctx.store.deployments.all(app, status=status, kind=kind)
    return [_build(ctx, names.get(row.app_id, ""), row) for row in rows]


def _build(ctx: Context, name: str, deployment: Deployment) -> DeploymentView:
    job = ctx.jobs.find(deployment.id)
    return DeploymentView(name, deployment, job.waits if job else "")


def find(ctx: Context, target: str, which: str = "") -> DeploymentView:
    """Return a deployment: by its number; or of an app by number, ``current``, or else its newest one."""
    app = ctx.store.apps.find(target)
    if app is None and target.isdecimal() and not which:
        found = ctx.store.deployments.get(int(target))
        return _build(ctx, ctx.store.apps.by_id(found.app_id).name, found)
    app = app or ctx.store.apps.get(target)

    if which.isdecimal():
        found = ctx.store.deployments.get(int(which))
        if found.app_id != app.id:
            raise NotFound(f"build {which} does not belong to {app.name}", fix=_see(app), code="no-such-build")
        return _build(ctx, app.name, found)
    under_way = ctx.jobs.of(app)
    if under_way:
        return _build(ctx, app.name, ctx.store.deployments.get(under_way[0].id))
    if which == CURRENT:
        raise nothing_under_way(app)
    last = ctx.store.deployments.last(app)
    if last is None:
        raise NotFound(f"{app.name} has no builds yet", fix="Push to it.", code="no-such-build")
    return _build(ctx, app.name, last)


def _see(app: App) -> str:
    return f"'builds:list {app.name}' lists them."


def nothing_under_way(app: App) -> NotFound:
    """Return the error for a missing current build."""
    return NotFound(f"no deployment of {app.name} is running", fix=_see(app), code="no-build-under-way")


def show_log(ctx: Context, build: DeploymentView, *, follow: bool, after: int = 0) -> int:
    """Write the log as a result; with ``follow`` until its end, and then return 1 if the build did not succeed.

    Skip its first ``after`` bytes.
    """
    job = ctx.jobs.find(build.deployment.id)
    marked = _Marked(ctx, after) if follow and ctx.out.marks else None
    written: Sink = marked.write if marked else ctx.out.result
    if follow and job is not None:
        job.log.follow(written, ctx.gone, outcome=True, after=after)
        job.done.wait()
    else:
        path = ctx.jobs.log_path(build.deployment.id)
        if not path.exists():
            raise NotFound(
                f"the log of build {build.deployment.id} is gone",
                why=f"The logs of the last {ctx.settings.value('keep-job-logs')} deployments of an app are kept.",
                code="log-gone",
            )
        with path.open("rb") as file:
            file.seek(after)
            data = file.read()
        # A log from before lines were cleaned at writing may contain anything.
        written(data if marked else printable_lines(data))
    if marked:
        marked.end()
    ended = ctx.store.deployments.get(build.deployment.id)
    return 0 if not follow or ended.status is DeploymentStatus.SUCCEEDED else 1


class _Marked:
    """Writes what it is given by lines, each with the place after it, of which there are ``at`` bytes before."""

    def __init__(self, ctx: Context, at: int) -> None:
        self._out = ctx.out
        self._at = at
        self._begun = b""

    def write(self, data: bytes) -> None:
        """Write the complete lines."""
        *lines, self._begun = (self._begun + data).split(b"\n")
        for line in lines:
            self._at += len(line) + 1
            self._out.mark(str(self._at))
            self._out.result(printable_lines(line + b"\n"))

    def end(self) -> None:
        """Write an unfinished last line."""
        self._out.result(printable_lines(self._begun))


def cancel(ctx: Context, build: DeploymentView) -> None:
    """Cancel the deployment and wait until it has cleaned up; running processes are not touched."""
    job = ctx.jobs.find(build.deployment.id)
    if job is None:
        raise PaasError(
            f"build {build.deployment.id} is not running: it is {build.deployment.status.value}",
            code="no-build-under-way",
        )
    job.cancel(
        Cancelled(
            f"cancelled by {ctx.caller.name}",
            why="The app is unchanged.",
            fix="Repeat the command to try again.",
        )
    )
    ctx.out.began(job.id)
    _wait(ctx, job)
    ended = ctx.store.deployments.get(job.id)
    if ended.status is not DeploymentStatus.CANCELLED:
        raise PaasError(
            f"build {job.id} could not be cancelled: it has already {ended.status.value}",
            fix=f"Its result stays; 'releases {build.app}' shows the current state.",
            code="too-late",
        )


def _wait(ctx: Context, job: Job) -> None:
    # Following is waiting that notices when the client leaves.
    job.log.follow(lambda data: None, ctx.gone)
    job.done.wait()
