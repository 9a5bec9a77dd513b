"""Start due cron entries of current releases, each run in its own container."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from paas.core.cron import calendar, entries
from paas.core.cron.entries import CronEntry, Overlap
from paas.core.errors import Disconnected, NotFound, PaasError
from paas.core.model import App
from paas.core.runs import oneoff
from paas.core.runs.oneoff import RunStatus
from paas.core.times import timestamp
from paas.cron.queue import Pending, Queue
from paas.jobs.context import Context
from paas.runs import runs
from paas.runs.active import Oneoffs
from paas.runs.requests import ActiveRun, RunRequest
from paas.runs.runs import RunOptions
from paas.schedulers.container_stream import ContainerStream, Write
from paas.store.runs import SuspendedCron

_log = logging.getLogger(__name__)

SEEN = "cron-seen"
"""Key of the time up to which all due entries were processed."""

ACTOR = "cron"
AT_ONCE = 8
MOST_MISSED = 10_000
"""Limit on the counted missed times of one entry; about a week of an entry that runs every minute."""


@dataclass(frozen=True)
class Scheduled:
    """Entry of an app's current release with its effective time zone; ``since`` is the release's time."""

    app: App
    entry: CronEntry
    zone: str
    since: float

    @property
    def key(self) -> tuple[int, str, str, str]:
        """Key that identifies the entry across ticks."""
        return self.app.id, self.entry.id, self.entry.schedule, self.zone


def scheduled(ctx: Context, app: App | None = None) -> Iterator[Scheduled]:
    """Yield the entries of the app's current release, or of all apps."""
    for found, since, listed in ctx.store.releases.scheduled(app):
        zone = ctx.store.properties.of(found).text("cron", "timezone")
        for entry in listed:
            yield Scheduled(found, entry, entry.timezone or zone, since)


def find(ctx: Context, app: App, entry_id: str) -> Scheduled:
    """Return the entry with that id. Raise `NotFound`, which lists the existing ones."""
    there = list(scheduled(ctx, app))
    for one in there:
        if one.entry.id == entry_id:
            return one
    raise NotFound(
        f"{app.name} has no cron entry {entry_id!r}",
        why=f"Its entries are: {', '.join(one.entry.id for one in there)}" if there else "Its release has none.",
        fix="They are in its app.json or paas.yml, and change with a deploy.",
        code="no-such-cron-entry",
    )


class CronTicker:
    """Timer that starts due entries."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._next: dict[tuple[int, str, str, str], float] = {}
        self._begun: list[Future[None]] = []
        self._complained: set[tuple[int, str, str, str]] = set()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="cron")
        self._queue = Queue(ctx.store.instance)

    def starting(self) -> bool:
        """Return True if a due run has not started yet."""
        return not all(begun.done() for begun in self._begun)

    def stop(self) -> None:
        """Start no more runs; pending ones are processed after the next start."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def tick(self) -> float | None:
        """Start due runs in the background, and record missed ones. Return when the next entry is due."""
        self._begun = [begun for begun in self._begun if not begun.done()]
        ctx, now = self._ctx, self._ctx.clock.now()
        last = float(ctx.store.instance.get(SEEN) or now)
        seen = entries.begin_from(last, now)
        if seen != last:
            self._next = {}
        ahead: dict[tuple[int, str, str, str], float] = {}
        begin: list[tuple[Scheduled, float]] = []
        for one in scheduled(ctx):
            try:
                ahead[one.key], due = self._look(one, seen, now)
                begin += [(one, due)] if due is not None else []
                self._complained.discard(one.key)
            except PaasError as error:
                if one.key not in self._complained:
                    _log.error("%s: cron entry %s: %s (%s)", one.app.name, one.entry.id, error.what, error.why)
                self._complained.add(one.key)
        pending = [(one, Pending(one.app.id, one.entry.id, when)) for one, when in begin]
        self._queue.add((waiting for _, waiting in pending), SEEN, str(max(seen, now)))
        # After recording: if that fails, the entries are due at the next tick again.
        self._next = ahead
        self._begun += [self._pool.submit(self._begin, one, waiting) for one, waiting in pending]
        return min(ahead.values(), default=None)

    def _look(self, one: Scheduled, seen: float, now: float) -> tuple[float, float | None]:
        """Process one entry. Return when it is due next, and the time for which it must run now, None if not."""
        entry, known = one.entry, self._next.get(one.key)
        left = self._left(one)
        if known is not None and now < known and not left:
            return known, None
        # An entry that is new in a release was not due before it.
        start = seen if known is not None else max(seen, one.since)
        times = calendar.between(entry.schedule, one.zone, start, now, MOST_MISSED)
        if len(times) == MOST_MISSED:
            times += calendar.between(entry.schedule, one.zone, max(times[-1], now - entries.LATE_SECONDS), now, 100)
        times = [*left, *times]
        run = None
        if times and not paused(self._ctx, one):
            what = entries.due(times, now)
            run = what.run
            if what.missed:
                self._miss(one, what.missed)
        return calendar.following(entry.schedule, one.zone, max(now, seen)), run

    def _left(self, one: Scheduled) -> list[float]:
        """Return the times for which the previous server had to run the entry, but stopped before it started."""
        times = sorted(
            found.when for found in self._queue.left if (found.app_id, found.entry) == (one.app.id, one.entry.id)
        )
        if not times:
            return []
        # It may have been killed after a run started, before that was recorded in the queue.
        last = self._ctx.store.runs.all(one.app, kind=oneoff.CRON, entry=one.entry.id, limit=1)
        return [when for when in times if not last or last[0].started_at < when]

    def _miss(self, one: Scheduled, times: tuple[float, ...]) -> None:
        count = f"{len(times)} times" if len(times) > 1 else "once"
        _log.warning("%s: missed cron entry %s %s, first at %s", one.app.name, one.entry.id, count,
                     timestamp(times[0]))  # fmt: skip
        note = f"from {timestamp(times[0])} to {timestamp(times[-1])}; the server was down, or its clock was set"
        _tell(self._ctx, one, RunStatus.MISSED, note, count=len(times))

    def _begin(self, one: Scheduled, waiting: Pending) -> None:
        try:
            launch(self._ctx, one, ACTOR)
        except OverlapForbidden:
            _tell(self._ctx, one, RunStatus.SKIPPED, "the previous run is still active")
        except PaasError as error:
            _log.error("%s: cron entry %s: %s (%s)", one.app.name, one.entry.id, error.what, error.why)
        except Exception:  # noqa: BLE001  # a failure in one run must not stop the others
            _log.exception("%s: cron entry %s failed unexpectedly", one.app.name, one.entry.id)
        finally:
            self._queue.begun(waiting)


