"""Static files of a release, served by the edge. They are copied out of the image before the release goes live."""

from __future__ import annotations

from paas.core.edge.rules import ERROR_PAGES, Files
from paas.core.model import App, Release
from paas.edge.release_folder import ReleaseFolder
from paas.jobs.context import Context
from paas.jobs.jobs import Job

KEPT = 4
"""Number of releases whose folders are kept: an old nginx worker may still serve from one."""


def folder(ctx: Context, app: App, version: int) -> ReleaseFolder:
    """Return the folder of that release."""
    return ReleaseFolder(ctx.paths.static(app) / f"v{version}")


def take_out(ctx: Context, app: App, job: Job, release: Release) -> None:
    """Copy the folders named in paas.yml out of the image. Raise `InvalidValue` if the image lacks one."""
    if not release.static:
        return
    place = folder(ctx, app, release.version)
    place.begin()
    for prefix, path in release.static.items():
        with ctx.engine.files(app, release.image, path) as chunks:
            count = place.unpack(prefix, chunks)
        what = "error pages" if prefix == ERROR_PAGES else f"files for {prefix}"
        job.out.detail(f"{count} {what} from {path}")


def drop(ctx: Context, app: App, release: Release) -> None:
    """Delete the files of a release that never went live."""
    folder(ctx, app, release.version).remove()


def drop_old(ctx: Context, app: App, release: Release) -> None:
    """Delete the files of all but the newest `KEPT` releases."""
    folder(ctx, app, release.version).remove_older(KEPT)


def served(ctx: Context, app: App) -> Files:
    """Return the files that the edge serves for the app's current release."""
    place = folder(ctx, app, app.version or 0)
    if not app.version or not place.exists():
        return Files()
    static = ctx.store.releases.get(app, app.version).static
    prefixes = tuple(prefix for prefix in static if prefix != ERROR_PAGES)
    return Files(str(place.path), prefixes, place.pages() if ERROR_PAGES in static else ())
