"""Steps after a release serves: remove old images, and report the result."""

from __future__ import annotations

from paas.core.errors import DockerError
from paas.core.model import WEB, App, Release
from paas.edge import publish
from paas.jobs.context import Context
from paas.jobs.jobs import Job

TRIED_AGAIN = 3


def tell(ctx: Context, app: App, job: Job, made: Release) -> None:
    """Report the release and its URL; warn if none of its processes runs, or it has no address."""
    replicas = ctx.store.apps.replicas(app)
    if not replicas:
        _nothing_runs(app, job, made)
    job.out.step(f"Released v{made.version}: {next(iter(publish.urls(ctx, app)), app.name)}")
    if any(replica.process_type == WEB for replica in replicas):
        for line in publish.no_address(ctx, app):
            job.out.warning(line)


def _nothing_runs(app: App, job: Job, made: Release) -> None:
    types = [process.type for process in made.processes]
    job.out.warning(f"No process runs: {', '.join(types)} is scaled to 0.")
    job.out.warning(f"Start one: ps:scale {app.name} {types[0]}=1")


def drop_old_images(ctx: Context, app: App, job: Job, made: Release) -> None:
    """Keep only the images of the last releases.

    A container that still drains keeps its image, so that is tried again after the next releases; `cleanup` removes
    older ones. The release serves by now, so an error is only reported.
    """
    keep = ctx.settings.value("keep-images")
    served = ctx.store.releases.served_images(app, keep + TRIED_AGAIN)
    kept = {image for _, image in served[:keep]} | {made.image}
    for version, image in served[keep:]:
        if image not in kept:
            try:
                ctx.engine.drop_image(app, version)
            except DockerError as error:
                job.out.error(error)
