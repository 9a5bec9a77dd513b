"""Check before a build that the commit fits the app's builder settings."""

from __future__ import annotations

import posixpath

from paas.core.errors import BuildFailed, Unsupported
from paas.core.git import checkout, text
from paas.core.model import App
from paas.core.sources import image_file
from paas.core.spelling import meant
from paas.git.quarantine import Quarantine
from paas.git.repository import UnbuildableEntry, repository_of
from paas.jobs.context import Context


def check(ctx: Context, app: App, commit: str, quarantine: Quarantine | None) -> None:
    """Raise an error for a commit that can't be built from a checkout, or would be too large, or lacks the build
    folder, and for any code if the app is configured to be an image.
    """
    sizes = repository_of(ctx, app).sizes(commit, quarantine=quarantine)
    stored = repository_of(ctx, app).stored() + (quarantine.stored() if quarantine else 0)
    checkout.check(sum(sizes.values()), ctx.settings.value("max-checkout-size"), stored)
    for finding in repository_of(ctx, app).unsupported(commit, quarantine=quarantine):
        raise _unsupported(finding)
    properties = ctx.store.properties.of(app)
    folder = properties.text("builder", "build-dir")
    repository = repository_of(ctx, app)
    if folder:
        folders = repository.folders(commit, quarantine)
        if folder not in folders:
            raise _no_folder(app, folder, folders)
    if properties.text("builder", "selected") == "image":
        file = properties.text("builder-dockerfile", "dockerfile-path")
        data = repository.read_file(commit, posixpath.join(folder, file), quarantine=quarantine)
        if data is None or image_file.image_in(text.lenient(data)) is None:
            raise BuildFailed(
                f"{app.name} is deployed from images, not from code",
                why="Its property 'builder selected' says so.",
                fix=f"To build code from now on, unset it: 'builder:set {app.name} selected'.",
                code="not-an-image",
            )


def _unsupported(finding: UnbuildableEntry) -> Unsupported:
    if finding.kind == "submodule":
        return Unsupported(
            f"{finding.path} is a git submodule",
            why="A push carries only the submodule's commit number; its files are in another repository.",
            fix="Add the files themselves (for example with git subtree), or fetch them in the Dockerfile.",
            code="submodule",
        )
    return Unsupported(
        f"{finding.path} is stored with git-lfs",
        why="A push carries only a pointer; the file itself is on another server.",
        fix="Commit the file itself ('git lfs migrate export'), or fetch it in the Dockerfile.",
        code="git-lfs",
    )


def _no_folder(app: App, folder: str, folders: list[str]) -> BuildFailed:
    tops = [name for name in folders if "/" not in name][:10]
    return BuildFailed(
        f"the repository has no folder {folder!r}",
        why=meant(folder, folders) or f"It has: {', '.join(tops) or 'no folders at all'}.",
        fix=f"Set the app's folder with 'builder:set {app.name} build-dir FOLDER'; without a value it is the top.",
        code="no-build-dir",
    )
