"""Facts about an app that reports show beside its properties."""

from __future__ import annotations

from paas.apps import locks, processes
from paas.core.model import App
from paas.core.times import timestamp
from paas.health.liveness_state import LivenessState
from paas.jobs.context import Context
from paas.jobs.feature import Facts


def of_app(ctx: Context, app: App) -> Facts:
    """Return the app's creator and the source of its code."""
    current = ctx.store.releases.current(app)
    origin = ctx.store.sources.of(app, current.commit) if current else None
    return {
        "created-at": timestamp(app.created_at),
        "created-by": app.created_by,
        "locked": str(locks.current(ctx, app) is not None).lower(),
        "deploy-source": origin.kind if origin else "",
        "deploy-source-metadata": origin.detail if origin else "",
        "dir": str(ctx.paths.app(app)),
    }


def of_processes(ctx: Context, app: App) -> Facts:
    """Return the state of the app's containers."""
    rows = processes.statuses(ctx, app)
    states = {row.state for row in rows if row.state != "retiring"}
    running = "true" if states == {"running"} else "mixed" if "running" in states else "false"
    facts = {
        "deployed": str(app.version is not None).lower(),
        "running": running,
        "stopped": str(app.stopped).lower(),
        "processes": str(len(rows)),
        "release": f"v{app.version}" if app.version else "",
    }
    for row in rows:
        name = row.process.replace(".", "-")
        facts[f"status-{name}"] = f"{row.state} (CID: {row.container})" if row.container else row.state
        if row.restarts:
            facts[f"restarts-{name}"] = str(row.restarts)
    for label, text in ctx.part(LivenessState).report(app, ctx.clock.monotonic()).items():
        facts[f"liveness-{label.replace('.', '-')}"] = text
    for (app_id, label), why in ctx.part(LivenessState).stalled.items():
        if app_id == app.id:
            facts[f"stalled-{label.replace('.', '-')}"] = why
    return facts
