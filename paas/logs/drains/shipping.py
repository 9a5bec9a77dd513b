"""Drain workers: read new lines, send them in batches, and spool what can't be sent now."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from dataclasses import replace

from paas.access import remote_credentials
from paas.core import backoff
from paas.core.errors import InvalidValue, NotFound, PaasError
from paas.core.logs import drain, query
from paas.core.logs.drain import Drain, Position
from paas.core.logs.line import GAP, PLATFORM, LogLine
from paas.core.logs.query import Query
from paas.core.model import App, Container
from paas.core.secret import Secret
from paas.jobs.context import Context
from paas.jobs.loop import Loop
from paas.logs import sources
from paas.logs.changes import EventSource
from paas.logs.drains import receivers, spool
from paas.logs.drains.receivers import Factory, NotSent, Refused
from paas.logs.drains.spool import Spool
from paas.logs.feed import Feed
from paas.store.logs import DrainRecords

_log = logging.getLogger(__name__)
BATCH_LINES = 500
BATCH_BYTES = 1 << 18
LOOK_SECONDS = 1.0
IDLE_SECONDS = 0.2
SPOOLED_AT_ONCE = 8
SETTLED_SECONDS = 3600.0
"""Time after the end of a log for which its position is recorded: an app with many cron runs has thousands of logs."""
PAUSE_SECONDS = 2.0
"""Interval of reads while the receiver is unavailable: new lines stay in Docker's files."""


class Worker:
    """Worker of one drain. `tick` waits no longer than its receiver takes.

    While the receiver keeps up, batches are sent from memory. Otherwise they are spooled to disk before the position
    is recorded, so that a kill at any time loses nothing and repeats at most one batch.
    """

    def __init__(self, ctx: Context, drain_id: int, make: Factory = receivers.receiver) -> None:
        self._ctx = ctx
        self._drain = ctx.store.table(DrainRecords).get(drain_id)
        target = drain.target(self._drain.url.reveal())
        self._receiver = make(target, self._drain.format, self._drain.ca, lambda: remote_credentials.egress(ctx))
        self._spool = Spool(ctx.paths.drain(drain_id))
        self._spool.cut(self._drain.position.spooled)
        self._position = self._drain.position
        self._feeds: dict[int, tuple[App, Feed]] = {}
        self._looked: float | None = None
        self._failures = 0
        self._due = 0.0
        self._gathered = 0.0
        self._listed: tuple[int, dict[int, list[Container]]] | None = None

    def tick(self) -> bool:
        """Send spooled and new lines. Return True if there were any."""
        sent = self._send_waiting()
        batches = list(_batches(self._gather()))
        if not batches:
            return sent
        if len(batches) == 1 and not self._spool.oldest() and self._send(batches[0]):
            self._record(self._position.spooled)
            return True
        number = self._position.spooled
        for batch in batches:
            number += 1
            self._spool.put(number, batch)
        self._record(number)
        lost = self._spool.bound(self._limit())
        if lost:
            self._ctx.store.table(DrainRecords).count(self._drain.id, dropped=lost)
        return True

    def _limit(self) -> int:
        app_id = self._drain.app_id
        app = None if app_id is None else self._ctx.store.apps.by_id(app_id)
        return int(self._ctx.store.properties.of(app).value("logs", "drain-queue-size"))

    def _send_waiting(self) -> bool:
        """Send at most `SPOOLED_AT_ONCE` spooled batches, so that reading continues. Return True if one was sent."""
        sent = False
        for _ in range(SPOOLED_AT_ONCE):
            batch = self._spool.oldest()
            if batch is None or not self._send(self._spool.read(batch)):
                break
            self._spool.done(batch)
            sent = True
        return sent

    def _send(self, lines: list[LogLine]) -> bool:
        """Send the batch. Return True if it was sent or permanently refused.

        After a temporary failure, return False without trying until the back-off is over.
        """
        now = self._ctx.clock.monotonic()
        if now < self._due:
            return False
        drains = self._ctx.store.table(DrainRecords)
        try:
            self._receiver.send(lines)
        except Refused as error:
            drains.complain(self._drain.id, error.what, self._ctx.clock.now())
            drains.count(self._drain.id, dropped=len(lines))
        except NotSent as error:
            self._failures += 1
            self._due = now + backoff.seconds(self._failures)
            drains.complain(self._drain.id, error.what, self._ctx.clock.now())
            return False
        else:
            drains.count(self._drain.id, sent=len(lines))
        self._failures, self._due = 0, 0.0
        return True

    def _record(self, spooled: int) -> None:
        """Record the position: everything read so far was sent or spooled."""
        places: dict[str, str] = {}
        settled = query.rfc3339(self._ctx.clock.now() - SETTLED_SECONDS)
        for app, feed in self._feeds.values():
            places |= feed.places(settled) | {f"events-{app.id}": str(feed.event)}
        self._position = replace(self._position, logs=places, spooled=spooled, settled=settled)
        self._ctx.store.table(DrainRecords).advance(self._drain.id, self._position)

    def _gather(self) -> list[LogLine]:
        now = self._ctx.clock.monotonic()
        if now < min(self._due, self._gathered + PAUSE_SECONDS):
            # While the receiver is unavailable, collect more lines: a file for every few lines would be too many.
            return []
        self._gathered = now
        if self._looked is None or now >= self._looked + LOOK_SECONDS:
            self._looked = now
            self._look()
        found: list[LogLine] = []
        self._listed = None
        for _, feed in self._feeds.values():
            found += feed.read()
        gaps = sum(line.source == PLATFORM and line.text == GAP for line in found)
        if gaps:
            self._ctx.store.table(DrainRecords).count(self._drain.id, gaps=gaps)
        return found

    def _listing(self, app: App) -> list[Container]:
        """Return the containers of the app. A global drain lists them once per tick, as long as nothing changes."""
        if self._drain.app_id is not None:
            return self._ctx.schedulers.of(app).containers(app)
        count = self._ctx.changed.count()
        if self._listed is None or self._listed[0] != count:
            there: dict[int, list[Container]] = {}
            for found in self._ctx.schedulers.containers():
                there.setdefault(found.app_id, []).append(found)
            self._listed = count, there
        return self._listed[1].get(app.id, [])

    def _look(self) -> None:
        """Open feeds of new apps and close those of removed ones. A renamed app gets a new feed."""
        app_id = self._drain.app_id
        store = self._ctx.store.apps
        apps = {app.id: app for app in (store.all() if app_id is None else [store.by_id(app_id)])}
        for number, (app, feed) in list(self._feeds.items()):
            if number not in apps or apps[number].name != app.name:
                if number in apps:
                    self._position = replace(self._position, logs={**self._position.logs, **feed.places("")})
                feed.close()
                del self._feeds[number]
        for number, app in apps.items():
            if number not in self._feeds:
                self._feeds[number] = app, self._feed(app)

    def _feed(self, app: App) -> Feed:
        position = self._position
        feed = Feed(
            self._ctx, app, Query(since=position.floor), places=position.logs, floor=position.floor,
            settled=position.settled, listing=self._listing,
        )  # fmt: skip
        feed.add(sources.router(self._ctx, app))
        event = position.logs.get(f"events-{app.id}")
        feed.add(EventSource(self._ctx, app, int(event) if event else position.event))
        return feed

    def close(self) -> None:
        """Close the connection and all feeds."""
        self._receiver.close()
        for _, feed in self._feeds.values():
            feed.close()


