"""``logs*``: what an app's processes wrote, and what happened between."""

import json
import threading

import pytest

from fakes import VIEWER, Behaviour, eventually
from fakes.requests import request_line
from paas.commands.invocation import Terminal
from paas.core.errors import DockerError
from paas.core.logs import json_file
from paas.core.runs.oneoff import RunStatus
from paas.logs.archive import LogArchive
from paas.logs.container_log import EngineSource, form_of
from paas.runs.active import Oneoffs


@pytest.fixture
def talking(hello):
    hello.run("ps:scale hello web=2 worker=1")
    for label, text in (("web.1", "one"), ("worker.1", "two"), ("web.2", "three"), ("web.1", "four")):
        hello.scheduler.write(label, text)
    return hello


@pytest.fixture(params=["files", "api"])
def kept(hello, tmp_path, request):
    """Once as a server that may read the engine's files, and once as one that asks its API."""
    if request.param == "files":
        hello.scheduler.write_logs_to(tmp_path / "engine")
    return hello


def texts(output):
    """``web.1 text`` of every line that a process wrote."""
    lines = [line.partition(" app[")[2].replace("]: ", " ") for line in output.splitlines()]
    return [line for line in lines if line]


def test_lines_of_all_processes_are_merged_by_time(talking):
    result = talking.run("logs hello", caller=VIEWER)
    assert texts(result.out) == ["web.1 one", "worker.1 two", "web.2 three", "web.1 four"]
    assert result.out.startswith("2026-01-01T00:00:")
    assert result.err == ""


def test_how_many_and_whose(talking):
    assert texts(talking.run("logs hello -n 2").out) == ["web.2 three", "web.1 four"]
    assert texts(talking.run("logs hello --num=1").out) == ["web.1 four"]
    assert talking.run("logs hello --num 0").out == ""
    assert texts(talking.run("logs hello -p web").out) == ["web.1 one", "web.2 three", "web.1 four"]
    assert texts(talking.run("logs hello --ps web.2").out) == ["web.2 three"]


def test_a_process_type_that_there_is_not_is_told_beside_the_lines(talking):
    said = " !     hello has no process type {}\n !     {}\n"
    assert talking.run("logs hello -p wbe") == (0, "", said.format("wbe", "Did you mean web?"))
    others = "It has: cron, release, run, web, worker"
    assert talking.run("logs hello -p x.1") == (0, "", said.format("x", others))
    assert talking.run("logs hello -p run.7") == (0, "", "")


def test_plain_and_coloured(talking):
    assert talking.run("logs hello -q -p worker").out == "two\n"
    line = talking.run("logs hello -p worker", terminal=Terminal(80, 24)).out
    assert line.startswith("\x1b[") and line.endswith("app[worker.1]:\x1b[0m two\n")


def test_a_terminal_gets_nothing_that_does_more_than_colour(talking):
    talking.scheduler.write("worker.1", "\x1b]0;title\x07\x1b[31mred\x1b[2J\x08\x1b[Hfour")
    assert talking.run("logs hello -n 1 -q", terminal=Terminal(80, 24)).out == "\x1b[31mredfour\x1b[0m\n"
    # `ssh HOST logs` without -t is shown on a terminal all the same.
    assert talking.run("logs hello -n 1 -q").out == "redfour\n"
    assert talking.run("logs hello -n 1 -q --raw").out == "\x1b]0;title\x07\x1b[31mred\x1b[2J\x08\x1b[Hfour\n"
    assert talking.run("logs hello -n 1 -q --color always").out == "\x1b[31mredfour\x1b[0m\n"
    assert talking.run("logs hello -n 1 -q --color never", terminal=Terminal(80, 24)).out == "redfour\n"
    assert talking.run("logs hello --color never", terminal=Terminal(80, 24)).out == talking.run("logs hello").out
    assert json.loads(talking.run("logs hello -n 1 --format json").out)["text"].startswith("\x1b]0;title")
    assert "--color is one of auto, always, never" in talking.run("logs hello --color blue").err


@pytest.mark.real("git")
def test_the_log_of_a_deploy_whose_containers_wrote_nothing(hello):
    assert hello.push("hello", {"Dockerfile": "FROM scratch\nRUN false\n"}).status
    build = hello.ctx.store.deployments.last(hello.app()).id
    failed = hello.run("logs:failed hello", caller=VIEWER)
    assert failed.out and all(" build[" in line or " deploy[" in line for line in failed.out.splitlines())
    said = f"       Its containers wrote nothing. For the whole output: builds:output {build}"
    assert failed.err.splitlines()[1:] == [said]
    assert len(failed.out.splitlines()) <= 100


