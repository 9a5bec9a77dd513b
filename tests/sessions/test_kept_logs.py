"""What is kept of containers that are gone: which of it, how much, and who waits meanwhile."""

import threading
from contextlib import contextmanager

import pytest

from fakes import SECONDS, eventually
from fakes.requests import request_line
from paas.core.logs import json_file
from paas.logs import archive, logs
from paas.logs.archive import LogArchive
from paas.runs.active import Oneoffs
from paas.store.logs import KeptLog
from paas.system import segments


def keep_run(server, text, entry="nightly"):
    """A run of a cron entry that ended and wrote that; the id of its container."""
    now = server.clock.now()
    run = server.ctx.store.runs.add(
        server.app(), kind="cron", entry=entry, command="x", actor="cron", version=1, attached=False, now=now,
        until=now + 9,
    )  # fmt: skip
    path = server.ctx.part(Oneoffs).log_path(run.id)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    container_id = f"{run.id:024}" + "0" * 40
    server.ctx.part(LogArchive).keep_run(server.app(), run, container_id, path)
    return container_id


def test_the_last_words_of_a_process_that_lack_a_newline(hello, tmp_path):
    hello.scheduler.write_logs_to(tmp_path / "engine")
    path = hello.scheduler.log_file(hello.scheduler.ids()["web.1"])
    path.write_bytes(json_file.encode("2026-01-01T00:00:01.000000000Z", b"fatal: no DATABASE_URL"))
    hello.run("ps:restart hello")
    assert hello.run("logs hello -q --source app").out == "fatal: no DATABASE_URL\n"
    assert hello.run("logs hello -q --source app --since 2026-01-01").out == "fatal: no DATABASE_URL\n"


def test_cron_jobs_do_not_push_out_what_processes_wrote(hello, monkeypatch):
    monkeypatch.setattr(archive, "MOST_LOGS", 3)
    hello.scheduler.write("web.1", "precious")
    hello.run("ps:restart hello")
    for number in range(6):
        hello.clock.advance(60)
        keep_run(hello, f"2026-01-01T01:00:0{number}.000000000Z swept {number}\n")
    assert hello.run("logs hello -q --source app").out == "precious\n"
    assert hello.run("logs hello -q --source cron").out == "swept 3\nswept 4\nswept 5\n"


def test_a_run_that_wrote_nothing_takes_no_place(hello):
    silent = keep_run(hello, "")
    assert hello.ctx.store.kept_logs.find(silent) is None
    assert list(hello.paths.logs(hello.app().id).iterdir()) == []


def test_the_logs_of_others_are_packed_after_an_app_went_while_its_own_was(hello, monkeypatch):
    other = hello.deployed("other")
    pack, packed = segments.pack, []

    def meanwhile(*given):
        packed.append(pack(*given))
        if len(packed) == 1:
            hello.ctx.store.apps.delete(other)
        return packed[-1]

    monkeypatch.setattr(segments, "pack", meanwhile)
    logs = hello.ctx.part(LogArchive)
    for app in (other, hello.app()):
        row = KeptLog(f"{app.id:064}", app.id, "web.9", 1, "2026", "2026", "2026", 0)
        logs._folder(app)
        archive.raw(hello.paths.logs(app.id), row.container).write_bytes(
            json_file.encode("2026-01-01T00:00:00.000000000Z", b"said\n")
        )
        hello.ctx.store.kept_logs.put(row)
        logs._queue(row.container)
    hello.quiet()
    assert len(packed) == 2
    kept = hello.ctx.store.kept_logs
    assert kept.find(f"{other.id:064}") is None
    assert kept.find(f"{hello.app().id:064}").segments is not None


def test_a_log_that_is_packed_while_it_is_looked_for(hello, tmp_path, monkeypatch):
    hello.scheduler.write_logs_to(tmp_path / "engine")
    hello.scheduler.write("web.1", "found")
    queued, logs = [], hello.ctx.part(LogArchive)
    with monkeypatch.context() as patch:
        patch.setattr(logs, "_queue", queued.append)
        hello.run("ps:restart hello")
    stale = hello.ctx.store.kept_logs.of(hello.app())
    assert [row.segments for row in stale] == [None]
    logs.pack(*queued)
    monkeypatch.setattr(hello.ctx.store.kept_logs, "of", lambda app: stale)
    assert hello.run("logs hello -q --source app").out == "found\n"


@pytest.fixture
def being_packed(hello):
    """A log of the app that takes long to pack: the event ends it."""
    release, began = threading.Event(), threading.Event()

    def chunks():
        yield json_file.encode("2026-01-01T00:00:00.000000000Z", b"slow\n")
        began.set()
        release.wait(60)

    hello.ctx.part(LogArchive)._folder(hello.app())
    row = KeptLog("c" * 64, hello.app().id, "web.9", 1, "2026", "2026", "2026", 0)
    thread = threading.Thread(target=hello.ctx.part(LogArchive)._pack, args=(row, chunks()))
    thread.start()
    began.wait(60)
    yield release
    release.set()
    thread.join(60)


