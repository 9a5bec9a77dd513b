"""Configuration variables: a change makes a release, and holds only if that release does."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from paas.apps.changes import change
from paas.core.apps import environment
from paas.core.model import App, Release
from paas.core.secret import Secret
from paas.jobs.context import Context
from paas.jobs.jobs import Job
from paas.releases import deploy

Edit = Callable[[Mapping[str, Secret]], dict[str, Secret]]


def edit(ctx: Context, app: App | None, modify: Edit, *, cause: str, restart: bool) -> Release | None:
    """Changes the app's variables, or the global ones for None.

    With ``restart``, and where the app runs, the change becomes a release at once; if that fails the variables stay as
    they were. Otherwise it is recorded and counts from the next release on. Returns the release, None if none was made.
    """
    if app is None or not restart:
        _record(ctx, app, modify)
        return None

    def work(job: Job) -> Release | None:
        # Looked at under the lock: a deploy may have come in between.
        current = ctx.store.releases.current(job.app)
        if current is None or job.app.stopped:
            _record(ctx, job.app, modify)
            comes = "first deploy on" if current is None else f"next start on ('ps:start {job.app.name}')"
            job.out.detail(f"Recorded; it counts from the {comes}.")
            return None
        before = ctx.store.config.all(job.app)
        wanted = modify(before)
        if wanted == before == current.config:
            job.out.detail("Nothing changed.")
            return None
        shared = ctx.store.config.all(None)
        draft = deploy.reconfigured(ctx, job.app, current, wanted, shared, actor=ctx.caller.name, cause=cause)

        def recorded() -> None:
            # Somebody may have recorded other variables with --no-restart while the containers came up.
            ctx.store.config.replace(job.app, modify(ctx.store.config.all(job.app)))

        return deploy.release(ctx, job.app, job, draft, also=recorded)

    return change(ctx, app, "config", cause, work)


def _record(ctx: Context, app: App | None, modify: Edit) -> None:
    with ctx.store.transaction():
        wanted = modify(ctx.store.config.all(app))
        environment.check_all({**ctx.store.config.all(None), **wanted} if app else wanted)
        ctx.store.config.replace(app, wanted)
