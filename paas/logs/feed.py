"""Feed of new log lines of an app, across deploys and restarts. Each follower has its own."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

from paas.core.errors import DockerError
from paas.core.logs import line as logline
from paas.core.logs.drain import LogPosition, Resume
from paas.core.logs.line import PLATFORM, ROUTER, LogLine
from paas.core.logs.mark import KEY, Mark, Skip
from paas.core.logs.query import Query
from paas.core.model import App, Container
from paas.jobs.context import Context
from paas.logs import sources as logsources
from paas.logs.changes import EventSource, JobSource, is_job
from paas.logs.container_log import EngineSource
from paas.logs.sources import BY_TIME, LogSource

Keyed = tuple[str, LogLine]
"""Key of a log, and a line of it."""

RETRY_SECONDS = 1.0
LOOK_SECONDS = 10.0
"""Interval at which containers are listed even without a change."""


class Feed:
    """Feed of the new lines of one app. `read` never waits; unread lines stay in their files.

    ``sources`` have been read up to now. New containers are read from their beginning, removed ones to their end.
    ``places`` are the positions reached before a restart, see `drain.LogPosition`; archived logs without a position
    that ended before ``settled`` were read completely. With ``mark``, everything after it is read.
    """

    def __init__(
        self,
        ctx: Context,
        app: App,
        query: Query,
        sources: list[LogSource] | None = None,
        *,
        places: Mapping[str, str] | None = None,
        floor: str = "",
        settled: str = "",
        mark: Mark | None = None,
        listing: Callable[[App], list[Container]] | None = None,
    ) -> None:
        self._ctx = ctx
        self._app = app
        self._query = query
        self._floor = floor
        self._settled = settled
        self._listing = listing or ctx.schedulers.of(app).containers
        read = {key: place for key, text in (places or {}).items() if (place := LogPosition(text)).text}
        self._places = read
        self._mark = mark
        self._resumes: dict[str, Resume | Skip] = {key: Resume(place.text) for key, place in read.items()}
        self._sources = {source.key: source for source in sources or ()}
        self._over: set[str] = set()
        self._seen = -1
        self._looked = 0.0
        self._retries: dict[str, float] = {}
        self._there: set[str] = set()
        self._kept: dict[str, str] | None = None
        self._standing = {"events", "jobs", f"{ROUTER}-{app.id}"}

    def places(self, settled: str) -> dict[str, str]:
        """Return the position in each log.

        Logs that no longer exist are left out, and so are those read to their end that ended before ``settled``.
        """
        # As of the last look: this runs several times a second for every app and must not query the database.
        kept = self._kept
        known = set(self._places) if kept is None else self._there | kept.keys() | self._standing - {"events"}
        known -= {key for key in self._over if kept and kept.get(key, settled) < settled}
        return {key: place.text for key, place in self._places.items() if place.text and key in known}

    @property
    def event(self) -> int:
        """Number of the last event that was read, 0 without events."""
        found = self._sources.get("events")
        return found.event if isinstance(found, EventSource) else 0

    def read(self) -> list[LogLine]:
        """Return the new lines that match the query, in the order of time; none if there are none yet."""
        self._look()
        found: list[LogLine] = []
        for key, source in list(self._sources.items()):
            lines = source.read()
            found += self._taken(key, lines or self._at_end(key, source))
        found.sort(key=BY_TIME)
        accepts = self._query.accepts
        return [line for line in found if accepts(line)]

    def read_keyed(self) -> list[Keyed]:
        """Return all new lines with the keys of their logs, also those that don't match the query.

        They are roughly in the order of time; lines of one log are in its own order.
        """
        self._look()
        found: list[list[Keyed]] = []
        for key, source in list(self._sources.items()):
            lines = source.read()
            if isinstance(source, JobSource):
                found += [[(own, line) for line in self._taken(own, part)] for own, part in source.apart(lines)]
            else:
                found.append([(key, line) for line in self._taken(key, lines or self._at_end(key, source))])
        return list(heapq.merge(*found, key=lambda keyed: keyed[1].time))

    def missing(self, found: list[Keyed]) -> list[Keyed]:
        """Return a line that reports a gap if a log named in the mark is gone; else nothing.

        ``found`` are the first lines that were read.
        """
        there = {key[:KEY] for key in (*self._sources, *self._over)}
        gone = [key for key in (self._mark.read if self._mark else ()) if key not in there and not is_job(key)]
        if not gone or self._mark is None or self._kept is None:
            return []
        newest = max(self._mark.read[key].newest for key in gone)
        return [(gone[0], LogLine(newest, PLATFORM, PLATFORM, logline.GAP, 0, self._app.name))]

    def _taken(self, key: str, lines: list[LogLine]) -> list[LogLine]:
        resume = self._resumes.get(key)
        if resume is None and self._mark is not None and is_job(key):
            resume = self._resumes[key] = self._mark.skip(key)
        if resume is not None:
            lines = [line for line in lines if resume.takes(line)]
        if lines:
            place = self._places.setdefault(key, LogPosition())
            for line in lines:
                place.seen(line)
        if isinstance(resume, Skip) and resume.gap in lines and resume.gap is not None:
            at, gap = lines.index(resume.gap), resume.gap._replace(source=PLATFORM, text=logline.GAP)
            lines, resume.gap = [*lines[:at], gap, *lines[at:]], None
        return lines

    def _at_end(self, key: str, source: LogSource) -> list[LogLine]:
        """Handle a log without new lines: drop it if its container is gone, attach again if it runs.

        Return the unfinished last line, if any.
        """
        streamed = isinstance(source, EngineSource)
        if key in self._standing or (isinstance(source, EngineSource) and not source.ended()):
            return []
        went = key not in self._there and source.span is None
        row = self._ctx.store.kept_logs.find(key) if streamed or went else None
        if row is not None and (streamed or row.last > self._read_to(key)):
            # Docker may have ended the stream, or rotated and removed the files, before the last lines were read.
            self._replace(source, logsources.of_kept(self._ctx, row, self._app))
        elif key not in self._there:
            source.close()
            del self._sources[key]
            self._over.add(key)
            return source.rest()
        elif streamed:
            self._again(key, source)
        return []

    def _read_to(self, key: str) -> str:
        place = self._places.get(key)
        return place.text if place else self._floor

    def _again(self, key: str, source: LogSource) -> None:
        """Attach again: Docker ends the stream when the process ends, but may restart it."""
        now = self._ctx.clock.monotonic()
        if now < self._retries.get(key, now):
            return
        self._retries[key] = now + RETRY_SECONDS
        with suppress(DockerError):
            found = self._ctx.schedulers.of(self._app).inspect(key)
            if found is not None:
                self._replace(source, logsources.of_container(self._ctx, found, self._app))

    def _replace(self, old: LogSource, new: LogSource) -> None:
        old.close()
        place = self._places.get(old.key)
        if place is None and self._mark is not None:
            self._from_place(new)
            self._sources[old.key] = new
            return
        shown = old.shown if isinstance(old, EngineSource) else ""
        text = place.text if place else f"{shown}#1" if shown else f"{self._floor}#0" if self._floor else ""
        self._resumes[old.key] = Resume(text)
        new.resume(text.partition("#")[0])
        self._sources[old.key] = new

    def _look(self) -> None:
        """Open logs of new containers and runs."""
        count, now = self._ctx.changed.count(), self._ctx.clock.monotonic()
        if count == self._seen and now < self._looked + LOOK_SECONDS:
            return
        wants = self._query.wants_log
        try:
            listed = self._listing(self._app)
        except DockerError:
            # Docker may be restarting; the files can be read meanwhile.
            self._seen, self._looked = count, now - LOOK_SECONDS + RETRY_SECONDS
            return
        self._seen, self._looked = count, now
        there = [found for found in listed if wants(found.label, found.release, "", self._query.until)]
        runs = logsources.runs(self._ctx, self._app, self._query)
        self._there = {found.id for found in there} | {live.container_id for live in runs}
        new = self._there - self._sources.keys()
        for found in there:
            self._begin(found.id, partial(logsources.of_container, self._ctx, found, self._app))
        for live in runs:
            self._begin(live.container_id, partial(logsources.of_run, self._ctx, live))
        # Queried after opening those: the log of a container removed meanwhile is archived by now.
        rows = self._ctx.store.kept_logs.of(self._app)
        for row in rows:
            if row.container in new and row.container in self._sources:
                self._sources.pop(row.container).close()
                self._there.discard(row.container)
            fresh = row.last >= self._settled or row.container in self._places
            if fresh and row.last >= self._floor and wants(row.process, row.release, row.first, row.last):
                self._begin(row.container, partial(logsources.of_kept, self._ctx, row, self._app))
        self._kept = {row.container: row.last for row in rows}
        self._forget({found.id for found in listed} | self._kept.keys())

    def _forget(self, known: set[str]) -> None:
        """Forget ended logs that no longer exist; otherwise a drain would remember every cron run."""
        gone = self._over - known - self._there
        self._over -= gone
        for key in gone:
            self._places.pop(key, None)
            self._resumes.pop(key, None)
            self._retries.pop(key, None)

    def _begin(self, key: str, make: Callable[[], LogSource]) -> None:
        if key in self._sources or key in self._over:
            return
        source = make()
        self._from_place(source)
        self._sources[key] = source

    def _from_place(self, source: LogSource) -> None:
        place = self._places.get(source.key)
        if place is None and self._mark is not None:
            source.resume(self._mark.since)
            self._resumes[source.key] = self._mark.skip(source.key)
            return
        source.resume(place.text.partition("#")[0] if place else self._floor)
        if place is None and self._floor:
            self._resumes[source.key] = Resume(f"{self._floor}#0")

    def add(self, source: LogSource) -> None:
        """Add a source; it is read from its position on, if it has one."""
        self._from_place(source)
        self._sources[source.key] = source

    def close(self) -> None:
        """Close all sources."""
        for source in self._sources.values():
            source.close()
