"""Log sources of one app: containers, archived logs, requests, deployments and events."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import islice
from operator import itemgetter
from typing import Protocol

from paas.core.logs import line as logline
from paas.core.logs.json_file import JsonLog
from paas.core.logs.line import BUILD, DEPLOY, PLATFORM, ROUTER, LogLine
from paas.core.logs.mark import KEY, LATE_SECONDS, Mark, Read, earlier
from paas.core.logs.query import LATEST, Query
from paas.core.logs.requests import AccessLog
from paas.core.model import App, Container
from paas.edge.errors import EdgeErrors
from paas.jobs.context import Context
from paas.logs import archive
from paas.logs.changes import EventSource, JobSource
from paas.logs.container_log import EngineSource, form_of, form_of_run
from paas.runs.active import Oneoffs
from paas.runs.requests import ActiveRun
from paas.store.logs import KeptLog
from paas.system.log_files import LogFiles
from paas.system.segments import Packed

BY_TIME = itemgetter(0)
SOURCE = itemgetter(1)


class LogSource(Protocol):
    """One log of an app. ``key`` identifies it: the id of a container, or ``router-APP``, ``events``, ``jobs``.

    ``span`` has the times of the first and last line if the log is complete, else None.
    """

    key: str
    span: tuple[str, str] | None

    def backward(self) -> Iterator[LogLine]:
        """Yield the existing lines, the newest first."""

    def forward(self, since: str) -> Iterator[LogLine]:
        """Yield the existing lines from about that time on."""

    def resume(self, since: str) -> None:
        """Make `read` begin at about that time, instead of at the end as of opening."""

    def read(self) -> list[LogLine]:
        """Return the next lines; none if there are none yet."""

    def rest(self) -> list[LogLine]:
        """Return the last line without a newline, once nothing more will be written."""

    def close(self) -> None:
        """Release its resources."""


class FileSource:
    """Log in files."""

    def __init__(self, key: str, files: LogFiles, span: tuple[str, str] | None = None) -> None:
        self.key = key
        self.span = span
        self._files = files
        self._overtaken = 0

    def backward(self) -> Iterator[LogLine]:
        return self._files.backward()

    def forward(self, since: str) -> Iterator[LogLine]:
        self._files.seek(since)
        while lines := self._files.read():
            yield from lines
        yield from self._files.rest()

    def resume(self, since: str) -> None:
        self._files.seek(since)

    def read(self) -> list[LogLine]:
        """Return the next lines. If the log was rotated away before it was read, a line reports the gap."""
        lines = self._files.read()
        if self._files.overtaken > self._overtaken and lines:
            self._overtaken = self._files.overtaken
            lines.insert(0, lines[0]._replace(source=PLATFORM, text=logline.GAP))
        return lines

    def rest(self) -> list[LogLine]:
        return self._files.rest()

    def close(self) -> None:
        self._files.close()


class KeptSource:
    """Packed log of a removed container."""

    def __init__(self, key: str, log: Packed, span: tuple[str, str]) -> None:
        self.key = key
        self.span: tuple[str, str] | None = span
        self._log = log
        self._rest: Iterator[LogLine] = iter(())

    def backward(self) -> Iterator[LogLine]:
        return self._log.backward()

    def forward(self, since: str) -> Iterator[LogLine]:
        return self._log.forward(since)

    def resume(self, since: str) -> None:
        self._rest = self._log.forward(since)

    def read(self) -> list[LogLine]:
        return list(islice(self._rest, 5000))

    def rest(self) -> list[LogLine]:
        return []

    def close(self) -> None:
        """Do nothing: it holds no resources."""


def of_container(ctx: Context, container: Container, app: App, query: Query | None = None) -> LogSource:
    """Return the log of an existing container."""
    return _live(ctx, container.id, form_of(container, app, query), app)


def of_run(ctx: Context, live: ActiveRun, query: Query | None = None) -> LogSource:
    """Return the log of an active run."""
    return _live(ctx, live.container_id, form_of_run(live.run, live.app, query), live.app)


def runs(ctx: Context, app: App, query: Query) -> list[ActiveRun]:
    """Return the app's active runs whose log matches the query. Output of attached runs goes to their client only.

    The log of a run that ends is archived before the run leaves this list.
    """
    active = ctx.part(Oneoffs).active(app)
    return [live for live in active if live.logged and query.wants_log(live.run.label, live.run.version, "", LATEST)]


def _live(ctx: Context, container_id: str, form: JsonLog, app: App) -> LogSource:
    scheduler = ctx.schedulers.of(app)
    current = scheduler.log_file(container_id)
    if current is not None:
        try:
            return FileSource(container_id, LogFiles(current, form))
        except OSError:
            # It vanished or is not readable: use the API.
            pass

    def kept() -> LogSource | None:
        row = ctx.store.kept_logs.find(container_id)
        return of_kept(ctx, row, app) if row else None

    return EngineSource(scheduler, ctx.clock.now(), container_id, form, kept)


def of_kept(ctx: Context, row: KeptLog, app: App, query: Query | None = None) -> LogSource:
    """Return the archived log of a removed container."""
    folder = ctx.paths.logs(app.id)
    form = archive.form_of(row, app.name, query.grep.anywhere if query and query.grep else None)
    if row.segments is None:
        files = LogFiles(archive.raw(folder, row.container), form)
        # It may have been packed since the row was read; its files are deleted after that is recorded.
        row = ctx.store.kept_logs.find(row.container) or row
        if row.segments is None:
            return FileSource(row.container, files, (row.first, row.last))
        files.close()
    packed = Packed(archive.packed(folder, row.container), row.segments, form)
    return KeptSource(row.container, packed, (row.first, row.last))


def router(ctx: Context, app: App | None) -> FileSource:
    """Return the log of requests to the app, or to all apps."""
    key = f"{ROUTER}-{app.id if app else 0}"
    form = AccessLog(app.name if app else "", app.id if app else 0, ctx.part(EdgeErrors).cause)
    return FileSource(key, LogFiles(ctx.paths.access_log, form))


def all_of(ctx: Context, app: App, query: Query) -> list[LogSource]:
    """Return every log of the app that may have matching lines."""
    found: list[LogSource] = []
    for container in ctx.schedulers.of(app).containers(app):
        if query.wants_log(container.label, container.release, "", LATEST):
            found.append(of_container(ctx, container, app, query))
    found += [of_run(ctx, live, query) for live in runs(ctx, app, query)]
    # Queried after opening those: the log of a container removed meanwhile is archived by now.
    rows = {row.container: row for row in ctx.store.kept_logs.of(app)}
    for source in [source for source in found if source.key in rows]:
        source.close()
        found.remove(source)
    for row in rows.values():
        if query.wants_log(row.process, row.release, row.first, row.last):
            found.append(of_kept(ctx, row, app, query))
    return [*found, *_standing(ctx, app, query)]


def _standing(ctx: Context, app: App, query: Query) -> list[FileSource | EventSource | JobSource]:
    """Return the logs that belong to no container."""
    found: list[FileSource | EventSource | JobSource] = []
    if query.wants_source(ROUTER) and not query.release and logline.matches(ROUTER, query.process):
        found.append(router(ctx, app))
    if query.wants_source(PLATFORM):
        found.append(EventSource(ctx, app))
    if query.wants_source(BUILD) or query.wants_source(DEPLOY):
        found.append(JobSource(ctx, app))
    return found


def standing(ctx: Context, app: App, query: Query, since: str) -> list[LogSource]:
    """Return the logs that belong to no container, to be read from that time on."""
    found = _standing(ctx, app, query)
    for source in found:
        if not isinstance(source, FileSource):
            source.rewind(since)
    return list(found)


def mark(sources: list[LogSource], since: str) -> Mark:
    """Return the mark of what the sources have from that time on, which must be recent."""
    read: dict[str, Read] = {}
    for source in sources:
        if isinstance(source, JobSource):
            read |= source.mark(since)
        elif source.span is None or source.span[1] >= since:
            found = _read_since(source, since)
            read |= {source.key[:KEY]: found} if found.count else {}
    return Mark(since, read)


def _read_since(source: LogSource, since: str) -> Read:
    # Lines of one log may be out of order by this much.
    earliest, found = earlier(since, LATE_SECONDS), Read()
    for line in source.backward():
        if line.time < earliest:
            break
        if line.source and line.time >= since:
            found = found.plus(line.time)
    return found


def newest_first(sources: list[LogSource]) -> Iterator[LogLine]:
    """Yield the lines of all sources, the newest first."""
    return filter(SOURCE, heapq.merge(*map(_backward, sources), key=BY_TIME, reverse=True))


def in_order(sources: list[LogSource], since: str) -> Iterator[LogLine]:
    """Yield the lines of all sources from that time on, in the order of time."""
    return filter(SOURCE, heapq.merge(*(_forward(source, since) for source in sources), key=BY_TIME))


def _backward(source: LogSource) -> Iterator[LogLine]:
    """Yield the source's lines after a marker without a source at the time of the last line.

    The marker lets a merge open each log only when it reaches its time.
    """
    if source.span is not None:
        yield LogLine(source.span[1], "", "", b"")
    yield from source.backward()


def _forward(source: LogSource, since: str) -> Iterator[LogLine]:
    if source.span is not None:
        yield LogLine(source.span[0], "", "", b"")
    yield from source.forward(since)


