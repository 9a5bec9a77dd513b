"""Show an app's log and follow it: one stream of all sources, in the order of time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice, takewhile

from paas.core.errors import Disconnected
from paas.core.logs import query as logquery
from paas.core.logs.line import CRON, RUN, LogLine, Style
from paas.core.logs.query import LATEST, Query
from paas.core.model import App, Deployment, DeploymentStatus
from paas.health import checks
from paas.jobs.context import Context
from paas.logs import follow as logfollow
from paas.logs import sources as logsources
from paas.logs.changes import JobSource
from paas.logs.sources import LogSource
from paas.releases import phases

WRITE_BYTES = 1 << 18
FAILED_LINES = 100
KEPT_BYTES = 16 << 20
LINE_BYTES = 250
"""Memory that a line takes in addition to its text."""


@dataclass(frozen=True)
class Failed:
    """Last failed deployment. ``silent`` is true if its containers, if any, wrote nothing."""

    deployment: Deployment
    silent: bool


def writers(ctx: Context, app: App) -> set[str]:
    """Return the process types that write to the app's log, or have archived logs."""
    kept = {log.process.partition(".")[0] for log in ctx.store.kept_logs.of(app)}
    return {*checks.types(ctx, app), *kept, phases.TYPE, RUN, CRON}


def show(ctx: Context, app: App, query: Query, lines: int | None, style: Style) -> None:
    """Write the last ``lines`` that match the query, or all for None."""
    sources = logsources.all_of(ctx, app, query)
    try:
        if ctx.out.marks:
            ctx.out.reached(logfollow.mark_of(ctx, sources).text)
        _write(ctx, _found(sources, query, lines), style)
    finally:
        _close(sources)


def _found(sources: list[LogSource], query: Query, lines: int | None) -> Iterable[LogLine]:
    """Return matching lines in the order of time. Other lines are not kept in memory."""
    if lines is None:
        found = logsources.in_order(sources, query.since)
        return _until(filter(query.accepts, found), query)
    newest: Iterator[LogLine] = logsources.newest_first(sources)
    if query.since:
        newest = _since(newest, query)
    return _last(sources, filter(query.accepts, newest), query, lines)


def _last(sources: list[LogSource], newest: Iterator[LogLine], query: Query, count: int) -> Iterable[LogLine]:
    """Return the last ``count`` lines in the order of time.

    If they are too large for memory, count backwards first, then read forward from the first of them.
    """
    kept, size = [], 0
    for line in islice(newest, count):
        kept.append(line)
        size += len(line.text) + LINE_BYTES
        if size > KEPT_BYTES:
            break
    else:
        kept.reverse()
        return kept
    kept, left = kept[-1:], count - len(kept)
    first = deque(chain(kept, islice(newest, left)), 1)[0].time
    # Lines with the same time that come before the last ``count``.
    others = sum(1 for _ in takewhile(lambda line: line.time == first, newest))
    found = (line for line in logsources.in_order(sources, first) if line.time >= first)
    return _until(islice(filter(query.accepts, found), others, None), query)


def _since(newest: Iterator[LogLine], query: Query) -> Iterator[LogLine]:
    for line in newest:
        if line.time < query.since:
            return
        yield line


def _until(lines: Iterator[LogLine], query: Query) -> Iterator[LogLine]:
    return lines if query.until == LATEST else (line for line in lines if line.time <= query.until)


def _write(ctx: Context, lines: Iterable[LogLine], style: Style) -> None:
    batch, size = [], 0
    shown: Callable[[LogLine], bytes] = style.show
    for line in lines:
        data = shown(line)
        batch.append(data)
        size += len(data)
        if size > WRITE_BYTES:
            ctx.out.result(b"".join(batch))
            batch, size = [], 0
            if ctx.gone.is_set():
                raise Disconnected
    if batch:
        ctx.out.result(b"".join(batch))


def _close(sources: list[LogSource]) -> None:
    for source in sources:
        source.close()


def follow(ctx: Context, app: App, query: Query, lines: int | None, style: Style) -> None:
    """Write the last lines, then new ones, also of later releases, until the client disconnects.

    A slow client does not delay others: unread lines stay in the files.
    """
    logfollow.follow(
        ctx,
        app,
        query,
        style,
        begin=lambda sources: _write(ctx, _found(sources, query, lines), style),
        write=lambda found: _write(ctx, found, style),
    )


def failed(ctx: Context, app: App, style: Style) -> Failed | None:
    """Write the output of the containers of the app's last failed deployment. Return that deployment, or None.

    If they wrote nothing, usually the build or the release phase failed: then write the deployment's last own lines.
    """
    tried = ctx.store.deployments.all(app, status=DeploymentStatus.FAILED.value)
    # A deployment refused before its first step, such as for an unknown process type, is ignored.
    it = next((one for one in tried if ctx.store.deployments.steps(one.id)), None)
    if it is None:
        return None
    started = logquery.rfc3339(it.started_at)
    ended = logquery.rfc3339((it.finished_at or it.started_at) + 1.0)
    rows = [
        row for row in ctx.store.kept_logs.of(app)
        if row.release == (it.version or app.version) and started <= row.started <= ended
    ]  # fmt: skip
    sources = [logsources.of_kept(ctx, row, app) for row in rows]
    try:
        lines = logsources.in_order(sources, "")
        first = next(lines, None)
        if first is None:
            _write(ctx, JobSource(ctx, app).lines(it.id)[-FAILED_LINES:], style)
        else:
            _write(ctx, chain([first], lines), style)
    finally:
        _close(sources)
    return Failed(it, first is None)
