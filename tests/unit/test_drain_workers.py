"""Drains at work: what they send, in which order, and what becomes of it while the receiver is away."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from fakes import eventually
from fakes.counts import counting
from paas.core.errors import NotFound
from paas.core.logs.line import GAP, LogLine
from paas.logs.archive import LogArchive
from paas.logs.drains import shipping
from paas.logs.drains import spool as drain_spool
from paas.logs.drains.receivers import NotSent, Refused
from paas.logs.drains.shipping import Worker
from paas.store.logs import DrainRecords
from paas.system.clock import Clock

URL = "https://user:secret@logs.example/token"


class FakeReceiver:
    """Takes batches, unless it is ``down``; one with the word ``poison`` in it it will never take."""

    def __init__(self) -> None:
        self.down = False
        self.batches: list[list[LogLine]] = []
        self.tries = 0
        self.closed = False

    def send(self, lines: Sequence[LogLine]) -> None:
        self.tries += 1
        if self.down:
            raise NotSent("the receiver is away")
        if any(b"poison" in line.text for line in lines):
            raise Refused("the receiver answered 400")
        self.batches.append(list(lines))

    def close(self) -> None:
        self.closed = True

    @property
    def texts(self) -> list[str]:
        return [line.text.decode() for batch in self.batches for line in batch if line.source == "app"]


@pytest.fixture(params=["files", "api"])
def writing(hello, tmp_path, request):
    """As a server that may read the engine's files, and as one that asks its API."""
    if request.param == "files":
        hello.scheduler.write_logs_to(tmp_path / "engine")
    return hello


def begin(server, receiver, app="hello"):
    one = shipping.add(server.ctx, server.app(app) if app else None, URL, "", "")
    return Worker(server.ctx, one.id, lambda target, form, ca, rules: receiver)


def again(worker, server, receiver):
    """The worker of a server that was killed and started again."""
    return Worker(server.ctx, worker._drain.id, lambda target, form, ca, rules: receiver)


def until(worker, receiver, expected):
    """Ticks until these texts came: the engine's API tells of lines a moment later."""
    def arrived() -> bool:
        worker.tick()
        return receiver.texts == expected

    eventually(arrived, f"{receiver.texts} are {expected}")


def counts(server):
    [one] = server.ctx.store.table(DrainRecords).all()
    return one.sent, shipping.waiting(server.ctx, one), one.dropped


def test_what_is_written_from_then_on_is_sent(writing):
    receiver = FakeReceiver()
    worker = begin(writing, receiver)
    writing.scheduler.write("web.1", "one")
    until(worker, receiver, ["one"])
    writing.scheduler.write("web.1", "two")
    until(worker, receiver, ["one", "two"])
    assert counts(writing)[1:] == (0, 0)
    assert not writing.paths.drain(1).exists(), "nothing is copied while the receiver keeps up"
    line = receiver.batches[0][-1]
    assert (line.app, line.source, line.process, line.release) == ("hello", "app", "web.1", 1)


def test_five_minutes_without_the_receiver_lose_nothing(writing):
    receiver = FakeReceiver()
    worker = begin(writing, receiver)
    writing.scheduler.write("web.1", "before")
    until(worker, receiver, ["before"])

    receiver.down = True
    for minute in range(5):
        for second in range(0, 60, 5):
            writing.scheduler.write("web.1", f"{minute}:{second:02}")
            writing.clock.advance(5)
            worker.tick()
        if minute == 2:
            writing.deployed("hello", {"file": "2"})
    tries = receiver.tries
    assert tries < 14, "it is tried ever more rarely"
    [one] = writing.ctx.store.table(DrainRecords).all()
    assert one.error == "the receiver is away" and one.error_at

    receiver.down = False
    writing.clock.advance(60)
    every = [f"{minute}:{second:02}" for minute in range(5) for second in range(0, 60, 5)]
    until(worker, receiver, ["before", *every])
    assert counts(writing) == (len([line for batch in receiver.batches for line in batch]), 0, 0)


