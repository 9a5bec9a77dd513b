"""Log of a container through Docker's API, for when this process cannot read the log files."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Protocol

from paas.core.errors import DockerError, PaasError
from paas.core.logs import frames
from paas.core.logs import line as logline
from paas.core.logs import query as logquery
from paas.core.logs.gaps import Steps
from paas.core.logs.json_file import JsonLog
from paas.core.logs.line import LogLine
from paas.core.logs.query import Query
from paas.core.model import App, Container
from paas.core.runs.oneoff import Run
from paas.schedulers.base import ContainerLogs

FEW, MANY = 2_000, 50_000
BUFFER_BYTES = 4 << 20


def form_of(container: Container, app: App, query: Query | None = None) -> JsonLog:
    """Return the reader for the container's log."""
    source = logline.source_of(container.process_type)
    return JsonLog(source, container.label, container.release, app.name, _wanted(query))


def form_of_run(run: Run, app: App, query: Query | None = None) -> JsonLog:
    """Return the reader for the log of the run's container."""
    return JsonLog(run.kind, run.label, run.version, app.name, _wanted(query))


def _wanted(query: Query | None) -> Callable[[bytes], bool] | None:
    return query.grep.anywhere if query and query.grep else None


def _before(lines: list[bytes], oldest: bytes) -> list[bytes]:
    """Return the lines before ``oldest``, the oldest line returned so far; all lines if it is empty.

    If it is no longer in the log, none: earlier lines are gone, too.
    """
    if not oldest:
        return lines
    at = next((place for place in range(len(lines) - 1, -1, -1) if lines[place] == oldest), 0)
    return lines[:at]


class Readable(Protocol):
    """Archived log, read in place of the container's once that is gone."""

    def backward(self) -> Iterator[LogLine]: ...
    def forward(self, since: str) -> Iterator[LogLine]: ...


class EngineSource:
    """`LogSource` over the API of a scheduler, from ``now`` on.

    Following uses a thread and a bounded buffer, which applies back-pressure.
    """

    def __init__(
        self,
        scheduler: ContainerLogs,
        now: float,
        container_id: str,
        form: JsonLog,
        kept: Callable[[], Readable | None],
    ) -> None:
        self.key = container_id
        self.span: tuple[str, str] | None = None
        self._kept = kept
        self._scheduler = scheduler
        self._form = form
        self._since = now
        self._buffer: deque[LogLine] = deque()
        self._size = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._end: Callable[[], None] = lambda: None
        self._last = ""
        self._until = ""
        self._steps = Steps()
        self.gaps = 0
        """How often lines were lost, because Docker no longer had them."""

    def _line(self, raw: bytes) -> LogLine:
        time, _, text = raw.rstrip(b"\r\n").partition(b" ")
        return self._form.line(logline.fixed(time.decode("ascii", "replace")), text)

    def backward(self) -> Iterator[LogLine]:
        given, oldest = 0, b""
        for count in (FEW, MANY):
            try:
                lines = self._scheduler.logs(self.key, count)
            except DockerError:
                # Docker refuses while it removes the container.
                if self._kept() is None:
                    raise
                lines = []
            kept = None if lines else self._kept()
            if kept is not None:
                # The container was removed meanwhile.
                yield from islice(kept.backward(), given, None)
                return
            whole = frames.complete(lines, count)
            lines = self._as_before(lines)
            if not given and lines:
                self._last = self._line(lines[-1]).time
            # The first line may be the end of a long one; the next, larger read returns all of it.
            newest = _before(lines if whole else lines[1:], oldest)
            yield from map(self._line, reversed(newest))
            given += len(newest)
            oldest = newest[0] if newest else oldest
            if whole:
                return
        yield from map(self._line, reversed(_before(self._newest(), oldest)))

    def _as_before(self, lines: list[bytes]) -> list[bytes]:
        """Return the lines without those written since the first backward read."""
        if not self._until:
            self._until = self._line(lines[-1]).time if lines else logquery.rfc3339(self._since)
        while lines and self._line(lines[-1]).time > self._until:
            lines = lines[:-1]
        return lines

    def _newest(self) -> list[bytes]:
        with self._scheduler.read_log(self.key, 0.0) as lines:
            return frames.newest(lines, frames.MOST_BYTES)

    def forward(self, since: str) -> Iterator[LogLine]:
        try:
            with self._scheduler.read_log(self.key, logquery.seconds(since)) as lines:
                for raw in lines:
                    line = self._line(raw)
                    self._last = max(self._last, line.time)
                    yield line
        except DockerError:
            kept = self._kept()
            if kept is None:
                raise
            yield from (line for line in kept.forward(since) if line.time > self._last)

    def resume(self, since: str) -> None:
        self._since, self._last = max(0.0, logquery.seconds(since) - 0.001), ""

    def read(self) -> list[LogLine]:
        if self._thread is None:
            if self._last:
                self._since = logquery.seconds(self._last) - 0.001
            self._thread = threading.Thread(target=self._follow, name="follow", daemon=True)
            self._thread.start()
        with self._changed:
            lines = list(self._buffer)
            self._buffer.clear()
            self._size = 0
            self._changed.notify_all()
        return lines

    @property
    def shown(self) -> str:
        """Time of the last line from `backward` or `forward`, empty for none."""
        return self._last

    def ended(self) -> bool:
        """Return True if the stream ended and all of it was read."""
        return self._thread is not None and not self._thread.is_alive() and not self._buffer

    def _opened(self, end: Callable[[], None]) -> None:
        with self._changed:
            self._end = end
        if self._closed:
            end()

    def _follow(self) -> None:
        try:
            with self._scheduler.follow(self.key, None, self._since, self._opened) as chunks:
                for chunk in chunks:
                    # Not `splitlines`: a carriage return is part of a line.
                    for raw in chunk.removesuffix(b"\n").split(b"\n"):
                        line = self._line(raw)
                        if self._steps.repeats(line):
                            continue
                        if self._steps.skips(line) and not self._recover(self._steps.last, line):
                            return
                        self._steps.took(line)
                        if not self._put(line):
                            return
        except PaasError:
            # Docker or the container stopped: the reader attaches again, or reads the archived log.
            return

    def _recover(self, last: str, line: LogLine) -> bool:
        """Read again what Docker may have skipped before the line. Report a gap if it is gone.

        Return False if the source was closed.
        """
        with self._scheduler.read_log(self.key, logquery.seconds(last) - 0.001) as lines:
            for number, found in enumerate(map(self._line, lines)):
                if not number and found.time > last:
                    # Even the previous line is gone.
                    self.gaps += 1
                    self._put(line._replace(source=logline.PLATFORM, text=logline.GAP))
                if found.time >= line.time:
                    break
                if found.time > last and not self._put(found):
                    return False
        return True

    def _put(self, line: LogLine) -> bool:
        if line.time <= self._last:
            # Already returned by `backward` or `forward`.
            return not self._closed
        with self._changed:
            self._changed.wait_for(lambda: self._size < BUFFER_BYTES or self._closed)
            self._buffer.append(line)
            self._size += len(line.text) + 100
            return not self._closed

    def rest(self) -> list[LogLine]:
        return []

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            end = self._end
        # Otherwise its thread would stay until the next line is written.
        end()
