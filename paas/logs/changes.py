"""Log sources of an app's events, and of its deployments."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from paas.core.errors import PaasError
from paas.core.jobs.log import job_lines
from paas.core.logs import query
from paas.core.logs.line import LogLine
from paas.core.logs.mark import Read
from paas.core.model import App
from paas.jobs.context import Context
from paas.jobs.log import times_of

JOB = "job-"


def is_job(key: str) -> bool:
    """Return True if the key is that of one deployment's log."""
    return key.startswith(JOB)


class EventSource:
    """Source of the platform's events for an app."""

    key = "events"
    span: tuple[str, str] | None = None

    def __init__(self, ctx: Context, app: App, after: int | None = None) -> None:
        self._events = ctx.store.events
        self._app = app
        self.event = self._events.newest() if after is None else after
        self._added = -1

    def backward(self) -> Iterator[LogLine]:
        return self._events.backward(self._app)

    def forward(self, since: str) -> Iterator[LogLine]:
        lines = [line for line in self._events.backward(self._app) if line.time >= since]
        return reversed(lines)

    def resume(self, since: str) -> None:
        """Do nothing: events are read by number, not by time."""

    def rewind(self, since: str) -> None:
        """Make `read` begin with the first event at that time or later."""
        self.event = self._events.before(self._app, since, self.event)

    def read(self) -> list[LogLine]:
        added = self._events.added
        if added == self._added:
            return []
        rows = self._events.after(self._app, self.event)
        if rows:
            self.event = rows[-1][0]
        else:
            self._added = added
        return [line for _, line in rows]

    def rest(self) -> list[LogLine]:
        return []

    def close(self) -> None:
        """Do nothing: it holds no resources."""


class JobSource:
    """Source of the logs of an app's deployments."""

    key = "jobs"
    span: tuple[str, str] | None = None

    def __init__(self, ctx: Context, app: App) -> None:
        self._ctx = ctx
        self._app = app
        self._read: dict[int, int] = {job.id: len(self.lines(job.id)) for job in ctx.jobs.of(app)}
        last = ctx.store.deployments.last(app)
        self._known = last.id if last else 0
        self._parts: list[tuple[int, int]] = []

    def lines(self, deployment_id: int) -> list[LogLine]:
        """Return the lines of that deployment; none if its log was deleted."""
        path = self._ctx.jobs.log_path(deployment_id)
        try:
            it = self._ctx.store.deployments.get(deployment_id)
            text, times = path.read_bytes(), times_of(path).read_text("ascii")
        except (OSError, PaasError):
            # Logs of deployments are deleted after a while.
            return []
        return job_lines(text, times, it, self._app.name)

    def backward(self) -> Iterator[LogLine]:
        for it in self._ctx.store.deployments.all(self._app):
            yield from reversed(self.lines(it.id))

    def forward(self, since: str) -> Iterator[LogLine]:
        for it in reversed(self._ctx.store.deployments.all(self._app)):
            yield from (line for line in self.lines(it.id) if line.time >= since)

    def resume(self, since: str) -> None:
        """Do nothing: drains don't send these lines."""

    def rewind(self, since: str) -> None:
        """Make `read` begin with the logs of all deployments that ran at that time or later."""
        self._read = dict.fromkeys(self._since(since), 0)

    def mark(self, since: str) -> dict[str, Read]:
        """Return what was read from that time on, by the key of each deployment's log."""
        found: dict[str, Read] = {}
        for number in self._since(since):
            # Of a running deployment, the lines that existed when this source was opened.
            for line in self.lines(number)[: self._read.get(number)]:
                if line.time >= since:
                    found[f"{JOB}{number}"] = found.get(f"{JOB}{number}", Read()).plus(line.time)
        return found

    def _since(self, since: str) -> list[int]:
        moment = query.seconds(since)
        recent = self._ctx.store.deployments.all(self._app)
        return [it.id for it in recent if it.finished_at is None or it.finished_at >= moment]

    def apart(self, lines: list[LogLine]) -> list[tuple[str, list[LogLine]]]:
        """Split the lines that `read` just returned by deployment; return each log's key and lines."""
        parts, rest = [], iter(lines)
        for number, count in self._parts:
            parts.append((f"{JOB}{number}", list(islice(rest, count))))
        return parts

    def read(self) -> list[LogLine]:
        new = [it.id for it in self._ctx.store.deployments.all(self._app, limit=20) if it.id > self._known]
        self._known = max([self._known, *new])
        self._read |= {number: 0 for number in new}
        found: list[LogLine] = []
        self._parts = []
        for number, shown in list(self._read.items()):
            over = self._ctx.jobs.find(number) is None
            lines = self.lines(number)
            found += lines[shown:]
            self._parts.append((number, len(lines[shown:])))
            self._read[number] = len(lines)
            if over:
                del self._read[number]
        return found

    def rest(self) -> list[LogLine]:
        return []

    def close(self) -> None:
        """Do nothing: it holds no resources."""