def _batches(lines: list[LogLine]) -> Iterator[list[LogLine]]:
    batch: list[LogLine] = []
    size = 0
    for line in lines:
        batch.append(line)
        size += len(line.text) + 100
        if len(batch) >= BATCH_LINES or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


class DrainShipper(Loop):
    """Loop that starts a thread for each drain and stops those of removed drains."""

    def __init__(self, ctx: Context) -> None:
        super().__init__("managing drains", self._look, ctx.clock, LOOK_SECONDS)
        self._ctx = ctx
        self._running: dict[int, threading.Event] = {}

    def stop(self) -> None:
        """Stop all threads. Lines read but not sent are read again at the next start."""
        super().stop()
        for ended in list(self._running.values()):
            ended.set()

    def _look(self) -> None:
        wanted = set(self._ctx.store.table(DrainRecords).ids())
        for number in wanted - self._running.keys():
            ended = self._running[number] = threading.Event()
            threading.Thread(target=self._ship, args=(number, ended), name=f"drain-{number}", daemon=True).start()
        for number in self._running.keys() - wanted:
            self._running.pop(number).set()
        # Delete the spool of removed drains, also if the server stopped right after the removal.
        for number in spool.numbers(self._ctx.paths.drains) - wanted:
            spool.remove(self._ctx.paths.drain(number))

    def _complain(self, number: int, error: Exception) -> None:
        expected = isinstance(error, PaasError | OSError)
        _log.error("Drain %d: %s", number, error, exc_info=None if expected else error)
        try:
            said = str(error) if expected else f"internal server error: {type(error).__name__}"
            self._ctx.store.table(DrainRecords).complain(number, said, self._ctx.clock.now())
        except Exception:  # noqa: BLE001  # the database may be what failed
            _log.exception("Drain %d: could not record the error", number)

    def _ship(self, number: int, ended: threading.Event) -> None:
        failed = ""
        worker: Worker | None = None
        while not ended.is_set():
            moved = False
            try:
                worker = worker or Worker(self._ctx, number)
                moved = worker.tick()
                failed = ""
            except NotFound:
                break
            except Exception as error:  # noqa: BLE001  # a failure must not end the thread of the drain
                # A new worker reads again from the recorded position, so unsent lines are not lost.
                if worker is not None:
                    worker.close()
                    worker = None
                if str(error) != failed:
                    self._complain(number, error)
                failed = str(error) or type(error).__name__
            if not moved:
                self._ctx.clock.wait(ended, IDLE_SECONDS if not failed else LOOK_SECONDS)
        if worker is not None:
            worker.close()


def waiting(ctx: Context, one: Drain) -> int:
    """Return the number of spooled lines of the drain."""
    return sum(batch.lines for batch in spool.waiting(ctx.paths.drain(one.id)))


def add(ctx: Context, app: App | None, url: str, form: str, ca: str) -> Drain:
    """Create a drain. It sends what is written from now on."""
    target = drain.target(url)
    chosen = drain.format_for(target, form)
    remote_credentials.check_host(ctx, target.host)
    if ca and not (target.tls and os.access(ca, os.R_OK)):
        raise InvalidValue(
            f"{ca} can't be used as --ca-file",
            why="It must be a PEM file on the server that the server's user can read, and the drain must use TLS.",
        )
    now = ctx.clock.now()
    position = Position(query.rfc3339(now), ctx.store.events.newest())
    return ctx.store.table(DrainRecords).add(
        app, Secret(url), chosen, ca, position, actor=ctx.caller.name, now=now
    )
