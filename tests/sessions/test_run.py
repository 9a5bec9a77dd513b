"""``run``, ``run:*``, ``enter``: commands in containers, connected with their clients."""

from __future__ import annotations

import json
import re
import shlex
import threading
from collections.abc import Callable
from typing import Any

import pytest

from fakes import DEPLOYER, EPOCH, VIEWER, Behaviour, FakeTasks, Program, Server, eventually
from fakes.programs import TERMINATED
from paas.commands.invocation import Terminal
from paas.core.containers.shell_line import CHOICE
from paas.core.errors import DockerError, disk_full
from paas.core.runs.oneoff import RunStatus
from paas.runs.active import Oneoffs

XTERM = Terminal(100, 30, "xterm-256color")


def cat(program: Program) -> int:
    while data := program.read():
        program.out(data)
    return 0


def states(server: Server) -> list[tuple[str, str, int | None]]:
    """Name, state and exit status of each run, newest first."""
    rows = json.loads(server.run("run:list hello --all --format json").out)
    return [(row["name"], row["state"], row["exit"]) for row in rows]


def test_run_gives_the_output_apart_and_the_exit_status(hello: Server) -> None:
    def work(program: Program) -> int:
        program.out(b"out\n")
        program.err(b"err\n")
        return 42

    hello.tasks.tell("work --hard", work)
    assert hello.run("run hello work --hard", caller=DEPLOYER) == (42, "out\n", "err\n")
    eventually(lambda: hello.tasks.names() == [])
    assert states(hello) == [("run.1", "failed", 42)]
    assert hello.run("run:list hello").out == ""


def test_the_container_is_of_the_current_release_with_its_configuration_and_limits(hello: Server) -> None:
    hello.run("config:set hello GREETING=hi COLOUR=red")
    hello.tasks.tell("env", lambda program: 0)
    assert hello.run("run -e COLOUR=blue --env EXTRA='a b' hello env").status == 0
    spec = hello.tasks.specs[-1]
    assert spec.name == f"hello.run.1-{hello.tasks.instance[:6]}"
    assert {key: spec.environment[key] for key in ("GREETING", "COLOUR", "EXTRA", "DYNO", "PAAS_RELEASE", "PORT")} == {
        "GREETING": "hi", "COLOUR": "blue", "EXTRA": "a b", "DYNO": "run.1", "PAAS_RELEASE": "v2", "PORT": "5000",
    }  # fmt: skip
    assert (spec.labels["paas.process"], spec.labels["paas.release"], spec.labels["com.dokku.dyno"]) == (
        "run.1", "2", "run.1",
    )  # fmt: skip
    assert (spec.pids, spec.interactive, spec.terminal, spec.logged) == (1024, True, None, False)
    assert hello.config() == {"GREETING": "hi", "COLOUR": "red"}


def test_options_of_the_phase_run_hold_for_runs(hello: Server) -> None:
    hello.tasks.tell("env", lambda program: 0)
    assert hello.run("docker-options:add hello run --memory 64m --shm-size 1m").status == 0
    hello.run("run hello env")
    spec = hello.tasks.specs[-1]
    assert (spec.memory, spec.options.shm_size) == (64 << 20, 1 << 20)


def test_a_value_given_to_a_run_is_nowhere_recorded(hello: Server) -> None:
    hello.tasks.tell("env", lambda program: 0)
    hello.run("run -e TOKEN=hunter2 hello env")
    assert "hunter2" not in hello.run("run:list hello --all --format json").out


def test_input_of_any_bytes_comes_back_as_it_was_and_ends_when_the_client_ends_it(hello: Server) -> None:
    hello.tasks.tell("cat", cat)
    data = bytes(range(256)) * 9000
    session = hello.begin("run hello cat", stdin=data)
    assert session.wait_raw() == (0, data)


def test_a_command_that_needs_no_input_ends_although_the_client_is_silent(hello: Server) -> None:
    hello.tasks.tell("true", lambda program: 0)
    assert hello.begin("run hello true", stdin=None).wait().status == 0


