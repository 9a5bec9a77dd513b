"""Cron where something fails: the server stops, or the engine does not do as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from fakes import Program, Server, eventually
from paas.core.errors import DockerError, disk_full
from paas.cron import ticker
from paas.runs import active
from paas.runs.active import Oneoffs

HOUR = 3600.0


def deploy(server: Server, *rows: Mapping[str, object]) -> None:
    server.deployed("hello", {"paas.yml": yaml.safe_dump({"cron": list(rows)})})


def entry(**said: object) -> dict[str, object]:
    return {"name": "job", "schedule": "@hourly", "command": "job", **said}


def history(server: Server, name: str = "") -> list[tuple[str, str]]:
    rows = json.loads(server.run(f"cron:history hello {name} --format json").out)
    return [(row["state"], row["note"]) for row in rows]


@pytest.fixture
def queued(hello: Server, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A server that stopped while two runs that were due had not begun: its place to go on from."""
    monkeypatch.setattr(ticker, "AT_ONCE", 1)
    hello.tasks.tell("job", lambda program: 0)
    deploy(hello, entry(), entry(name="job2", command="job", schedule="0 * * * *"))
    scheduler, gate = ticker.CronTicker(hello.ctx), threading.Event()
    scheduler.tick()
    busy = scheduler._pool.submit(gate.wait)
    eventually(busy.running)
    hello.clock.advance(HOUR)
    scheduler.tick()
    scheduler.stop()
    yield hello
    gate.set()


def test_what_had_not_begun_when_the_server_stopped_begins_if_it_is_back_in_time(queued: Server, another: Any) -> None:
    after = another("later", queued.killed)
    after.clock.advance(HOUR + 20)
    after.timers.tick()
    eventually(lambda: history(after) == [("succeeded", "")] * 2)
    after.timers.tick()
    assert history(after, "job2") == [("succeeded", "")]


def test_what_had_not_begun_when_the_server_stopped_is_told_if_it_is_too_late(queued: Server, another: Any) -> None:
    after = another("later", queued.killed)
    after.clock.advance(1.5 * HOUR)
    after.timers.tick()
    after.timers.tick()
    told = "from 2026-01-01T01:00:00Z to 2026-01-01T01:00:00Z; the server was down, or its clock was set"
    assert history(after) == [("missed", told)] * 2


def test_what_had_begun_before_a_kill_does_not_begin_again(hello: Server, another: Any,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    hello.tasks.tell("job", lambda program: 0)
    deploy(hello, entry())
    hello.timers.tick()
    # The kill comes before it is recorded that nothing waits any more.
    monkeypatch.setattr(hello.cron._queue, "begun", lambda waiting: None)
    hello.clock.advance(HOUR)
    hello.timers.tick()
    eventually(lambda: history(hello) == [("succeeded", "")])
    after = another("later", hello.killed)
    after.clock.advance(HOUR + 20)
    after.timers.tick()
    eventually(lambda: not after.cron.starting())
    assert history(after) == [("succeeded", "")]


@pytest.mark.parametrize("how", ["refused", "silent"])
def test_a_run_that_can_not_be_replaced_is_told(hello: Server, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    hello.tasks.tell("job", Program.forever)
    deploy(hello, entry(concurrency="replace"))
    hello.timers.tick()
    hello.clock.advance(HOUR)
    hello.timers.tick()
    eventually(lambda: hello.tasks.names() == ["hello.cron.job.1"])

    def stop(container_id: str, grace: int) -> None:
        if how == "refused":
            raise DockerError("the engine does not answer")

    monkeypatch.setattr(active, "FORGET_SECONDS", 0.01)
    with monkeypatch.context() as patch:
        patch.setattr(hello.tasks, "stop", stop)
        hello.clock.advance(HOUR)
        hello.timers.tick()
        why = {
            "refused": "the engine does not answer",
            "silent": "cron.job was stopped, but Docker has not reported its end",
        }[how]
        eventually(lambda: history(hello) == [("failed", why), ("running", "")])
    assert hello.tasks.names() == ["hello.cron.job.1"]


def test_a_run_of_before_a_restart_has_as_long_to_stop_as_the_app_says(hello: Server, another: Any) -> None:
    hello.run("ps:set hello stop-timeout-seconds 7")
    hello.tasks.tell("job", Program.forever)
    hello.run("run:detached hello job")
    after = another("later", hello.killed)
    assert after.run("run:stop hello").status == 0
    assert after.tasks.grace == [7]


def test_what_was_due_when_nothing_could_be_recorded_is_run_at_the_next_look(
    hello: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    hello.tasks.tell("job", lambda program: 0)
    deploy(hello, entry())
    hello.timers.tick()
    hello.clock.advance(HOUR)

    def full(facts: Mapping[str, str]) -> None:
        raise disk_full("the database")

    with monkeypatch.context() as patch:
        patch.setattr(hello.ctx.store.instance, "set_all", full)
        hello.timers.tick()
    hello.clock.advance(5)
    hello.timers.tick()
    eventually(lambda: history(hello) == [("succeeded", "")])


def test_a_run_that_can_not_start_holds_up_no_later_one(hello: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    hello.tasks.tell("job", lambda program: 0)
    deploy(hello, entry(concurrency="forbid"))
    hello.timers.tick()
    with monkeypatch.context() as patch:

        def away(container_id: str, *more: object) -> None:
            raise DockerError("the engine does not answer")

        patch.setattr(hello.tasks, "start", away)
        patch.setattr(hello.tasks, "save_log", away)
        hello.clock.advance(HOUR)
        hello.timers.tick()
        eventually(lambda: not hello.cron.starting())
    eventually(lambda: not hello.ctx.part(Oneoffs).active(hello.app()))
    assert history(hello) == [("failed", "the engine does not answer")]
    hello.clock.advance(HOUR)
    hello.timers.tick()
    eventually(lambda: [state for state, _ in history(hello)] == ["succeeded", "failed"])