def paused(ctx: Context, one: Scheduled) -> str:
    """Return why the entry does not run: ``suspended``, ``maintenance``, ``stopped``; empty if it runs."""
    if one.app.stopped:
        return "stopped"
    if one.entry.maintenance or ctx.store.properties.of(one.app).value("cron", "maintenance"):
        return "maintenance"
    return "suspended" if one.entry.id in ctx.store.table(SuspendedCron).of(one.app) else ""


def _tell(ctx: Context, one: Scheduled, status: RunStatus, note: str, *, count: int = 1) -> None:
    """Record a run that did not take place."""
    now = ctx.clock.now()
    run = ctx.store.runs.add(
        one.app, kind=oneoff.CRON, entry=one.entry.id, command=one.entry.command, actor=ACTOR,
        version=one.app.version or 0, attached=False, now=now, until=now, status=status, note=note, count=count,
    )  # fmt: skip
    ctx.part(Oneoffs).forget_older(run)


class OverlapForbidden(PaasError):
    """Error: the entry forbids overlapping runs."""

    code = "cron-busy"


def launch(
    ctx: Context,
    one: Scheduled,
    actor: str,
    *,
    ttl: float | None = None,
    before: Callable[[ActiveRun], None] = lambda live: None,
) -> ActiveRun:
    """Start a run of the entry in the current release.

    Raise `OverlapForbidden` if a run is active and the entry forbids overlaps. ``before`` is called with the run when
    its container is created but not started.
    """
    with ctx.part(Oneoffs).turn(one.app, one.entry.id):
        others = ctx.part(Oneoffs).active(one.app, kind=oneoff.CRON, entry=one.entry.id)
        if others and one.entry.overlap is Overlap.FORBID:
            raise OverlapForbidden(
                f"a run of {one.entry.id} is still active",
                why="The entry has concurrency: forbid.",
                fix=f"Wait for it, or stop it: 'run:stop {one.app.name} {others[0].run.number}'.",
            )
        try:
            if one.entry.overlap is Overlap.REPLACE:
                for other in others:
                    ctx.part(Oneoffs).stop(other, RunStatus.STOPPED, "replaced by the next run")
            asked = _order(ctx, one, actor, ttl)
        except PaasError as error:
            _tell(ctx, one, RunStatus.FAILED, error.what)
            raise
        live = ctx.part(Oneoffs).create(asked)
        with ctx.part(Oneoffs).preparing(live):
            before(live)
        ctx.part(Oneoffs).start(live)
        return live


def _order(ctx: Context, one: Scheduled, actor: str, ttl: float | None) -> RunRequest:
    properties = ctx.store.properties.of(one.app)
    given = ttl or one.entry.timeout or float(properties.value("cron", "timeout"))
    wanted = RunOptions([one.entry.command], {}, given)
    order = runs.order(ctx, one.app, wanted, attached=False, interactive=False, terminal=None)
    return replace(order, kind=oneoff.CRON, entry=one.entry.id, actor=actor)


def run_now(ctx: Context, app: App, entry_id: str, write: Write, *, ttl: float | None) -> int:
    """Run the entry at once and show its output. Return its exit status. It continues if the client disconnects."""
    streams: list[ContainerStream] = []
    live = launch(
        ctx, find(ctx, app, entry_id), ctx.caller.name, ttl=ttl,
        before=lambda made: streams.append(made.tasks.attach(made.container_id, terminal=False)),
    )  # fmt: skip
    try:
        for kind, data in streams[0].output(ctx.gone):
            write(kind, data)
    finally:
        streams[0].close()
    if ctx.gone.is_set():
        raise Disconnected
    return runs.conclude(ctx, live)


def suspend(ctx: Context, app: App, entry_id: str) -> None:
    """Suspend the entry until it is resumed."""
    find(ctx, app, entry_id)
    ctx.store.releases.deployed(app)
    ctx.store.table(SuspendedCron).set(app, entry_id, ctx.caller.name, ctx.clock.now())


def resume(ctx: Context, app: App, entry_id: str) -> None:
    """Resume the entry: it runs again at its next time."""
    find(ctx, app, entry_id)
    ctx.store.table(SuspendedCron).clear(app, entry_id)
    ctx.changed.notify()
