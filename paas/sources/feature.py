"""The feature of sources: pushes, other servers, archives, images."""

from __future__ import annotations

from paas.core import values as kinds
from paas.core.model import App
from paas.core.properties import Property, Scope
from paas.core.times import timestamp
from paas.git.repository import repository_of
from paas.jobs.context import Context
from paas.jobs.feature import Facts, Feature
from paas.releases import landing
from paas.sources.commands import git, images, sources


def _facts(ctx: Context, app: App) -> Facts:
    current = ctx.store.releases.current(app)
    info = landing.head(ctx, app)
    return {
        "sha": current.commit if current else "",
        "head": info.sha if info else "",
        "last-updated-at": timestamp(info.time) if info else "",
        "subject": info.subject if info else "",
    }


def _changed(ctx: Context, app: App | None, row: Property) -> None:
    if row is DEPLOY_BRANCH and app is not None:
        branch = ctx.store.properties.of(app).own.get((row.namespace, row.key))
        if branch:
            # A clone checks out what deploys.
            repository_of(ctx, app).set_head(branch)


def _copy(ctx: Context, app: App, copy: App) -> None:
    ctx.store.sources.copy(app, copy)


DEPLOY_BRANCH = Property(
    "git", "deploy-branch", kinds.BRANCH, "",
    "the branch that deploys when pushed; empty until main or master is pushed first",
)

PROPERTIES = (
    Property("git", "archive-max-files", kinds.integer(1, 1_000_000), "10000",
             "how many entries an archive may have", scope=Scope.GLOBAL),
    Property("git", "archive-max-ratio", kinds.integer(2, 10_000), "200",
             "how many times its own size an archive of more than 10 MiB may unpack to", scope=Scope.GLOBAL),
    Property("git", "archive-max-size", kinds.size("1k", "1t"), "1g",
             "how large an archive may be, packed or unpacked", scope=Scope.GLOBAL),
    DEPLOY_BRANCH,
    Property("git", "rev-env-var", kinds.VARIABLE, "GIT_REV", "the variable that holds the deployed commit"),
)  # fmt: skip

FEATURE = Feature(
    "sources",
    commands=(git, images, sources),
    properties=PROPERTIES,
    changes=("push", "sync", "archive", "image"),
    facts={"git": _facts},
    changed=_changed,
    copied=_copy,
)