@pytest.mark.parametrize(
    ("words", "argv"),
    [
        ("worker", "./work"),
        ("worker --once", "./work --once"),
        ("worker 'a b'", shlex.join(["/bin/sh", "-c", CHOICE, "exec ./work 'a b'"])),
        ("'ls -l'", "ls -l"),
        ("'ls | wc -l'", shlex.join(["/bin/sh", "-c", CHOICE, "ls | wc -l"])),
        ("ls '|'", "ls '|'"),
        ("ls --all -e", "ls --all -e"),
    ],
)
def test_the_words_of_the_command(hello: Server, words: str, argv: str) -> None:
    hello.tasks.tell(argv, lambda program: 7)
    assert hello.run(f"run hello {words}").status == 7


def test_a_terminal_is_raw_has_a_size_and_follows_the_window(hello: Server) -> None:
    raw: list[bool] = []
    program: list[Program] = []

    def top(running: Program) -> int:
        program.append(running)
        running.wait_until(lambda: running.sizes == [(100, 30)])
        running.out(b"first")
        running.wait_until(lambda: running.sizes == [(100, 30), (120, 40)])
        running.out(b"second")
        assert running.read() == b"\x03"
        return 0

    hello.tasks.tell("top", top)
    session = hello.begin("run hello top", stdin=None, terminal=XTERM, set_raw=raw.append)
    eventually(lambda: session.out == "first")
    session.resize(120, 40)
    eventually(lambda: session.out == "firstsecond")
    session.type(b"\x03")
    assert session.wait().status == 0
    assert raw == [True, False]
    assert program[0].environment["TERM"] == "xterm-256color"
    assert hello.tasks.specs[-1].terminal == (100, 30)


def test_no_tty_leaves_the_terminal_alone(hello: Server) -> None:
    raw: list[bool] = []
    hello.tasks.tell("true", lambda program: 0)
    assert hello.begin("run --no-tty hello true", terminal=XTERM, set_raw=raw.append).wait().status == 0
    assert (raw, hello.tasks.specs[-1].terminal) == ([], None)


def test_a_lost_client_ends_its_command(hello: Server) -> None:
    hello.tasks.tell("wait", Program.forever)
    session = hello.begin("run hello wait", stdin=None)
    eventually(lambda: hello.tasks.names() == ["hello.run.1"])
    session.hang_up()
    eventually(lambda: states(hello) == [("run.1", "stopped", 143)])
    eventually(lambda: hello.tasks.names() == [])
    assert "its client disconnected" in hello.run("run:list hello --all").out


@pytest.mark.parametrize("how", ["flag", "property"])
def test_a_lost_client_lets_its_command_go_on_if_that_is_wanted(hello: Server, how: str) -> None:
    def work(program: Program) -> int:
        program.wait_until(lambda: "finish" in told)
        program.out(b"done\n")
        return 0

    told: list[str] = []
    hello.tasks.tell("work", work)
    if how == "property":
        hello.run("run:set hello on-disconnect keep")
    session = hello.begin(f"run {'--on-disconnect keep' if how == 'flag' else ''} hello work", stdin=None)
    eventually(lambda: hello.tasks.names() == ["hello.run.1"])
    session.hang_up()
    session.wait()
    assert states(hello) == [("run.1", "running", None)]
    told.append("finish")
    _nudge(hello.tasks, "hello.run.1")
    eventually(lambda: states(hello) == [("run.1", "succeeded", 0)])
    assert hello.run("run:logs hello").out.endswith("run[run.1]: done\n")


def _nudge(tasks: FakeTasks, name: str) -> None:
    program = tasks.program(name)
    with program.changed:
        program.changed.notify_all()