@pytest.mark.parametrize("number", ["x", "-1", "1000001", "1.5", ""])
def test_a_number_of_lines_that_is_none(talking, number):
    assert talking.run(["logs", "hello", "-n", number]) == (
        2,
        "",
        f" !     {number!r} is not a number of lines\n !     The range is 0 to 1000000. [invalid-value]\n",
    )


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        ("--since yesterday", "invalid-value"),
        ("--since 1m --until 2m", "usage"),
        ("-t --until 2m", "usage"),
        ("--source web", "invalid-value"),
        ("--grep '('", "invalid-pattern"),
        ("--format xml", "invalid-value"),
        ("--release latest", "invalid-release"),
    ],
)
def test_what_can_not_be_asked_for(talking, flags, code):
    result = talking.run(f"logs hello {flags}")
    assert (result.status, result.out) == (2, "")
    assert f"[{code}]" in result.err


def test_an_app_without_containers_has_no_lines(server):
    server.run("apps:create hello")
    assert server.run("logs hello") == (0, "", "")
    assert server.run("logs nope").status == 20


def test_lines_of_containers_that_are_gone_are_found(kept):
    kept.scheduler.write("web.1", "needle of v1")
    for number in range(3):
        kept.deployed("hello", {"file": str(number)})
        kept.scheduler.write("web.1", f"hay of v{number + 2}")

    found = kept.run("logs hello --grep 'n[e]+dle'").out
    assert texts(found) == ["web.1 needle of v1"]
    every = ["web.1 needle of v1", "web.1 hay of v2", "web.1 hay of v3", "web.1 hay of v4"]
    assert texts(kept.run("logs hello").out) == every
    assert texts(kept.run("logs hello --since 2025-01-01").out) == every
    assert texts(kept.run("logs hello --release v3").out) == every[2:3]
    time = found.split()[0]
    assert texts(kept.run(f"logs hello --until {time}").out) == every[:1]
    assert texts(kept.run(f"logs hello --since {time} --until {time}").out) == every[:1]


def test_they_are_found_after_a_kill_of_the_server_too(kept, another, tmp_path):
    kept.scheduler.write("web.1", "needle")
    kept.deployed("hello", {"file": "2"})
    after = another("after", kept.killed)
    after.scheduler.log_folder = kept.scheduler.log_folder
    assert texts(after.run("logs hello --grep needle").out) == ["web.1 needle"]


@pytest.mark.real("git")
def test_logs_of_what_was_scaled_down_or_failed_are_kept(kept):
    kept.run("ps:scale hello worker=1")
    kept.scheduler.write("worker.1", "I was here")
    kept.run("ps:scale hello worker=0")
    assert texts(kept.run("logs hello -p worker").out) == ["worker.1 I was here"]

    kept.scheduler.tell("web", Behaviour(exits=3, log=("no database",)))
    assert kept.push("hello", {"file": "2"}).status == 1
    assert texts(kept.run("logs hello --release v2").out) == ["web.1 no database"]


def test_what_was_refused_before_its_first_step_hides_no_failed_deploy(kept):
    kept.scheduler.tell("web", Behaviour(exits=3, log=("no database",)))
    assert kept.run("ps:restart hello").status == 1
    told = kept.run("logs:failed hello")
    for line in ("releases:rollback hello v99", "ps:scale hello nosuch=2"):
        assert kept.run(line).status
        assert kept.run("logs:failed hello") == told
    assert "no database" in told.out


@pytest.mark.real("git")
def test_the_last_failed_deploy(kept):
    assert kept.run("logs:failed hello") == (0, "", "       No failed deploy of hello is on record.\n")
    kept.scheduler.write("web.1", "all is well")
    kept.scheduler.tell("web", Behaviour(exits=3, log=("no database",)))
    kept.push("hello", {"file": "2"})
    build = kept.ctx.store.deployments.last(kept.app()).id
    failed = kept.run("logs:failed hello", caller=VIEWER)
    assert texts(failed.out) == ["web.1 no database"]
    assert failed.err == f"=====> hello: build {build} failed, git push by admin [exited]\n"
    assert kept.run("logs:failed --all").out == failed.out
    assert json.loads(kept.run("logs:failed hello --format json").out)["text"] == "no database"
    assert kept.run("logs:failed").status == 2


