"""Maintenance of repositories."""

from __future__ import annotations

import logging

from paas.core.errors import PaasError
from paas.git.repository import repository_of
from paas.jobs.context import Context

_log = logging.getLogger(__name__)

TIDY_SECONDS = 60.0
TIDY_AGAIN_SECONDS = 86_400.0


class RepositoryTidier:
    """Job that joins the packs of repositories with many pushes.

    A repository where that fails, perhaps after minutes and with a full disk, is skipped for a while, so that it does
    not delay others.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._put_off: dict[int, float] = {}

    def tick(self) -> None:
        """Examine all repositories."""
        ctx = self._ctx
        for app in ctx.store.apps.all():
            if not ctx.paths.repository(app).exists() or ctx.clock.monotonic() < self._put_off.get(app.id, 0.0):
                continue
            try:
                repository_of(ctx, app).tidy(ctx.host.disk(ctx.paths.root).free)
            except PaasError as error:
                _log.error("the repository of %s could not be tidied: %s", app.name, error.what)
                self._put_off[app.id] = ctx.clock.monotonic() + TIDY_AGAIN_SECONDS