def test_a_detached_run_prints_its_name_and_keeps_its_log(hello: Server) -> None:
    def work(program: Program) -> int:
        program.out(b"one\ntwo\n")
        return 3

    hello.tasks.tell("work", work)
    assert hello.run("run:detached --force-tty --ttl 5m hello work") == (0, "run.1\n", "")
    eventually(lambda: states(hello) == [("run.1", "failed", 3)])
    assert hello.run("run:logs hello run.1 -q").out == "one\ntwo\n"
    assert hello.run("run:logs hello 1 -q -n 1").out == "two\n"
    assert hello.run("run:logs hello", caller=VIEWER).out.startswith("2026-01-01T00:00:00.000000000Z run[run.1]: one\n")
    assert hello.tasks.specs[-1].logged
    assert hello.run("logs hello --source run -q").out == "one\ntwo\n"


def test_the_log_of_one_that_goes_on_is_followed_to_its_end(hello: Server) -> None:
    def work(program: Program) -> int:
        program.out(b"one\n")
        return program.forever()

    hello.tasks.tell("work", work)
    hello.run("run:detached hello work")
    eventually(lambda: hello.run("run:logs hello -q").out == "one\n")
    session = hello.begin("run:logs hello -t -q")
    eventually(lambda: session.out == "one\n")
    assert hello.run("run:stop hello run.1") == (0, "", "-----> Stopped run.1\n")
    assert session.wait().status == 0
    assert states(hello) == [("run.1", "stopped", 143)]
    assert hello.run("run:stop hello run.1").status == 1


@pytest.mark.parametrize("flags", ["", "-t"])
def test_the_log_of_one_that_ends_while_it_is_looked_for(
    hello: Server, monkeypatch: pytest.MonkeyPatch, flags: str
) -> None:
    looked = threading.Event()

    def work(program: Program) -> int:
        program.out(b"said\n")
        program.wait_until(looked.is_set)
        return 0

    def ended(container_id: str, *how: int) -> None:
        looked.set()
        _nudge(hello.tasks, "hello.run.1")
        eventually(lambda: hello.tasks.names() == [])
        raise DockerError("Docker refused: reading logs")

    hello.tasks.tell("work", work)
    hello.run("run:detached hello work")
    for name in ("log", "follow"):
        monkeypatch.setattr(hello.tasks, name, ended)
    assert hello.run(f"run:logs hello run.1 -q {flags}")[:2] == (0, "said\n")


def test_stop_without_a_name_ends_all_runs_of_the_app(hello: Server) -> None:
    hello.tasks.tell("wait", Program.forever)
    hello.run("run:detached hello wait")
    hello.run("run:detached hello wait")
    assert hello.run("run:stop hello").err == "-----> Stopped run.1\n-----> Stopped run.2\n"
    eventually(lambda: hello.tasks.names() == [])
    assert hello.tasks.grace == [30, 30]


def test_a_run_is_ended_when_its_time_is_over(hello: Server) -> None:
    hello.tasks.tell("wait", Program.forever)
    hello.run("run:detached --ttl-seconds 90 hello wait")
    hello.run("run:detached hello wait")
    started = hello.clock.now()
    assert hello.timers.tick() == started + 60
    hello.clock.advance(89)
    assert hello.timers.tick() == started + 90
    hello.clock.advance(1)
    hello.timers.tick()
    eventually(lambda: states(hello) == [("run.2", "running", None), ("run.1", "expired", 143)])
    hello.clock.advance(86400)
    hello.timers.tick()
    eventually(lambda: [state for _, state, _ in states(hello)] == ["expired", "expired"])


def test_what_a_restart_of_the_server_finds(hello: Server, another) -> None:  # type: ignore[no-untyped-def]
    hello.tasks.tell("wait", Program.forever)
    hello.run("run:detached hello wait")
    attached = hello.begin("run hello wait", stdin=None)
    eventually(lambda: hello.tasks.names() == ["hello.run.1", "hello.run.2"])
    after = another("later", hello.killed)
    assert states(after) == [("run.2", "lost", None), ("run.1", "running", None)]
    eventually(lambda: after.tasks.names() == ["hello.run.1"])
    after.run("run:stop hello")
    eventually(lambda: states(after)[1] == ("run.1", "stopped", 143))
    attached.hang_up()


