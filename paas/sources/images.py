"""Apps whose code is an image: from a registry, or sent over ssh. The commit is a Dockerfile that names it."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable
from typing import IO

from paas.apps.changes import change
from paas.builders import image_stream
from paas.core.containers.image_name import ImageName
from paas.core.errors import PaasError
from paas.core.git import text
from paas.core.git.push import HEADS
from paas.core.jobs.journal import Step
from paas.core.model import App
from paas.core.sources import image_file
from paas.core.sources import image_stream as imagestream
from paas.core.sources.origin import IMAGE, Origin
from paas.git.archives import FILE, Member
from paas.git.repository import repository_of
from paas.jobs.context import Context
from paas.jobs.jobs import Job
from paas.sources import pulls
from paas.sources.imports import By, Made, branch_of, deploy_made, uploaded

BUILDERS = ("", "dockerfile", "image")


def from_image(ctx: Context, app: App, name: ImageName, *, force: bool, by: By | None = None) -> None:
    """Pull the image and deploy it; one that already serves only with ``force``."""
    _check_builder(ctx, app)
    cause = f"git:from-image {name}"

    def work(job: Job) -> None:
        if not force and _serves(ctx, job.app, str(name)):
            job.out.step(f"No changes: {name} is already live")
            return
        before = _named(ctx, job.app)
        try:
            with job.step(Step.FETCH, "Pulled"):
                pulls.pull(ctx, job, name)
            _deploy(ctx, job, str(name), Origin(IMAGE, str(name)), cause, by)
        finally:
            # What was pulled and has not become the app goes, or what the app was before.
            let_go(ctx, {before, str(name)})
        ctx.engine.drop_loaded(job.app, "")

    change(ctx, app, "image", cause, work)


def let_go(ctx: Context, names: set[str | None]) -> None:
    """Remove those of the images that were pulled here, and that no app and no sandbox uses."""
    apps = [app for app in ctx.store.apps.all() if ctx.paths.repository(app).exists()]
    used = {_named(ctx, app) for app in apps} | {sandbox.image for sandbox in ctx.store.sandboxes.all()}
    for name in names - {None} - used:
        pulls.let_go(ctx, str(name))


def load_image(
    ctx: Context, app: App, wanted: ImageName, chunks: Iterable[bytes], by: By | None = None
) -> None:
    """Load a stream of ``docker save``, and deploy the image of that name in it."""
    _check_builder(ctx, app)
    limit, cause = ctx.settings.value("image-max-size"), f"git:load-image {wanted}"
    with uploaded(ctx, chunks, limit, lambda: image_stream.too_large(limit)) as file:
        change(ctx, app, "image", cause, lambda job: _load(ctx, job, wanted, file, limit, cause, by))


def _load(
    ctx: Context, job: Job, wanted: ImageName, file: IO[bytes], limit: int, cause: str, by: By | None
) -> None:
    with image_stream.opened(file, ctx.paths.root, limit) as saved:
        found = saved.image(str(wanted), limit)
        imagestream.check_architecture(found.architecture, ctx.engine.architecture(), str(wanted))
        name = ctx.engine.loaded_name(job.app, hashlib.sha256(found.config).hexdigest()[:16])
        if _serves(ctx, job.app, name):
            job.out.step(f"No changes: {wanted} is already live")
            return
        job.out.step(f"Loading {wanted}")
        with job.step(Step.FETCH, "Loaded"):
            ctx.engine.load(saved.rewritten(found, name))
    before = _named(ctx, job.app)
    try:
        _deploy(ctx, job, name, Origin(IMAGE, str(wanted)), cause, by)
        let_go(ctx, {before})
    finally:
        # The one that the branch names stays: it can be built again.
        ctx.engine.drop_loaded(job.app, _named(ctx, job.app) or "")


def _check_builder(ctx: Context, app: App) -> None:
    selected = ctx.store.properties.of(app).text("builder", "selected")
    if selected not in BUILDERS:
        raise PaasError(
            f"{app.name} is built with the builder {selected}",
            why="An image is not built (builder selected).",
            fix=f"Run 'builder:set {app.name} selected image' first.",
            code="builder-not-image",
        )


def _path(ctx: Context, app: App) -> str:
    """Return the path of the app's Dockerfile."""
    properties = ctx.store.properties.of(app)
    folder, file = properties.text("builder", "build-dir"), properties.text("builder-dockerfile", "dockerfile-path")
    return posixpath.join(folder, file)


def _named(ctx: Context, app: App) -> str | None:
    """Return the image that the branch names, None if it contains anything else."""
    repository = repository_of(ctx, app)
    commit = repository.resolve(HEADS + branch_of(ctx, app))
    data = repository.read_file(commit, _path(ctx, app)) if commit else None
    return image_file.image_in(text.lenient(data)) if data else None


def _serves(ctx: Context, app: App, image: str) -> bool:
    current = ctx.store.releases.current(app)
    head = repository_of(ctx, app).resolve(HEADS + branch_of(ctx, app))
    return current is not None and current.commit == head and _named(ctx, app) == image


def _deploy(ctx: Context, job: Job, image: str, origin: Origin, cause: str, by: By | None) -> None:
    data = image_file.text(image).encode()
    member = Member(_path(ctx, job.app), FILE, len(data), iter((data,)))
    made = Made((member,), f"Image {origin.detail}", origin, cause, one_folder=False, by=by)
    deploy_made(ctx, job, made, again=True)