def test_the_oldest_logs_go_when_there_is_no_room(kept):
    kept.run("logs:set hello store-size 1m")
    for number in range(3):
        kept.scheduler.write("web.1", f"round {number}")
        kept.deployed("hello", {"file": str(number)})
    facts = json.loads(kept.run("logs:report hello --format json").out)
    assert facts["kept-containers"] == "3"

    rows = kept.ctx.store.kept_logs.of(kept.app())
    kept.ctx.store.kept_logs.put(type(rows[1])(**{**vars(rows[1]), "bytes": 2 << 20}))
    kept.scheduler.write("web.1", "round 3")
    kept.deployed("hello", {"file": "3"})
    assert texts(kept.run("logs hello").out) == ["web.1 round 2", "web.1 round 3"]
    folder = kept.paths.logs(kept.app().id)
    assert len(list(folder.iterdir())) == 2


def test_a_destroyed_app_leaves_no_logs(kept):
    kept.scheduler.write("web.1", "bye")
    kept.run("ps:restart hello")
    app = kept.app()
    assert list(kept.paths.logs(app.id).iterdir())
    kept.run("apps:destroy hello --force")
    assert not kept.paths.logs(app.id).exists()
    assert kept.ctx.store.kept_logs.of(app) == []


def test_a_log_that_can_not_be_kept_is_told_and_stops_nothing(hello):
    hello.paths.logs(hello.app().id).write_text("a file where the folder should be")
    assert hello.run("ps:restart hello").status == 0
    assert "Could not archive the log of this process of v1" in hello.run("logs hello -p web.1").out


@pytest.mark.real("git")
def test_the_platform_tells_of_changes_and_crashes(hello):
    hello.run("config:set hello A=1")
    told = hello.run("logs hello --source platform --format json").out
    lines = [json.loads(line) for line in told.splitlines()]
    assert [(line["process"], line["text"]) for line in lines][-2:] == [
        ("config", "config:set A by admin begins"),
        ("config", "config:set A by admin succeeded: v2"),
    ]
    assert lines[-1]["release"] == "v2"

    hello.scheduler.tell("web", Behaviour(port=0))
    hello.push("hello", {"file": "2"})
    last = hello.run("logs hello --source platform").out.splitlines()[-1]
    assert "platform[push]: Error H20 (App boot timeout): git push by admin failed: v3 [not-listening]" in last


def test_requests_are_in_the_log_of_their_app(hello):
    log = hello.paths.access_log
    log.parent.mkdir(parents=True)
    rows = [("hello", "200", "0.001"), ("other", "200", "0.001"), ("hello", "502", "-")]
    with log.open("w") as file:
        for number, (app, status, header) in enumerate(rows):
            file.write(request_line(
                msec=f"1767225600.{number:03}", app=app, app_id=str(1 + (app == "other")), path="/a?b", method="GET",
                status=status, upstream="127.0.0.1:20000", upstream_connect_seconds=header,
                upstream_header_seconds=header,
            ))  # fmt: skip
    lines = hello.run("logs hello --source router").out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith('2026-01-01T00:00:00.000000000Z router[router]: at=info method=GET path="/a?b"')
    assert 'at=error code=H10 desc="App crashed"' in lines[1]
    shown = json.loads(hello.run("logs hello --source router --format json -n 1").out)
    assert (shown["code"], shown["request"]["status"]) == ("H10", "502")


def test_connections_that_were_cut_for_too_many_old_workers_are_in_the_log_of_their_app(hello):
    hello.ctx.store.apps.give_port(hello.app(), "web", 1, 7, 29_999)
    hello.ctx.events.cut({29_999: 3, 1: 9})
    line = hello.run("logs hello --source platform").out
    assert "platform[nginx]: Error H24 (Forced close): 3 connections were ended, " in line


def test_builds_and_deploys_are_shown_when_asked_for(hello):
    hello.deployed("hello", {"file": "2"})
    build = hello.run("logs hello --source build -q -n 4").out
    deploy = hello.run("logs hello --source deploy -q -n 2").out
    assert build.splitlines()[0].startswith("-----> Building hello from ")
    assert deploy.splitlines()[-1] == "-----> Released v2: http://hello.localhost:8080"
    assert "Building" not in hello.run("logs hello").out


