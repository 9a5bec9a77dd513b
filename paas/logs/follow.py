"""Following an app's log: its last lines, or what came since a mark, then each line as it comes."""

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
    """Follows what comes after the lines of the sources that ``begin`` writes."""
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
    """Follows what comes after the mark."""
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
    """The mark of all that there is in the sources, which were opened just now."""
    return logsources.mark(sources, logquery.rfc3339(ctx.clock.now() - logmark.LATE_SECONDS))


def _go_on(ctx: Context, app: App, step: Callable[[], bool]) -> None:
    """Takes steps until the client leaves or the app is gone; waits a moment after one that found nothing."""
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
    """Writes lines with the mark of each before it, so that a client knows both or none."""

    def __init__(self, ctx: Context, query: Query, style: Style, mark: Mark) -> None:
        self._ctx = ctx
        self._accepts = query.accepts
        self._style = style
        self._progress = Progress(mark)

    def reached(self) -> None:
        """Tells where the stream has come without a line."""
        self._ctx.out.reached(self._progress.text)

    def write(self, found: list[Keyed]) -> bool:
        """Writes those that are wanted; says whether there was any line."""
        newest: dict[str, str] = {}
        for key, line in found:
            gap = line.source == PLATFORM and line.text == logline.GAP
            if not gap:
                self._progress.seen(key, line.time)
                newest[key] = line.time
            # That lines are missing is told whatever is asked for.
            if gap or self._accepts(line):
                self._ctx.out.mark(self._progress.text)
                self._ctx.out.result(self._style.show(line))
        now = self._ctx.clock.now()
        if logmark.is_current(newest, now) and self._progress.caught_up(now):
            self.reached()
        return bool(found)
