"""Fetching from another git server, and deploying what came."""

from __future__ import annotations

import enum

from paas.access import remote_credentials
from paas.apps.changes import change
from paas.core.access.remote_credentials import Fetched
from paas.core.git.push import HEADS
from paas.core.git.url import Remote
from paas.core.jobs.journal import Step
from paas.core.model import App
from paas.core.sources.origin import SYNC, Origin
from paas.git.quarantine import Quarantine
from paas.git.remotes import Remotes
from paas.git.repository import repository_of
from paas.jobs.context import Context
from paas.jobs.jobs import Job
from paas.releases.deploy import Commit
from paas.sources.imports import branch_of, land, was_released


class When(enum.Enum):
    """When what was fetched is deployed."""

    NEVER = "never"
    CHANGED = "changed"
    ALWAYS = "always"


def sync(ctx: Context, app: App, remote: Remote, ref: str, when: When, *, keep_branch: bool) -> None:
    """Fetch the ref, and make it the content of the deploy branch; with ``keep_branch`` that branch keeps its name."""
    means = remote_credentials.means(ctx, remote)
    cause = f"git:sync {remote.url}" + (f"#{ref}" if ref else "")

    def work(job: Job) -> None:
        repository = repository_of(ctx, job.app)
        wanted = ref or ctx.store.properties.of(job.app).text("git", "deploy-branch")
        job.out.step(f"Fetching {wanted or 'the main branch'} from {remote.url}")
        with Quarantine(repository) as quarantine:
            with job.step(Step.FETCH, "Fetched"):
                found = ctx.part(Remotes).fetch(quarantine, remote, wanted, means, job.cancelled)
            branch = _branch(ctx, job.app, found, keep_branch)
            deploys = _deploys(ctx, job, found, when, branch)
            commit = Commit(found.commit, ctx.caller.name, cause, quarantine)
            land(ctx, job, commit, branch, Origin(SYNC, f"{remote.url}#{wanted or found.branch}"), build=deploys)

    change(ctx, app, "sync", cause, work)


def _branch(ctx: Context, app: App, found: Fetched, keep: bool) -> str:
    configured = ctx.store.properties.of(app).text("git", "deploy-branch")
    return branch_of(ctx, app) if not found.branch or (keep and configured) else found.branch


def _deploys(ctx: Context, job: Job, found: Fetched, when: When, branch: str) -> bool:
    name = found.commit[:10]
    if when is When.NEVER:
        job.out.step(f"{branch} is now {name}. It is not deployed ('ps:rebuild {job.app.name}' does that)")
    elif when is When.CHANGED and was_released(ctx, job.app, found.commit):
        before = repository_of(ctx, job.app).resolve(HEADS + branch)
        job.out.step(f"No changes: {name} has been deployed" + ("" if before == found.commit else " before"))
    else:
        return True
    return False
