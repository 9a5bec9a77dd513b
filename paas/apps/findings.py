"""Findings of `doctor` about locks and deployments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from paas.apps import locks as app_locks
from paas.core.model import App
from paas.core.server import doctor
from paas.core.server.doctor import Finding
from paas.jobs.context import Context


def locks(ctx: Context, apps: Sequence[App]) -> Iterator[Finding]:
    """Yield locks that are old, and deployments that take too long."""
    now = ctx.clock.now()
    for app in apps:
        yield from doctor.locks(app.name, app_locks.current(ctx, app), now)
        running = {job.who: ctx.store.deployments.get(job.id).started_at for job in ctx.jobs.of(app)}
        yield from doctor.overdue(running, ctx.settings.value("build-timeout") + 3600, now)