def test_what_is_beyond_the_bound_is_counted(hello):
    hello.run("logs:set hello drain-queue-size 64k")
    receiver = FakeReceiver()
    worker = begin(hello, receiver)
    receiver.down = True
    for number in range(60):
        hello.scheduler.write("web.1", f"{number:03}" + "x" * 5000)
        hello.clock.advance(5)
        worker.tick()

    def all_read() -> bool:
        hello.clock.advance(5)
        worker.tick()
        _, queued, dropped = counts(hello)
        return queued + dropped >= 60

    eventually(all_read)
    _, queued, dropped = counts(hello)
    assert dropped and queued
    waiting = drain_spool.waiting(hello.paths.drain(1))
    # The newest batch stays, however large it is.
    assert len(waiting) == 1 or sum(batch.size for batch in waiting) <= 64 << 10
    receiver.down = False
    hello.clock.advance(60)
    until(worker, receiver, [f"{number:03}" + "x" * 5000 for number in range(dropped, 60)])
    sent, queued, dropped = counts(hello)
    assert (sent, queued, dropped) == (60 - dropped, 0, dropped)


def test_a_kill_between_two_looks_loses_and_repeats_nothing(writing):
    receiver = FakeReceiver()
    worker = begin(writing, receiver)
    writing.scheduler.write("web.1", "one")
    until(worker, receiver, ["one"])
    writing.scheduler.write("web.1", "two")
    writing.run("ps:restart hello")
    writing.scheduler.write("web.1", "three")
    after = again(worker, writing, receiver)
    until(after, receiver, ["one", "two", "three"])


def test_a_kill_before_it_is_recorded_repeats_one_batch_at_most(writing):
    receiver = FakeReceiver()
    worker = begin(writing, receiver)
    receiver.down = True
    for number in range(shipping.BATCH_LINES * 2 + 10):
        writing.scheduler.write("web.1", str(number))
    expected = [str(number) for number in range(shipping.BATCH_LINES * 2 + 10)]

    def read() -> bool:
        writing.clock.advance(5)
        worker.tick()
        return counts(writing)[1] >= len(expected)

    eventually(read)
    # As if it had put one more aside and were killed before that was recorded: it is read again.
    spooled = writing.ctx.store.table(DrainRecords).get(1).position.spooled
    worker._spool.put(spooled + 1, [LogLine("2026-01-01T00:00:00.000000000Z", "app", "web.1", b"twice", 1, "hello")])
    receiver.down = False
    until(again(worker, writing, receiver), receiver, expected)


def test_a_batch_that_is_refused_is_counted_and_the_next_are_sent(hello):
    receiver = FakeReceiver()
    worker = begin(hello, receiver)
    hello.scheduler.write("web.1", "poison")

    eventually(lambda: worker.tick() or counts(hello)[2] == 1)
    hello.scheduler.write("web.1", "fine")
    until(worker, receiver, ["fine"])
    assert counts(hello)[2] == 1
    assert hello.ctx.store.table(DrainRecords).get(1).error == "the receiver answered 400"


def test_a_global_drain_has_the_lines_of_every_app(hello):
    receiver = FakeReceiver()
    worker = begin(hello, receiver, app=None)
    hello.deployed("other")
    hello.run("apps:rename other another")
    hello.scheduler.write_last(next(iter(hello.scheduler.containers(hello.app("another")))).id, "there")
    until(worker, receiver, ["there"])
    platform = [(line.app, line.process) for batch in receiver.batches for line in batch if line.source == "platform"]
    assert ("other", "push") in platform or ("another", "push") in platform
    [line] = [line for batch in receiver.batches for line in batch if line.source == "app"]
    assert line.app == "another"


def test_the_drain_of_a_destroyed_app_ends(hello):
    worker = begin(hello, FakeReceiver())
    hello.run("apps:destroy hello --force")
    assert hello.ctx.store.table(DrainRecords).all() == []
    with pytest.raises(NotFound):
        again(worker, hello, FakeReceiver())


