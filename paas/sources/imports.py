"""Commits that the server makes or fetches itself: each becomes a release as a pushed one does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import IO

from paas.access import remote_credentials
from paas.apps.changes import change
from paas.core.errors import PaasError
from paas.core.git import url as giturl
from paas.core.git.push import HEADS
from paas.core.git.refs import RefUpdate
from paas.core.jobs.journal import Step
from paas.core.model import App, ReleaseState
from paas.core.sources import archive
from paas.core.sources.origin import Origin
from paas.git import archives, fast_import
from paas.git.archives import Member
from paas.git.fast_import import Author
from paas.git.quarantine import Quarantine
from paas.git.remotes import Remotes
from paas.git.repository import repository_of
from paas.jobs.context import Context
from paas.jobs.jobs import Job
from paas.releases import landing
from paas.releases.deploy import Commit
from paas.system import spool

FIRST_BRANCH = "main"


def branch_of(ctx: Context, app: App) -> str:
    """Return the branch for deployed commits: the deploy branch, or main before there is one."""
    return ctx.store.properties.of(app).text("git", "deploy-branch") or FIRST_BRANCH


def land(
    ctx: Context, job: Job, commit: Commit, branch: str, origin: Origin, *, build: bool = True
) -> None:
    """Deploy a commit in quarantine, and then move the branch to it, as for a push."""
    quarantine = commit.quarantine
    assert quarantine is not None
    repository = repository_of(ctx, job.app)
    update = RefUpdate(HEADS + branch, repository.resolve(HEADS + branch), commit.id)

    def landed() -> None:
        refused = landing.land(ctx, job.app, quarantine, update, chosen=True)
        if refused is not None:
            raise PaasError(f"{branch} could not be moved to {commit.id[:10]}", why=refused, code="ref-not-moved")

    ctx.store.sources.set(job.app, commit.id, origin)
    if build:
        landing.deploy_first(ctx, job, replace(commit, update=update, landed=landed))
    else:
        landed()


def was_released(ctx: Context, app: App, commit: str) -> bool:
    """Return True if the commit serves, or has served."""
    served = (ReleaseState.CURRENT, ReleaseState.SUPERSEDED)
    return any(one.commit == commit and one.state in served for one in ctx.store.releases.summaries(app))


@dataclass(frozen=True)
class By:
    """The author of a commit that is made here: a name and an address, which may be empty."""

    name: str
    email: str = ""


@dataclass(frozen=True)
class Made:
    """Content and message of a commit; with ``one_folder`` without a single top folder.

    ``by`` is its author, the caller for None.
    """

    members: Iterable[Member]
    message: str
    origin: Origin
    cause: str
    one_folder: bool = True
    by: By | None = None


def deploy_made(ctx: Context, job: Job, made: Made, *, again: bool = False) -> bool:
    """Create the commit on top of the branch and deploy it. Return True if it was deployed.

    A commit that already serves is only deployed ``again`` on request.
    """
    repository = repository_of(ctx, job.app)
    branch = branch_of(ctx, job.app)
    with Quarantine(repository) as quarantine:
        with job.step(Step.FETCH):
            parent = repository.resolve(HEADS + branch)
            tree = fast_import.import_tree(quarantine, made.members, one_folder=made.one_folder)
            serves = parent is not None and _serves(ctx, job.app, parent)
            if parent and serves and not again and fast_import.tree_of(quarantine, parent) == tree:
                job.out.step("No changes: this is already live")
                return False
            by = made.by or By(ctx.caller.name)
            author = Author(by.name, ctx.clock.now(), by.email)
            commit = fast_import.commit_tree(quarantine, tree, parent, made.message, author)
        land(ctx, job, Commit(commit, ctx.caller.name, made.cause, quarantine), branch, made.origin)
    return True


def _serves(ctx: Context, app: App, commit: str) -> bool:
    current = ctx.store.releases.current(app)
    return current is not None and current.commit == commit


def limits(ctx: Context) -> archive.ArchiveLimits:
    """Return the limits on archives."""
    properties = ctx.store.properties.of(None)
    return archive.ArchiveLimits(
        **{key: properties.value("git", f"archive-max-{key}") for key in ("size", "files", "ratio")}
    )


@contextmanager
def uploaded(
    ctx: Context, chunks: Iterable[bytes], limit: int, refused: Callable[[], PaasError]
) -> Iterator[IO[bytes]]:
    """Yield a file without a name with the uploaded data. Raise an error for more than ``limit`` bytes."""
    total = 0

    def took(count: int) -> None:
        nonlocal total
        total += count
        if total > limit:
            raise refused()

    with spool.spooled(ctx.paths.root, chunks, took) as file:
        yield file


def from_archive(ctx: Context, app: App, chunks: Iterable[bytes], type_: str, by: By | None = None) -> None:
    """Deploy the uploaded archive."""
    allowed = limits(ctx)
    cause = "git:from-archive"
    with uploaded(ctx, chunks, allowed.size, lambda: archive.too_large(allowed)) as file:
        change(ctx, app, "archive", cause, lambda job: _deploy_archive(ctx, job, file, type_, "stdin", cause, by))


def from_archive_url(ctx: Context, app: App, url: str, type_: str, by: By | None = None) -> None:
    """Deploy the archive at the https address."""
    remote = giturl.archive(url)
    allowed, cause = limits(ctx), f"git:from-archive {remote.url}"
    means = remote_credentials.means(ctx, remote)

    def work(job: Job) -> None:
        job.out.step(f"Downloading {remote.url}")
        chunks = ctx.part(Remotes).download(remote, means, job.cancelled)
        with uploaded(ctx, chunks, allowed.size, lambda: archive.too_large(allowed)) as file:
            _deploy_archive(ctx, job, file, type_, remote.url, cause, by)

    change(ctx, app, "archive", cause, work)


def _deploy_archive(
    ctx: Context, job: Job, file: IO[bytes], said: str, name: str, cause: str, by: By | None
) -> None:
    head = file.read(8)
    file.seek(0)
    found = archive.type_of(head, said)
    job.out.step(f"Reading the archive ({found}, {spool.size_of(file)} bytes)")
    with archives.opened(file, found, limits(ctx), ctx.paths.root) as members:
        deploy_made(ctx, job, Made(members, f"Archive from {name}", Origin(found, name), cause, by=by))