def test_an_engine_that_comes_up_after_the_server(hello: Server, another) -> None:  # type: ignore[no-untyped-def]
    hello.tasks.tell("wait", Program.forever)
    hello.run("run:detached hello wait")

    hello.tasks.engine_down = True
    after = another("later", hello.killed)
    hello.tasks.engine_down = after.tasks.engine_down = False
    assert states(after) == [("run.1", "running", None)]
    after.timers.tick()
    after.run("run:stop hello")
    eventually(lambda: states(after) == [("run.1", "stopped", 143)])


@pytest.mark.parametrize(("seconds", "state"), [(60, "expired"), (59, "failed")])
def test_of_one_that_ended_while_there_was_no_server_the_engine_knows_when(
    hello: Server, another, seconds: int, state: str  # type: ignore[no-untyped-def]
) -> None:
    hello.tasks.tell("wait", Program.forever)
    hello.run("run:detached --ttl 60s hello wait")
    hello.tasks.engine_down = True
    after = another("later", hello.killed)
    # The server of before has sent SIGTERM, and nothing was recorded any more.
    hello.ctx.part(Oneoffs).shut_down()
    hello.tasks.engine_down = after.tasks.engine_down = False
    after.clock.advance(61)
    after.tasks.program("hello.run.1").signal(TERMINATED)
    eventually(lambda: after.tasks.program("hello.run.1").status is not None)
    after.tasks.end = EPOCH + seconds
    after.timers.tick()
    eventually(lambda: states(after) == [("run.1", state, 143)])
    told = after.run("run:list hello --all --format json").out
    assert ("its time limit was reached" in told) == (state == "expired")


@pytest.mark.parametrize("removed", [True, False])
def test_an_engine_that_goes_away_at_the_end_changes_nothing_of_what_is_recorded(
    hello: Server, monkeypatch: pytest.MonkeyPatch, removed: bool
) -> None:
    remove, asked = hello.tasks.remove, []

    def interrupted(container_id: str) -> None:
        asked.append(container_id)
        if removed or len(asked) > 1:
            remove(container_id)
        if len(asked) == 1:
            raise DockerError("the engine hung up")

    monkeypatch.setattr(hello.tasks, "remove", interrupted)
    hello.tasks.tell("true", lambda program: 0)
    hello.run("run:detached hello true")
    eventually(lambda: len(asked) == 2)
    assert states(hello) == [("run.1", "succeeded", 0)]
    # It was asked, and is at it.
    eventually(lambda: hello.tasks.names() == [])


