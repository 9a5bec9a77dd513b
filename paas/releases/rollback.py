"""Rollback: an old release's image, commands, configuration and container settings become the newest release."""

from __future__ import annotations

from collections.abc import Mapping

from paas.apps.changes import change
from paas.core.errors import PaasError
from paas.core.model import App, Draft, Release, ReleaseState, Summary
from paas.core.secret import Secret
from paas.jobs.context import Context
from paas.jobs.jobs import Job
from paas.releases import container_settings, deploy


def rollback(ctx: Context, app: App, version: int | None, *, keep_config: bool = False) -> Release:
    """Roll back to the version, or for None to the release that served before the current one.

    With ``keep_config``, configuration and container settings stay as they are now; image and commands are those of the
    old release.
    """

    def work(job: Job) -> Release:
        target = find(ctx, job.app, version)
        cause = f"rollback to v{target.version}"
        job.out.step(f"Rolling {job.app.name} back to v{target.version}")
        if keep_config:
            job.out.detail("The configuration stays as it is.")
            config, shared = ctx.store.config.all(job.app), ctx.store.config.all(None)
            kept = deploy.reconfigured(ctx, job.app, target, config, shared, actor=ctx.caller.name, cause=cause)
            return deploy.release(ctx, job.app, job, kept)
        changed = sorted(_differing(target.shared, ctx.store.config.all(None)))
        if changed:
            job.out.warning(f"These global variables had other values in v{target.version}: {', '.join(changed)}.")
            job.out.warning("This app keeps the values of that release until its next release.")
        draft = Draft(
            image=target.image,
            commit=target.commit,
            processes=target.processes,
            config=target.config,
            shared=target.shared,
            actor=ctx.caller.name,
            cause=cause,
            cron=target.cron,
            static=target.static,
            container=target.container or container_settings.current(ctx, job.app),
        )

        def recorded() -> None:
            ctx.store.config.replace(job.app, target.config)
            if target.container is not None:
                container_settings.restore(ctx, job.app, target.container)

        return deploy.release(ctx, job.app, job, draft, also=recorded)

    return change(ctx, app, "rollback", "releases:rollback", work)


def find(ctx: Context, app: App, version: int | None) -> Release:
    """Return the release to go back to. Raise an error for one that never served or whose image is gone."""
    current = ctx.store.releases.deployed(app)
    if version is None:
        served = (old.version for old in ctx.store.releases.summaries(app) if _served_before(old, current))
        version = next(served, None)
        if version is None:
            raise PaasError(f"{app.name} has no earlier release to go back to", code="no-earlier-release")
    target = ctx.store.releases.get(app, version)

    if target.state in (ReleaseState.FAILED, ReleaseState.PENDING):
        raise PaasError(
            f"v{target.version} never served: it is {target.state.value}",
            fix=f"Choose another release from 'releases {app.name}'.",
            code="release-failed",
        )
    if ctx.engine.image(target.image) is None:
        raise PaasError(
            f"the image of v{target.version} is gone",
            why=f"The images of the last {ctx.settings.value('keep-images')} releases are kept (keep-images).",
            fix=f"Push the commit {target.commit[:10]} again.",
            code="image-gone",
        )
    return target


def _differing(one: Mapping[str, Secret], other: Mapping[str, Secret]) -> set[str]:
    return {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}


def _served_before(old: Summary, current: Release) -> bool:
    return old.state is ReleaseState.SUPERSEDED and old.version < current.version