def test_following_goes_on_over_deploys_until_the_client_leaves(talking):
    talking.scheduler.tell("web", Behaviour(log=("started",)))
    session = talking.begin("logs hello -t -n 1 -p web", stdin=None)
    eventually(lambda: texts(session.out) == ["web.1 four"])
    talking.scheduler.write("web.1", "five")
    eventually(lambda: texts(session.out) == ["web.1 four", "web.1 five"])

    talking.run("ps:restart hello web")
    eventually(lambda: texts(session.out).count("web.1 started") == 1 and "web.2 started" in texts(session.out))
    talking.scheduler.write("web.2", "six")
    eventually(lambda: texts(session.out)[-1] == "web.2 six")

    session.hang_up()
    talking.scheduler.write("web.2", "seven")
    assert session.wait().status == 130
    assert "seven" not in session.out


def test_following_ends_when_the_app_is_destroyed(talking):
    session = talking.begin("logs hello -t", stdin=None)
    eventually(lambda: "four" in session.out)
    talking.run("apps:destroy hello --force")
    assert session.wait().status == 0


def test_following_shows_the_last_line_of_what_goes_and_what_the_platform_does(kept):
    session = kept.begin("logs hello -t -n 0", stdin=None)
    # It is attached once it has shown a line.
    eventually(lambda: kept.scheduler.write("web.1", "tick") or "tick" in session.out)
    with kept.gates.hold("stop") as gate:
        kept.run("ps:restart hello")
        gate.wait_until_reached()
        gone = next(one for one in kept.scheduler.here.values() if one.container.slot == 0)
        kept.scheduler.write_last(gone.container.id, "last words")
    eventually(lambda: "web.1 last words" in texts(session.out))
    eventually(lambda: "platform[restart]: ps:restart by admin succeeded" in session.out)
    session.hang_up()
    session.wait()
    assert texts(session.out).count("web.1 last words") == 1


def test_what_ends_without_a_newline_is_shown_too(hello, tmp_path):
    hello.scheduler.write_logs_to(tmp_path / "engine")
    session = hello.begin("logs hello -t -n 0 --source app", stdin=None)
    # It is attached once it has shown a line.
    eventually(lambda: hello.scheduler.write("web.1", "tick") or "tick" in session.out)
    log = hello.scheduler.log_file(hello.scheduler.ids()["web.1"])
    with log.open("ab") as file:
        file.write(json_file.encode("2026-01-01T01:00:00.000000000Z", b"half a line"))
    hello.run("ps:restart hello")
    eventually(lambda: texts(session.out)[-1] == "web.1 half a line")
    session.hang_up()
    session.wait()
    assert texts(hello.run("logs hello --source app -n 1").out) == ["web.1 half a line"]


