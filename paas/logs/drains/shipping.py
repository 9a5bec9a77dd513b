"""Drains at work: reading what was written, sending it in batches, and putting aside what can't be sent now."""

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
"""So long after the end of a log its place is recorded: an app that runs much by cron keeps thousands of logs."""
PAUSE_SECONDS = 2.0
"""Between two looks while the receiver is away: what is written meanwhile is in the engine's files."""


class Worker:
    """One drain. `tick` does what there is to do and never waits longer than its receiver takes.

    A batch is sent from memory as long as the receiver keeps up. Else it goes to the disk first; then what was read is
    recorded, so that a kill at any moment loses nothing and repeats one batch at most.
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
        """Sends what waits and what came; whether there was anything."""
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
        """Sends batches that were put aside, some at most, so that reading goes on meanwhile."""
        sent = False
        for _ in range(SPOOLED_AT_ONCE):
            batch = self._spool.oldest()
            if batch is None or not self._send(self._spool.read(batch)):
                break
            self._spool.done(batch)
            sent = True
        return sent

    def _send(self, lines: list[LogLine]) -> bool:
        """Whether the batch needs no further try: it was sent, or will never be taken. After a failure it is not tried
        for a while."""
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
        """What was read so far is safe."""
        places: dict[str, str] = {}
        settled = query.rfc3339(self._ctx.clock.now() - SETTLED_SECONDS)
        for app, feed in self._feeds.values():
            places |= feed.places(settled) | {f"events-{app.id}": str(feed.event)}
        self._position = replace(self._position, logs=places, spooled=spooled, settled=settled)
        self._ctx.store.table(DrainRecords).advance(self._drain.id, self._position)

    def _gather(self) -> list[LogLine]:
        now = self._ctx.clock.monotonic()
        if now < min(self._due, self._gathered + PAUSE_SECONDS):
            # Nobody waits for it, and a file for every few lines would be many.
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
        """The containers of the app, of one list for all that ask in a tick as long as nothing changes."""
        if self._drain.app_id is not None:
            return self._ctx.scheduler.containers(app)
        count = self._ctx.changed.count()
        if self._listed is None or self._listed[0] != count:
            there: dict[int, list[Container]] = {}
            for found in self._ctx.scheduler.containers():
                there.setdefault(found.app_id, []).append(found)
            self._listed = count, there
        return self._listed[1].get(app.id, [])

    def _look(self) -> None:
        """Takes up apps that are new, and leaves those that are gone; a renamed one is another from then on."""
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
        """Ends the connection, and what it reads."""
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
    """A thread for each drain, and one that takes up new ones and ends those that were removed."""

    def __init__(self, ctx: Context) -> None:
        super().__init__("looking after drains", self._look, ctx.clock, LOOK_SECONDS)
        self._ctx = ctx
        self._running: dict[int, threading.Event] = {}

    def stop(self) -> None:
        """Ends; what was read and not sent is read again at the next start."""
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
        # What a stop right after a removal has left, too, and the thread that is just ending.
        for number in spool.numbers(self._ctx.paths.drains) - wanted:
            spool.remove(self._ctx.paths.drain(number))

    def _complain(self, number: int, error: Exception) -> None:
        expected = isinstance(error, PaasError | OSError)
        _log.error("drain %d: %s", number, error, exc_info=None if expected else error)
        try:
            said = str(error) if expected else f"an error of the platform's own: {type(error).__name__}"
            self._ctx.store.table(DrainRecords).complain(number, said, self._ctx.clock.now())
        except Exception:  # noqa: BLE001  # the database may be what failed
            _log.exception("drain %d: what went wrong can't be recorded", number)

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
            except Exception as error:  # noqa: BLE001  # a fault in one drain must not end it, and the others go on
                # What was read and is not safe is read again, by another one from the place that is recorded.
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
    """How many lines wait for the drain's receiver."""
    return sum(batch.lines for batch in spool.waiting(ctx.paths.drain(one.id)))


def add(ctx: Context, app: App | None, url: str, form: str, ca: str) -> Drain:
    """A new drain, to which everything is sent that is written from now on."""
    target = drain.target(url)
    chosen = drain.format_for(target, form)
    remote_credentials.check_host(ctx, target.host)
    if ca and not (target.tls and os.access(ca, os.R_OK)):
        raise InvalidValue(
            f"{ca} can't be used as --ca-file",
            why="It is a PEM file on the server, which the server's user may read, and goes with TLS only.",
        )
    now = ctx.clock.now()
    position = Position(query.rfc3339(now), ctx.store.events.newest())
    return ctx.store.table(DrainRecords).add(
        app, Secret(url), chosen, ca, position, actor=ctx.caller.name, now=now
    )
