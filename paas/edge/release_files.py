"""The files of a release that the edge serves itself: taken out of its image before it is switched to."""

from __future__ import annotations

from paas.core.edge.rules import ERROR_PAGES, Files
from paas.core.model import App, Release
from paas.edge.release_folder import ReleaseFolder
from paas.jobs.context import Context
from paas.jobs.jobs import Job

KEPT = 4
"""Folders of so many releases stay: an old worker of nginx may still serve from one."""


def folder(ctx: Context, app: App, version: int) -> ReleaseFolder:
    """Where the files of that release are."""
    return ReleaseFolder(ctx.paths.static(app) / f"v{version}")


def take_out(ctx: Context, app: App, job: Job, release: Release) -> None:
    """Copies the folders that paas.yml names out of the image. `InvalidValue` if the image has one of them not."""
    if not release.static:
        return
    place = folder(ctx, app, release.version)
    place.begin()
    for prefix, path in release.static.items():
        with ctx.scheduler.files(app, release.image, path) as chunks:
            count = place.unpack(prefix, chunks)
        what = "error pages" if prefix == ERROR_PAGES else f"files for {prefix}"
        job.out.detail(f"{count} {what} from {path}")


def drop(ctx: Context, app: App, release: Release) -> None:
    """Forgets the files of a release that never served."""
    folder(ctx, app, release.version).remove()


def drop_old(ctx: Context, app: App, release: Release) -> None:
    """Forgets the files of releases that nobody is served from any more."""
    folder(ctx, app, release.version).remove_older(KEPT)


def served(ctx: Context, app: App) -> Files:
    """What the edge serves itself for the release that the app has now."""
    place = folder(ctx, app, app.version or 0)
    if not app.version or not place.exists():
        return Files()
    static = ctx.store.releases.get(app, app.version).static
    prefixes = tuple(prefix for prefix in static if prefix != ERROR_PAGES)
    return Files(str(place.path), prefixes, place.pages() if ERROR_PAGES in static else ())