def test_threads_follow_what_is_added_and_removed(hello, monkeypatch):
    receiver = FakeReceiver()
    monkeypatch.setattr(shipping.Worker.__init__, "__defaults__", (lambda target, form, ca, rules: receiver,))
    # Waiting takes no time with the clock of tests, and this one has to wait.
    monkeypatch.setattr(hello.clock, "wait", Clock().wait)
    monkeypatch.setattr(shipping, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(shipping, "IDLE_SECONDS", 0.01)
    running = shipping.DrainShipper(hello.ctx)
    running.start()
    try:
        hello.run(f"logs:drain add hello {URL}")
        hello.scheduler.write("web.1", "one")
        eventually(lambda: receiver.texts == ["one"])
        hello.run("logs:drain remove hello 1")
        eventually(lambda: receiver.closed)
    finally:
        running.stop()


def running(server, monkeypatch, receiver):
    """The threads of drains, which wait as they do, but shorter."""
    monkeypatch.setattr(shipping.Worker.__init__, "__defaults__", (lambda target, form, ca, rules: receiver,))
    monkeypatch.setattr(server.clock, "wait", Clock().wait)
    monkeypatch.setattr(shipping, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(shipping, "IDLE_SECONDS", 0.01)
    monkeypatch.setattr(shipping, "PAUSE_SECONDS", 0.0)
    return shipping.DrainShipper(server.ctx)


def test_what_could_not_be_put_aside_is_read_again(writing, monkeypatch):
    receiver = FakeReceiver()
    threads = running(writing, monkeypatch, receiver)
    writing.run(f"logs:drain add hello {URL}")
    receiver.down = True
    fails = [RuntimeError("of our own"), OSError(28, "No space left on device")]
    put = drain_spool.Spool.put

    def full(spool, number, lines):
        if fails and any(line.source == "app" for line in lines):
            raise fails.pop()
        put(spool, number, lines)

    monkeypatch.setattr(drain_spool.Spool, "put", full)
    monkeypatch.setattr(shipping.backoff, "seconds", lambda failures: 0.0)
    threads.start()
    try:
        writing.scheduler.write("web.1", "one")
        eventually(lambda: not fails)
        receiver.down = False
        writing.scheduler.write("web.1", "two")
        eventually(lambda: receiver.texts == ["one", "two"], f"{receiver.texts}")
    finally:
        threads.stop()


def test_the_thread_that_takes_up_drains_goes_on_after_an_error(hello, monkeypatch):
    receiver = FakeReceiver()
    threads = running(hello, monkeypatch, receiver)
    failing = iter([RuntimeError("the database is locked")])
    ids = hello.ctx.store.table(DrainRecords).ids

    def fails_once():
        for error in failing:
            raise error
        return ids()

    monkeypatch.setattr(hello.ctx.store.table(DrainRecords), "ids", fails_once)
    threads.start()
    try:
        hello.run(f"logs:drain add hello {URL}")
        hello.scheduler.write("web.1", "one")
        eventually(lambda: receiver.texts == ["one"])
    finally:
        threads.stop()


def test_a_place_that_is_none_holds_up_nothing(writing):
    receiver = FakeReceiver()
    worker = begin(writing, receiver)
    position = writing.ctx.store.table(DrainRecords).get(1).position
    [container] = [one.id for one in writing.scheduler.containers(writing.app())]
    broken = shipping.replace(position, logs={container: "20%#1", f"router-{writing.app().id}": "x"})
    writing.ctx.store.table(DrainRecords).advance(1, broken)
    writing.scheduler.write("web.1", "one")
    until(again(worker, writing, receiver), receiver, ["one"])
    writing.scheduler.write("web.1", "10%\r20%")
    until(again(worker, writing, receiver), receiver, ["one", "10%\r20%"])


def test_a_log_that_was_rotated_away_before_it_was_read_is_counted_and_told(hello, tmp_path):
    hello.scheduler.write_logs_to(tmp_path / "engine")
    receiver = FakeReceiver()
    worker = begin(hello, receiver)
    hello.scheduler.write("web.1", "one")
    until(worker, receiver, ["one"])
    hello.scheduler.log_file(hello.scheduler.ids()["web.1"]).unlink()
    hello.scheduler.write("web.1", "two")
    until(worker, receiver, ["one", "two"])
    assert [line.text for batch in receiver.batches for line in batch if line.source == "platform"] == [GAP]
    assert hello.ctx.store.table(DrainRecords).get(1).gaps == 1


def test_nothing_is_remembered_of_what_is_gone_and_not_kept_any_more(writing):
    receiver = FakeReceiver()
    worker = begin(writing, receiver)
    worker.tick()
    [(_, feed)] = worker._feeds.values()

    def over():
        worker.tick()
        return len(feed._over)

    for number in range(3):
        writing.scheduler.write("web.1", f"{number}")
        until(worker, receiver, [f"{one}" for one in range(number + 1)])
        writing.run("ps:restart hello")
    eventually(lambda: over() == 3)
    for row in writing.ctx.store.kept_logs.of(writing.app()):
        writing.ctx.part(LogArchive).drop(row)
    writing.ctx.changed.notify()
    assert over() == 0
    assert feed._places.keys() | feed._resumes.keys() <= writing.scheduler.here.keys() | feed._standing


def test_a_log_that_was_rotated_just_before_its_container_went_is_sent_to_its_end(hello, tmp_path):
    hello.scheduler.write_logs_to(tmp_path / "engine")
    receiver = FakeReceiver()
    worker = begin(hello, receiver)
    hello.scheduler.write("web.1", "one")
    until(worker, receiver, ["one"])
    hello.scheduler.write("web.1", "two")
    log = hello.scheduler.log_file(hello.scheduler.ids()["web.1"])
    log.rename(f"{log}.1")
    hello.scheduler.write("web.1", "three")
    hello.run("ps:restart hello")
    until(worker, receiver, ["one", "two", "three"])
    hello.scheduler.write("web.1", "four")
    until(worker, receiver, ["one", "two", "three", "four"])


def test_what_is_recorded_does_not_grow_with_the_logs_that_are_kept(writing):
    receiver = FakeReceiver()
    worker = begin(writing, receiver)
    expected = []
    for number in range(6):
        expected.append(f"of {number}")
        writing.scheduler.write("web.1", expected[-1])
        until(worker, receiver, expected)
        writing.clock.advance(shipping.SETTLED_SECONDS)
        writing.deployed("hello", {"file": str(number)})
    assert len(writing.ctx.store.kept_logs.of(writing.app())) == 6

    def short() -> bool:
        # An end is noticed at the look after it, and recorded with the next line.
        expected.append("more")
        writing.scheduler.write("web.1", "more")
        until(worker, receiver, expected)
        # That of the last log, of the container that runs, of its events and requests.
        return len(writing.ctx.store.table(DrainRecords).get(1).position.logs) <= 4

    eventually(short, "the places of logs that ended long ago are forgotten")
    writing.scheduler.write("web.1", "after")
    until(again(worker, writing, receiver), receiver, [*expected, "after"])


def test_the_drain_of_every_app_asks_the_engine_once_for_all(hello):
    for number in range(5):
        hello.run(f"apps:create more-{number}")
    hello.quiet()
    receiver = FakeReceiver()
    worker = begin(hello, receiver, app=None)
    with counting(hello) as counts:
        worker.tick()
    assert counts.engine.count("containers") == 1, counts.engine


def test_what_waited_for_a_drain_that_is_gone_is_removed_at_the_next_start(hello):
    drain_spool.Spool(hello.paths.drain(7)).put(1, [])
    parts = shipping.DrainShipper(hello.ctx)
    parts.start()
    eventually(lambda: not hello.paths.drain(7).exists(), "it is removed")
    parts.stop()