def test_a_log_that_takes_long_to_pack_holds_up_no_removal(hello, being_packed):
    hello.scheduler.write("web.1", "quick")
    hello.run("ps:restart hello")
    assert hello.run("logs hello -q --source app").out == "quick\n"
    being_packed.set()
    eventually(lambda: hello.run("logs hello -q -p web.9").out == "slow\n")


def test_a_smaller_store_makes_room_at_once(hello, monkeypatch):
    monkeypatch.setattr(segments, "SEGMENT", 1 << 14)
    noise = bytes(range(97, 123)) * 4
    keeper, app = hello.ctx.part(LogArchive), hello.app()
    keeper._folder(app)
    for number in range(3):
        lines = (
            json_file.encode(
                f"2026-01-01T0{number}:{at // 60:02}:{at % 60:02}.000000000Z", noise + b"%d\n" % hash((at,))
            )
            for at in range(3000)
        )
        keeper._pack(KeptLog(f"{number:024}" + "0" * 40, app.id, "web.1", 1, "2026", "2026", "2026", 0), lines)

    def sizes():
        return [row.bytes for row in hello.ctx.store.kept_logs.of(app)]

    before = sizes()
    monkeypatch.setattr(keeper, "_limit", lambda app_id: before[2] + 10)
    hello.run("logs:set hello store-size 1m")
    assert sizes() == before[2:]
    monkeypatch.setattr(keeper, "_limit", lambda app_id: before[2] // 2)
    hello.run("logs:set --global store-size 1m")
    [left] = sizes()
    assert 0 < left <= before[2] // 2
    assert hello.run("logs hello -n 1 -q --source app").out.startswith("abc")


def kept_at(server, hour, lines=3, text="line"):
    """A kept log of a container that wrote so many lines within a minute of that hour."""
    app = server.app()
    server.ctx.part(LogArchive)._folder(app)
    chunks = (
        json_file.encode(f"2026-01-01T{hour:02}:00:00.{at:09}Z", f"{text} {hour}-{at}\n".encode())
        for at in range(lines)
    )
    row = KeptLog(f"{hour:024}" + "0" * 40, app.id, "web.1", 1, "2026", "2026", "2026", 0)
    server.ctx.part(LogArchive)._pack(row, chunks)


def test_kept_logs_are_opened_when_their_time_comes(hello, monkeypatch):
    opened = []
    lines = segments.Packed._lines

    def counted(packed, segment):
        opened.append(segment.first[11:13])
        return lines(packed, segment)

    monkeypatch.setattr(segments.Packed, "_lines", counted)
    for hour in range(1, 9):
        kept_at(hello, hour)
    assert hello.run("logs hello -n 4 -q --source app").out == "line 7-2\nline 8-0\nline 8-1\nline 8-2\n"
    assert opened == ["08", "07"]
    opened.clear()
    assert hello.run("logs hello -q --source app --since 2026-01-01T06:00:00Z --until 2026-01-01T06:30:00Z").out == (
        "line 6-0\nline 6-1\nline 6-2\n"
    )
    assert opened[:1] == ["06"]


@pytest.mark.parametrize("count", [1, 5, 8, 9, 100])
def test_last_lines_that_are_too_many_to_be_kept_are_the_same(hello, monkeypatch, count):
    for hour in range(1, 4):
        kept_at(hello, hour)
    expected = hello.run(f"logs hello -n {count} --source app").out
    assert len(expected.splitlines()) == min(count, 9)
    monkeypatch.setattr(logs, "KEPT_BYTES", 1)
    assert hello.run(f"logs hello -n {count} --source app").out == expected


def test_of_lines_of_one_moment_no_more_are_shown_than_were_asked_for(hello, monkeypatch):
    monkeypatch.setattr(logs, "KEPT_BYTES", 1)
    hello.paths.access_log.parent.mkdir(parents=True, exist_ok=True)
    hello.paths.access_log.write_text(request_line() * 6)
    assert len(hello.run("logs hello -n 4 --source router").out.splitlines()) == 4


def test_a_container_that_two_remove_is_there_until_its_log_was_read(hello, monkeypatch):
    container_id = hello.scheduler.ids()["web.1"]
    for number in range(3):
        hello.scheduler.write("web.1", f"line {number}")
    hello.ctx.store.apps.set_replicas(hello.app(), [])
    hello.proxy.withdraw(str(hello.app().id))
    reading, go_on = threading.Event(), threading.Event()

    @contextmanager
    def slow(container_id, since):
        def lines():
            yield hello.scheduler.logs(container_id, None)[0]
            reading.set()
            go_on.wait(SECONDS)
            # As the engine: nothing more of one that is gone.
            yield from hello.scheduler.logs(container_id, None)[1:]

        yield lines()

    monkeypatch.setattr(hello.scheduler, "read_log", slow)
    first, second = [threading.Thread(target=hello.scheduler.remove, args=(container_id,)) for _ in range(2)]
    first.start()
    assert reading.wait(SECONDS)
    second.start()
    second.join(0.3)
    go_on.set()
    first.join()
    second.join()
    assert hello.run("logs hello -q --source app").out == "line 0\nline 1\nline 2\n"
