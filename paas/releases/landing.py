"""A branch follows what was deployed: the commit serves first, and only then the branch moves to it."""

from __future__ import annotations

import logging

from paas.apps.changes import change
from paas.core.errors import PaasError
from paas.core.git.push import HEADS
from paas.core.git.refs import RefUpdate
from paas.core.model import App, Deployment, DeploymentStatus
from paas.edge import publish
from paas.git.quarantine import Quarantine
from paas.git.repository import CommitInfo, repository_of
from paas.jobs.context import Context
from paas.jobs.jobs import Job
from paas.releases.deploy import Commit, deploy
from paas.system.reserve import Reserve

_log = logging.getLogger(__name__)


def land(ctx: Context, app: App, quarantine: Quarantine, update: RefUpdate, *, chosen: bool = False) -> str | None:
    """Move the branch to the commit that serves now. Return why git refused it, or None.

    The first branch that lands is the deploy branch from then on; one that was ``chosen`` replaces it.
    """
    # A branch that can't move would leave a release that no commit belongs to.
    ctx.part(Reserve).spend()
    refused = quarantine.accept([update])[update.ref]
    if refused is None:
        _follow(ctx, app, update.ref.removeprefix(HEADS), chosen=chosen)
    return refused


def finish(ctx: Context, deployment: Deployment, update: RefUpdate) -> None:
    """Move the branch of a release that was recorded a moment before a crash: the deploy has succeeded, then."""
    app = ctx.store.apps.by_id(deployment.app_id)
    repository = repository_of(ctx, app)
    try:
        if repository.resolve(update.ref) != update.new:
            repository.move(update)
    except PaasError as error:
        _log.error("%s: %s could not be moved: %s (%s)", app.name, update.ref, error.what, error.why)
        return
    _follow(ctx, app, update.ref.removeprefix(HEADS))
    ctx.store.deployments.finish(deployment.id, DeploymentStatus.SUCCEEDED, ctx.clock.now())


def _follow(ctx: Context, app: App, branch: str, *, chosen: bool = False) -> None:
    """Record the deploy branch, which is what a clone checks out. Under the app's lock, as it locks HEAD."""
    properties = ctx.store.properties.of(app)
    own = properties.own.get(("git", "deploy-branch"))
    if own == branch or (own is not None and not chosen):
        return
    if chosen or not properties.text("git", "deploy-branch"):
        ctx.store.properties.set(app, "git", "deploy-branch", branch)
    repository_of(ctx, app).set_head(branch)


def deploy_first(ctx: Context, job: Job, commit: Commit) -> None:
    """Deploy a commit that is on no branch yet."""
    try:
        deploy(ctx, job.app, job, commit)
    except PaasError:
        if job.app.version is None:
            # The push may have made the app: its address tells that nothing is deployed yet.
            publish.refresh(ctx, job.app)
        raise


def head(ctx: Context, app: App) -> CommitInfo | None:
    """Return the newest commit of the deploy branch, None if nothing was pushed to it."""
    branch = ctx.store.properties.of(app).text("git", "deploy-branch")
    repository = repository_of(ctx, app)
    commit = repository.resolve(HEADS + branch) if branch else None
    return repository.commit_info(commit) if commit else None


def rebuild(ctx: Context, app: App) -> None:
    """Build and release the newest commit of the deploy branch again."""
    commit = head(ctx, app)
    if commit is None:
        raise PaasError(
            f"nothing to build: {app.name} has no commit on its deploy branch",
            fix="Push it first: git push.",
            code="nothing-to-build",
        )
    source = Commit(commit.sha, ctx.caller.name, "ps:rebuild")
    change(ctx, app, "rebuild", "ps:rebuild", lambda job: deploy(ctx, job.app, job, source))
