"""Views of cron entries and their runs."""

from __future__ import annotations

from dataclasses import dataclass

from paas.core.cron import calendar
from paas.core.errors import NotFound
from paas.core.model import App
from paas.core.runs import oneoff
from paas.core.runs.oneoff import Run, RunStatus
from paas.core.times import timestamp
from paas.cron import ticker
from paas.jobs.context import Context
from paas.jobs.feature import Facts


@dataclass(frozen=True)
class CronInfo:
    """Row of ``cron:list``; ``last`` is state and time of its last run."""

    app: str
    id: str
    schedule: str
    timezone: str
    concurrency: str
    state: str
    next: str
    last: str
    command: str


def infos(ctx: Context, app: App | None) -> list[CronInfo]:
    """Return the entries of the app, or of all apps."""
    return [_info(ctx, one) for one in ticker.scheduled(ctx, app)]


def _info(ctx: Context, one: ticker.Scheduled) -> CronInfo:
    state = ticker.paused(ctx, one) or "active"
    following = calendar.following(one.entry.schedule, one.zone, ctx.clock.now()) if state == "active" else None
    last = next(iter(ctx.store.runs.all(one.app, kind=oneoff.CRON, entry=one.entry.id, limit=1)), None)
    return CronInfo(
        app=one.app.name,
        id=one.entry.id,
        schedule=one.entry.schedule,
        timezone=one.zone,
        concurrency=one.entry.overlap.value,
        state=state,
        next=timestamp(following) if following is not None else "",
        last=f"{last.status.value} {timestamp(last.started_at)}" if last else "",
        command=one.entry.command,
    )


@dataclass(frozen=True)
class CronRun:
    """Row of ``cron:history``: a run, or a skipped or missed one; ``count`` is the number of missed runs."""

    number: int
    id: str
    state: str
    exit: int | None
    release: str
    by: str
    started: str
    finished: str
    count: int
    note: str
    command: str


def history(ctx: Context, app: App, entry_id: str, limit: int) -> list[CronRun]:
    """Return the runs of the entry, or of all entries of the app for an empty id, newest first."""
    return [_past(run) for run in ctx.store.runs.all(app, kind=oneoff.CRON, entry=entry_id, limit=limit)]


def _past(run: Run) -> CronRun:
    finished = timestamp(run.finished_at) if run.finished_at is not None else ""
    return CronRun(
        run.number, run.entry, run.status.value, run.exit_code, f"v{run.version}", run.actor,
        timestamp(run.started_at), finished, run.count, run.note, run.command,
    )  # fmt: skip


def find_run(ctx: Context, app: App, name: str) -> Run:
    """Return the run with that number, or the last run of the entry with that id."""
    if name.isdecimal():
        return ctx.store.runs.get(app, int(name))
    for run in ctx.store.runs.all(app, kind=oneoff.CRON, entry=name):
        if run.status not in (RunStatus.MISSED, RunStatus.SKIPPED):
            return run
    ticker.find(ctx, app, name)
    raise NotFound(f"the cron entry {name} has not run yet", fix=f"Run it: 'cron:run {app.name} {name}'.")


def facts(ctx: Context, app: App) -> Facts:
    """Return the number of entries, and state, schedule and command of each."""
    rows = {"tasks": str(sum(1 for _ in ticker.scheduled(ctx, app)))}
    for one in infos(ctx, app):
        rows[f"task-{one.id}"] = f"{one.state}: {one.schedule} ({one.timezone}) {one.command}"
    return rows