def test_following_survives_a_restart_of_the_engine(kept, monkeypatch):
    session = kept.begin("logs hello -t -n 0 --source app", stdin=None)
    eventually(lambda: kept.scheduler.write("web.1", "before") or "before" in session.out)

    def away(app=None):
        raise DockerError("Docker does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(kept.scheduler, "containers", away)
        kept.ctx.changed.notify()
        kept.scheduler.write("web.1", "meanwhile")
        eventually(lambda: "meanwhile" in session.out)
    kept.ctx.changed.notify()
    kept.run("ps:restart hello")
    eventually(lambda: kept.scheduler.write("web.1", "after") or "after" in session.out)
    session.hang_up()
    assert session.wait().status == 130


@pytest.mark.parametrize("flags", ["", "--since 2025-01-01", "--grep needle"])
def test_a_container_that_is_removed_while_its_log_is_looked_for(kept, monkeypatch, flags):
    kept.scheduler.write("web.1", "needle")
    stale = kept.scheduler.containers(kept.app())
    kept.run("ps:restart hello")

    def gone(container_id, since):
        raise DockerError("Docker refused: reading logs")

    monkeypatch.setattr(kept.scheduler, "containers", lambda app=None: stale)
    monkeypatch.setattr(kept.scheduler, "read_log", gone)
    monkeypatch.setattr(kept.scheduler, "logs", gone)
    assert texts(kept.run(f"logs hello {flags}").out) == ["web.1 needle"]
    # The same where it is removed a moment later: after the look at what is kept.
    monkeypatch.setattr(kept.ctx.store.kept_logs, "of", lambda app: [])
    assert texts(kept.run(f"logs hello {flags}").out) == ["web.1 needle"]


def test_what_runs_wrote_that_have_ended(hello):
    app = hello.app()
    for kind, entry, text in (("run", "", "migrated"), ("cron", "nightly", "swept")):
        now = hello.clock.now()
        run = hello.ctx.store.runs.add(
            app, kind=kind, entry=entry, command="x", actor="ada", version=1, attached=False, now=now, until=now + 9
        )
        hello.ctx.store.runs.finish(run.id, RunStatus.SUCCEEDED, now + 5, 0)
        path = hello.ctx.part(Oneoffs).log_path(run.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"2026-01-01T00:00:01.{run.id}Z {text} first\n2026-01-01T00:00:02.{run.id}5Z {text} last\n")
        hello.ctx.part(LogArchive).keep_run(app, run, f"container-{run.id}", path)
    shown = [line.split("Z ")[1] for line in hello.run("logs hello -n 4").out.splitlines()]
    assert shown == [
        "run[run.1]: migrated first",
        "cron[cron.nightly]: swept first",
        "run[run.1]: migrated last",
        "cron[cron.nightly]: swept last",
    ]
    assert hello.run("logs hello --source cron -q --since 2026-01-01T00:00:02Z").out == "swept last\n"
    assert hello.run("logs hello -p run.1 -q --grep last").out == "migrated last\n"


def test_a_carriage_return_is_a_part_of_its_line(kept):
    session = kept.begin("logs hello -t -n 0 -q --raw --source app", stdin=None)
    eventually(lambda: kept.scheduler.write("web.1", "ready") or "ready" in session.out)
    kept.scheduler.write("web.1", "10%\r20%")
    kept.scheduler.write("web.1", "end")
    eventually(lambda: "end\n" in session.out)
    assert "10%\r20%\nend\n" in session.raw.decode()
    session.hang_up()
    session.wait()


def test_nothing_waits_for_a_silent_log_once_its_follower_has_gone(hello):
    def waiting():
        return [thread for thread in threading.enumerate() if thread.name == "follow"]

    # Those of tests ahead) may still be ending.
    before = set(waiting())
    session = hello.begin("logs hello -t -n 0", stdin=None)
    eventually(lambda: set(waiting()) - before)
    session.hang_up()
    session.wait()
    eventually(lambda: not set(waiting()) - before)


def test_an_app_that_writes_while_its_log_is_read_through_the_api(hello, monkeypatch):
    [container] = hello.scheduler.containers(hello.app())
    lines = [f"2026-01-01T00:00:{at // 1000:02}.{at % 1000:09}Z {at}\n".encode() for at in range(9000)]
    sizes = iter([5000, 7000, 9000])

    def logs(container_id, tail):
        there = lines[: next(sizes)]
        return there[-tail:]

    monkeypatch.setattr(hello.scheduler, "logs", logs)
    monkeypatch.setattr("paas.logs.container_log.MANY", 3000)
    form, now = form_of(container, hello.app()), hello.clock.now()
    source = EngineSource(hello.scheduler, now, container.id, form, lambda: None)
    monkeypatch.setattr(source, "_newest", lambda: lines[: next(sizes)])
    assert [int(line.text) for line in source.backward()] == list(range(4999, -1, -1))


def test_a_long_line_does_not_end_a_log_that_is_read_through_the_api(hello, monkeypatch):
    [container] = hello.scheduler.containers(hello.app())
    time = b"2026-01-01T00:00:0%d.000000000Z "
    whole = [time % 1 + b"first\n", time % 2 + b"long" * 10_000 + b"\n", time % 3 + b"last\n"]
    # Asked for two, the engine gives the last two parts that it has.
    monkeypatch.setattr("paas.logs.container_log.FEW", 2)
    monkeypatch.setattr(
        hello.scheduler, "logs", lambda key, tail: [time % 2 + b"nglong\n", whole[2]] if tail == 2 else whole
    )
    form, now = form_of(container, hello.app()), hello.clock.now()
    source = EngineSource(hello.scheduler, now, container.id, form, lambda: None)
    assert [line.text[:6] for line in source.backward()] == [b"last", b"longlo", b"first"]


def test_what_a_run_writes_is_there_while_it_goes_on(hello):
    go = threading.Event()

    def job(program):
        program.out(b"working\n")
        go.wait(60)
        program.out(b"worked\n")
        return 0

    hello.tasks.tell("job", job)
    session = hello.begin("logs hello -t -n 0 --source run -q", stdin=None)
    hello.run("run:detached hello job")
    eventually(lambda: hello.run("logs hello --source run").out.endswith(" run[run.1]: working\n"))
    assert hello.run("logs hello -q -p run.1 --since 2025-01-01 --source run").out == "working\n"
    eventually(lambda: session.out == "working\n")
    go.set()
    eventually(lambda: not hello.ctx.part(Oneoffs).active(hello.app()))
    eventually(lambda: session.out == "working\nworked\n")
    assert hello.run("logs hello -q --source run").out == "working\nworked\n"
    session.hang_up()
    session.wait()
