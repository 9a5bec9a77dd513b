"""Configuration variables. A change creates a release, and is kept only if the release succeeds."""

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
    """Change the app's variables, or the global ones for None. Return the new release, or None.

    With ``restart``, and if the app runs, the change creates a release immediately; if that fails, the variables keep
    their values. Otherwise the change is saved and takes effect with the next release.
    """
    if app is None or not restart:
        _record(ctx, app, modify)
        return None

    def work(job: Job) -> Release | None:
        # Read under the lock: a deploy may have come in between.
        current = ctx.store.releases.current(job.app)
        if current is None or job.app.stopped:
            _record(ctx, job.app, modify)
            comes = "the first deploy" if current is None else f"the next start ('ps:start {job.app.name}')"
            job.out.detail(f"Saved. Takes effect at {comes}.")
            return None
        before = ctx.store.config.all(job.app)
        wanted = modify(before)
        if wanted == before == current.config:
            job.out.detail("Nothing changed.")
            return None
        shared = ctx.store.config.all(None)
        draft = deploy.reconfigured(ctx, job.app, current, wanted, shared, actor=ctx.caller.name, cause=cause)

        def recorded() -> None:
            # Another caller may have recorded other variables with --no-restart while the containers started.
            ctx.store.config.replace(job.app, modify(ctx.store.config.all(job.app)))

        return deploy.release(ctx, job.app, job, draft, also=recorded)

    return change(ctx, app, "config", cause, work)


def _record(ctx: Context, app: App | None, modify: Edit) -> None:
    with ctx.store.transaction():
        wanted = modify(ctx.store.config.all(app))
        environment.check_all({**ctx.store.config.all(None), **wanted} if app else wanted)
        ctx.store.config.replace(app, wanted)
