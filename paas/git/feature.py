"""Repositories."""

from __future__ import annotations

from paas.core.model import App
from paas.git.remotes import Remotes
from paas.git.repository import repository_of
from paas.git.tidying import TIDY_SECONDS, RepositoryTidier
from paas.jobs.context import Context
from paas.jobs.feature import Feature, Part
from paas.jobs.loop import Loop


def _copy(ctx: Context, app: App, copy: App) -> None:
    repository_of(ctx, app).copy_to(ctx.paths.repository(copy))


def _recover(ctx: Context) -> None:
    for app in ctx.store.apps.all():
        if ctx.paths.repository(app).exists():
            repository_of(ctx, app).recover()


FEATURE = Feature(
    "git",
    parts=(Part(Remotes, lambda ctx: Remotes(ctx.paths.work)),),
    started=_recover,
    loops=lambda ctx: [
        Loop("tidying repositories", RepositoryTidier(ctx).tick, ctx.clock, TIDY_SECONDS, later=True),
    ],
    copied=_copy,
)
