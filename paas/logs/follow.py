"""Follow an app's log: its last lines, or the lines since a mark, then new lines as they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from paas.core.errors import Disconnected
from paas.core.logs import line as logline
from paas.core.logs import mark as logmark
from paas.core.logs import query as logquery
from paas.core.logs.line import PLATFORM, LogLine, Style
from paas.core.logs.mark import Mark, Progress
from paas.core.logs.query import Query
from paas.core.model import App
from paas.jobs.context import Context
from paas.logs import sources as logsources
from paas.logs.feed import Feed, Keyed
from paas.logs.sources import LogSource

_RECHECK_SECONDS = 0.1

Write = Callable[[Iterable[LogLine]], None]


def follow(
    ctx: Context, app: App, query: Query, style: Style, begin: Callable[[list[LogSource]], None], write: Write
) -> None:
    """Write the existing lines with ``begin``, then follow."""
    sources = logsources.all_of(ctx, app, query)
    feed = Feed(ctx, app, query, sources, floor=logquery.rfc3339(ctx.clock.now()))
    try:
        told = None
        if ctx.out.marks:
            told = _Told(ctx, query, style, mark_of(ctx, sources))
        begin(sources)
        if told is None:
            _go_on(ctx, app, lambda: _written(feed.read(), write))
        else:
            told.reached()
            _go_on(ctx, app, lambda: told.write(feed.read_keyed()))
    finally:
        feed.close()


def resume(ctx: Context, app: App, query: Query, style: Style, mark: Mark) -> None:
    """Follow from the mark on."""
    feed = Feed(ctx, app, query, floor=mark.since, settled=mark.since, mark=mark)
    try:
        for source in logsources.standing(ctx, app, query, mark.since):
            feed.add(source)
        told = _Told(ctx, query, style, mark)
        first = feed.read_keyed()
        told.write([*feed.missing(first), *first])
        _go_on(ctx, app, lambda: told.write(feed.read_keyed()))
    finally:
        feed.close()


def mark_of(ctx: Context, sources: list[LogSource]) -> Mark:
    """Return the mark of the current end of the sources, which were opened just now."""
    return logsources.mark(sources, logquery.rfc3339(ctx.clock.now() - logmark.LATE_SECONDS))


def _go_on(ctx: Context, app: App, step: Callable[[], bool]) -> None:
    """Call ``step`` until the client disconnects or the app is gone; pause when it found nothing."""
    seen = -1
    while True:
        changed = ctx.changed.count()
        if changed != seen and ctx.store.apps.find(app.name) is None:
            return
        seen = changed
        found = step()
        if ctx.gone.is_set():
            raise Disconnected
        if not found:
            ctx.gone.wait(_RECHECK_SECONDS)


def _written(lines: list[LogLine], write: Write) -> bool:
    write(lines)
    return bool(lines)


class _Told:
    """Writer that sends the mark of each line before the line, so that a client has both or neither."""

    def __init__(self, ctx: Context, query: Query, style: Style, mark: Mark) -> None:
        self._ctx = ctx
        self._accepts = query.accepts
        self._style = style
        self._progress = Progress(mark)

    def reached(self) -> None:
        """Send the current mark without a line."""
        self._ctx.out.reached(self._progress.text)

    def write(self, found: list[Keyed]) -> bool:
        """Write the lines that match the query. Return True if there was any line at all."""
        newest: dict[str, str] = {}
        for key, line in found:
            gap = line.source == PLATFORM and line.text == logline.GAP
            if not gap:
                self._progress.seen(key, line.time)
                newest[key] = line.time
            # Gaps are reported regardless of the query.
            if gap or self._accepts(line):
                self._ctx.out.mark(self._progress.text)
                self._ctx.out.result(self._style.show(line))
        now = self._ctx.clock.now()
        if logmark.is_current(newest, now) and self._progress.caught_up(now):
            self.reached()
        return bool(found)
