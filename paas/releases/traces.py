"""Looking at where the time of a change went."""

from __future__ import annotations

from dataclasses import dataclass

from paas.core.errors import NotFound
from paas.core.jobs.trace import Span
from paas.core.model import App, Deployment
from paas.jobs.context import Context


@dataclass(frozen=True)
class Trace:
    """A change that is over, with its spans."""

    deployment: Deployment
    spans: list[Span]


def find(ctx: Context, app: App, number: int | None) -> Trace:
    """Return the trace of the app's deployment of that number, or else of its newest finished one. Raise `NotFound`."""
    chosen = ctx.store.traces.newest(app) if number is None else number
    if chosen is None:
        raise NotFound(f"{app.name} has not been deployed yet", fix="Push to it.", code="no-trace")
    spans = ctx.store.traces.get(chosen)
    deployment = ctx.store.deployments.get(chosen)
    if deployment.app_id != app.id or not spans:
        raise NotFound(
            f"there is no trace of build {chosen} of {app.name}",
            why=f"The traces of an app's last {ctx.settings.value('keep-job-logs')} deployments are kept.",
            fix=f"'builds:list {app.name}' lists them.",
            code="no-trace",
        )
    return Trace(deployment, spans)