def test_the_end_of_a_run_that_a_full_disk_has_no_room_for_is_recorded_later(
    hello: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, refused = hello.ctx.store.runs.finish, []

    def full(*words: Any) -> None:
        if not refused:
            refused.append(words)
            raise disk_full("the database")
        finish(*words)

    monkeypatch.setattr(hello.ctx.store.runs, "finish", full)
    hello.tasks.tell("true", lambda program: 0)
    hello.run("run:detached hello true")
    eventually(lambda: hello.tasks.names() == [])
    assert states(hello) == [("run.1", "succeeded", 0)]
    assert (len(refused), hello.ctx.part(Oneoffs).active(hello.app())) == (1, [])


def test_a_run_that_the_engine_does_not_connect_has_failed(hello: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(container_id: str, *, terminal: bool) -> None:
        raise DockerError("Docker does not answer (attaching to a container)", code="engine-down")

    monkeypatch.setattr(hello.tasks, "attach", down)
    hello.tasks.tell("true", lambda program: 0)
    assert hello.run("run hello true").status == 1
    assert states(hello) == [("run.1", "failed", 127)]
    assert (hello.tasks.names(), hello.ctx.part(Oneoffs).active(hello.app())) == ([], [])


def _answering(tasks: FakeTasks, name: str) -> Callable[..., None]:
    does = getattr(tasks, name)

    def answering(*given: object) -> None:
        tasks._answer()
        does(*given)

    return answering


@pytest.mark.parametrize("begin", ["attach", "start"])
def test_an_engine_that_goes_away_before_the_start_leaves_no_run_behind(
    hello: Server, monkeypatch: pytest.MonkeyPatch, begin: str
) -> None:
    hello.tasks.tell("true", lambda program: 0)

    def away(container_id: str, **how: object) -> None:
        hello.tasks.engine_down = True
        raise DockerError("the engine hung up")

    monkeypatch.setattr(hello.tasks, begin, away)
    # Like the real one it answers nothing meanwhile.
    for name in ("save_log", "remove"):
        monkeypatch.setattr(hello.tasks, name, _answering(hello.tasks, name))
    assert "the engine hung up" in hello.run("run --on-disconnect keep hello true").err
    hello.tasks.engine_down = False
    eventually(lambda: hello.tasks.names() == [])
    assert states(hello) == [("run.1", "failed", 127)]
    assert hello.ctx.part(Oneoffs).active(hello.app()) == []


def test_a_run_ends_while_the_settings_are_broken(hello: Server) -> None:
    broken = threading.Event()
    hello.tasks.tell("wait", lambda program: 0 if broken.wait(60) else 1)
    session = hello.begin("run hello wait")
    eventually(lambda: hello.tasks.names() == ["hello.run.1"])
    (hello.paths.root / "paas.yml").write_text("keep-run-logs: [")
    broken.set()
    assert session.wait().status == 0
    eventually(lambda: hello.tasks.names() == [])


def test_only_so_many_runs_are_remembered(hello: Server) -> None:
    hello.tasks.tell("true", lambda program: 0)
    hello.run("settings:set keep-run-logs 2")
    for number in range(4):
        hello.run("run:detached hello true")
        eventually(lambda: not hello.ctx.part(Oneoffs).active(hello.app()), f"run {number}")
    assert [name for name, _, _ in states(hello)] == ["run.4", "run.3"]
    assert len(list(hello.paths.runs.iterdir())) == 2


def test_an_app_that_goes_leaves_no_log_of_its_runs(hello: Server) -> None:
    for entry in range(1100):
        run = hello.ctx.store.runs.add(
            hello.app(), kind="cron", entry=f"{entry}", command="true", actor="cron", version=1, attached=False,
            now=1.0, until=1.0, status=RunStatus.SUCCEEDED,
        )  # fmt: skip
        hello.ctx.part(Oneoffs).log_path(run.id).touch()
    assert hello.run("apps:destroy --force hello").status == 0
    assert list(hello.paths.runs.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "status", "code"),
    [
        ("run hello", 2, "usage"),
        ("run nothing true", 20, "no-such-app"),
        ("run -e TOKEN hello true", 2, "invalid-variable"),
        ("run -e DYNO=x hello true", 2, "reserved-variable"),
        ("run --ttl never hello true", 2, "invalid-value"),
        ("run --on-disconnect explode hello true", 2, "invalid-value"),
        ("run:logs hello", 1, "no-such-run"),
        ("run:logs hello run.9", 1, "no-such-run"),
        ("run:logs hello web.1", 2, "invalid-run"),
        ("enter hello worker", 1, "no-such-container"),
        ("enter hello web.2", 1, "no-such-container"),
    ],
)
def test_what_is_refused(hello: Server, line: str, status: int, code: str) -> None:
    result = hello.run(line)
    assert result.status == status
    assert f"[{code}]" in result.err
    assert hello.tasks.specs == []


def test_a_command_that_the_image_lacks(hello: Server) -> None:
    hello.tasks.tell("missing", lambda program: 0)
    result = hello.run("run hello missing")
    assert (result.status, "missing: no such file" in result.err) == (127, True)
    assert states(hello) == [("run.1", "failed", 127)]
    assert hello.tasks.names() == []


def test_a_viewer_may_not_run_anything(hello: Server) -> None:
    for line in ("run hello true", "run:detached hello true", "enter hello", "sandbox:create", "run:stop hello"):
        assert "[forbidden]" in hello.run(line, caller=VIEWER).err


def test_an_app_that_was_never_deployed_has_nothing_to_run(server: Server) -> None:
    server.run("apps:create empty")
    assert "[not-deployed]" in server.run("run empty true").err


def test_a_locked_app_can_be_looked_into(hello: Server) -> None:
    hello.run("apps:lock hello")
    hello.tasks.tell("true", lambda program: 0)
    assert hello.run("run hello true").status == 0


def test_runs_go_with_their_app(hello: Server) -> None:
    hello.tasks.tell("wait", Program.forever)
    hello.run("run:detached hello wait")
    assert hello.run("apps:destroy hello --force").status == 0
    assert hello.tasks.names() == []
    assert list(hello.paths.runs.iterdir()) == []


def test_runs_are_no_processes_of_the_app(hello: Server) -> None:
    hello.tasks.tell("wait", Program.forever)
    hello.run("run:detached hello wait")
    assert hello.run("ps hello").out.count("\n") == 1
    hello.repair()
    hello.run("ps:restart hello")
    hello.run("cleanup")
    assert hello.tasks.names() == ["hello.run.1"]


def test_enter_runs_a_command_beside_a_process(hello: Server) -> None:
    hello.tasks.tell("env", lambda program: program.out(program.environment["DYNO"].encode()) or 5)
    assert hello.run("enter hello web env")[:2] == (5, "web.1")
    hello.scheduler.tell("worker", Behaviour())
    hello.run("ps:scale hello worker=2")
    assert hello.run("enter hello worker.2 env")[:2] == (5, "worker.2")


def test_enter_is_a_shell_with_a_terminal(hello: Server) -> None:
    def shell(program: Program) -> int:
        program.wait_until(lambda: program.sizes == [(100, 30)])
        program.out(program.environment["TERM"].encode())
        return int(program.read().decode())

    hello.tasks.tell("/bin/sh -c 'if command -v bash >/dev/null; then exec bash; else exec sh; fi'", shell)
    session = hello.begin("enter hello", stdin=b"9", terminal=XTERM)
    assert session.wait()[:2] == (9, "xterm-256color")


def test_enter_reaches_a_run_and_ends_with_its_client(hello: Server) -> None:
    ended: list[str] = []

    def shell(program: Program) -> int:
        program.out(b"$ ")
        try:
            return program.forever()
        finally:
            ended.append("shell")

    hello.tasks.tell("wait", Program.forever)
    hello.tasks.tell("shell", shell)
    hello.run("run:detached hello wait")
    session = hello.begin("enter hello run.1 shell", stdin=None)
    eventually(lambda: session.out == "$ ")
    session.hang_up()
    eventually(lambda: ended == ["shell"])
    assert hello.tasks.names() == ["hello.run.1"]
    ended.clear()
    session = hello.begin("enter --on-disconnect keep hello run.1 shell", stdin=None)
    eventually(lambda: session.out == "$ ")
    session.hang_up()
    session.wait()
    assert ended == []


def test_the_report_of_runs_has_their_properties(hello: Server) -> None:
    out = hello.run("run:report hello").out
    assert re.search(r"Run computed on disconnect: +kill", out)
    assert hello.run("run:set hello ttl 0s").status == 2


def test_an_app_is_cloned_many_times_or_not_at_all(hello: Server) -> None:
    assert "[already-exists]" in hello.run("apps:clone hello hello").err
    hello.run("apps:create class-2")
    assert "[already-exists]" in hello.run("apps:clone --count 3 hello class-").err
    assert hello.run("apps:list").out == "class-2\nhello\n"
    result = hello.run("apps:clone --count 3 --ignore-existing hello class-")
    assert result.status == 0, result.err
    assert hello.run("apps:list").out == "class-1\nclass-2\nclass-3\nhello\n"
    assert hello.run("run:list class-1").status == 0
    assert hello.run("apps:clone --count 0 hello x").status == 2
    assert hello.run("apps:clone --count 2 hello -x").status == 2
