"""``cron:*``: what releases run at their times, on a clock that the test sets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import yaml

from fakes import VIEWER, Program, Server, eventually
from paas.runs.active import Oneoffs

HOUR = 3600.0


def deploy(server: Server, *rows: Mapping[str, object]) -> None:
    server.deployed("hello", {"paas.yml": yaml.safe_dump({"cron": list(rows)})})


def entry(**said: object) -> dict[str, object]:
    return {"name": "job", "schedule": "@hourly", "command": "job", **said}


def history(server: Server, name: str = "") -> list[tuple[int, str, int | None]]:
    rows = json.loads(server.run(f"cron:history hello {name} --format json").out)
    return [(row["number"], row["state"], row["exit"]) for row in rows]


def ended(server: Server) -> bool:
    return not server.ctx.part(Oneoffs).active(server.app())


def later(server: Server, seconds: float) -> None:
    """So many seconds pass, as the thread that keeps time would see them."""
    server.clock.advance(seconds)
    server.timers.tick()


@pytest.fixture
def hourly(hello: Server) -> Server:
    """The app with a job for each hour, which the server knows of."""
    hello.tasks.tell("job", lambda program: program.out(b"done\n") or 0)
    deploy(hello, entry())
    hello.timers.tick()
    return hello


def test_a_job_runs_at_its_time_in_a_container_of_the_current_release(hourly: Server) -> None:
    later(hourly, HOUR - 1)
    assert history(hourly) == []
    later(hourly, 1)
    eventually(lambda: history(hourly) == [(1, "succeeded", 0)])
    spec = hourly.tasks.specs[-1]
    assert spec.name == f"hello.cron.job.1-{hourly.tasks.instance[:6]}"
    assert (spec.environment["DYNO"], spec.environment["PAAS_RELEASE"]) == ("cron.job", "v2")
    assert (spec.labels["paas.process"], spec.labels["paas.role"]) == ("cron.job", "cron")
    eventually(lambda: hourly.tasks.names() == [])
    assert hourly.run("cron:logs hello job -q", caller=VIEWER).out == "done\n"
    assert hourly.run("cron:logs hello 1 -q").out == "done\n"
    assert hourly.run("logs hello --source cron").out.endswith(" cron[cron.job]: done\n")
    assert hourly.run("run:list hello --all").out == ""


def test_the_thread_is_told_when_it_is_wanted_next(hourly: Server) -> None:
    hourly.clock.advance(HOUR - 30)
    assert hourly.timers.tick() - hourly.clock.now() == 30


def test_a_look_a_little_late_counts_as_on_time_and_not_twice(hourly: Server) -> None:
    later(hourly, HOUR + 50)
    later(hourly, 1)
    eventually(lambda: history(hourly) == [(1, "succeeded", 0)])


def test_the_list_shows_the_next_time_and_the_last_run(hourly: Server) -> None:
    later(hourly, HOUR)
    eventually(lambda: history(hourly) == [(1, "succeeded", 0)])
    assert json.loads(hourly.run("cron:list hello --format json", caller=VIEWER).out) == [
        {
            "app": "hello", "id": "job", "schedule": "@hourly", "timezone": "UTC", "concurrency": "allow",
            "state": "active", "next": "2026-01-01T02:00:00Z", "last": "succeeded 2026-01-01T01:00:00Z",
            "command": "job",
        }
    ]  # fmt: skip
    assert hourly.run("cron:list").out == hourly.run("cron:list hello").out
    report = json.loads(hourly.run("cron:report hello --format json").out)
    assert (report["tasks"], report["task-job"]) == ("1", "active: @hourly (UTC) job")


def test_what_was_missed_while_the_server_was_down_is_told_and_not_run(hourly: Server, another) -> None:  # type: ignore[no-untyped-def]
    later(hourly, HOUR)
    eventually(lambda: history(hourly) == [(1, "succeeded", 0)])
    after = another("later", hourly.killed)
    after.clock.advance(4.5 * HOUR)
    after.timers.tick()
    after.timers.tick()
    rows = json.loads(after.run("cron:history hello --format json").out)
    assert [(row["state"], row["count"], row["note"]) for row in rows] == [
        ("missed", 3, "from 2026-01-01T02:00:00Z to 2026-01-01T04:00:00Z; the server was down, or its clock was set"),
        ("succeeded", 1, ""),
    ]
    assert after.run("cron:list hello").out.split()[-3] == "missed"
    later(after, 0.5 * HOUR)
    eventually(lambda: history(after)[0] == (3, "succeeded", 0))


def test_a_second_after_a_restart_is_on_time(hourly: Server, another) -> None:  # type: ignore[no-untyped-def]
    hourly.clock.advance(HOUR - 5)
    hourly.timers.tick()
    after = another("later", hourly.killed)
    later(after, HOUR + 10)
    eventually(lambda: history(after) == [(1, "succeeded", 0)])


def test_a_new_entry_was_not_due_before_its_release(hourly: Server) -> None:
    hourly.tasks.tell("other", lambda program: 0)
    hourly.clock.advance(HOUR / 2)
    deploy(hourly, entry(), entry(name="other", command="other", schedule="15 * * * *"))
    hourly.timers.tick()
    assert history(hourly) == []
    later(hourly, 0.75 * HOUR)
    eventually(lambda: sorted(hourly.ctx.store.runs.all(), key=lambda run: run.id)[-1].entry == "other")


def test_entries_change_with_the_release_and_come_back_with_a_rollback(hourly: Server) -> None:
    def ids() -> list[str]:
        return [row["id"] for row in json.loads(hourly.run("cron:list hello --format json").out)]

    deploy(hourly, entry(name="other", command="job"))
    assert ids() == ["other"]
    assert "cron job" in hourly.run("releases:diff hello v2 v3").out
    hourly.run("config:set hello A=1")
    assert ids() == ["other"]
    hourly.run("releases:rollback hello v2")
    assert ids() == ["job"]
    hourly.run("apps:clone hello copy")
    assert [row["app"] for row in json.loads(hourly.run("cron:list --format json").out)] == ["copy", "hello"]


@pytest.mark.real("git")
def test_a_failed_deploy_leaves_the_entries_of_before(hourly: Server) -> None:
    pushed = hourly.push("hello", {"Dockerfile": "FROM scratch\nRUN false\n", "paas.yml": "cron: []\n"})
    assert pushed.status != 0
    assert hourly.run("cron:list hello").out.startswith("hello  job")


@pytest.mark.real("git")
@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"schedule": "61 * * * *", "command": "a"}, "invalid-schedule"),
        ({"schedule": "@daily", "command": "a", "timezone": "Mars/Olympus"}, "invalid-timezone"),
        ({"schedule": "@daily", "comand": "a"}, "invalid-paas-yml"),
    ],
)
def test_a_wrong_entry_refuses_the_push_before_anything_is_built(hello: Server, row: object, code: str) -> None:
    built = len(hello.builder.sources)
    pushed = hello.push("hello", {"paas.yml": yaml.safe_dump({"cron": [row]})})
    assert code in pushed.err
    assert len(hello.builder.sources) == built


def test_a_suspended_entry_rests_over_deploys_until_it_is_resumed(hourly: Server) -> None:
    assert hourly.run("cron:suspend hello job").err == "-----> Suspended job\n"
    deploy(hourly, entry(timeout="5m"))
    later(hourly, HOUR)
    assert "suspended" in hourly.run("cron:list hello").out
    later(hourly, 0.1 * HOUR)
    hourly.run("cron:resume hello job")
    hourly.timers.tick()
    assert history(hourly) == []
    later(hourly, 0.9 * HOUR)
    eventually(lambda: history(hourly) == [(1, "succeeded", 0)])


@pytest.mark.parametrize("how", ["stopped", "maintenance", "property"])
def test_other_reasons_for_a_rest(hourly: Server, how: str) -> None:
    if how == "stopped":
        hourly.run("ps:stop hello")
    elif how == "maintenance":
        deploy(hourly, entry(maintenance=True))
    else:
        hourly.run("cron:set hello maintenance true")
    later(hourly, HOUR)
    state = how.replace("property", "maintenance")
    assert (history(hourly), state in hourly.run("cron:list hello").out) == ([], True)


def test_the_app_s_time_zone_holds_where_the_entry_says_none(hourly: Server) -> None:
    deploy(hourly, entry(schedule="@daily"), entry(name="own", schedule="@daily", timezone="Asia/Tokyo"))
    assert hourly.run("cron:set hello timezone Nowhere/Here").status == 2
    hourly.run("cron:set hello timezone Europe/Berlin")
    rows = json.loads(hourly.run("cron:list hello --format json").out)
    assert [row["next"] for row in rows] == ["2026-01-01T23:00:00Z", "2026-01-01T15:00:00Z"]


def overlapping(server: Server, policy: str) -> None:
    server.tasks.tell("job", Program.forever)
    deploy(server, entry(concurrency=policy))
    server.timers.tick()
    later(server, HOUR)
    eventually(lambda: len(server.tasks.names()) == 1)
    later(server, HOUR)


def test_runs_may_overlap(hello: Server) -> None:
    overlapping(hello, "allow")
    eventually(lambda: hello.tasks.names() == ["hello.cron.job.1", "hello.cron.job.2"])


def test_a_second_run_may_be_forbidden(hello: Server) -> None:
    overlapping(hello, "forbid")
    eventually(lambda: history(hello) == [(2, "skipped", None), (1, "running", None)])
    assert "[cron-busy]" in hello.run("cron:run hello job").err
    assert hello.tasks.names() == ["hello.cron.job.1"]


def test_a_second_run_may_replace_the_first(hello: Server) -> None:
    overlapping(hello, "replace")
    eventually(lambda: history(hello) == [(2, "running", None), (1, "stopped", 143)])
    assert "replaced by the next run" in hello.run("cron:history hello").out
    eventually(lambda: hello.tasks.names() == ["hello.cron.job.2"])


def test_a_run_ends_when_its_time_is_over(hello: Server) -> None:
    hello.tasks.tell("job", Program.forever)
    deploy(hello, entry(timeout="10m"))
    hello.timers.tick()
    later(hello, HOUR)
    # Until it has been started: a container that is there may not be.
    eventually(lambda: not hello.cron.starting())
    later(hello, 599)
    assert history(hello) == [(1, "running", None)]
    later(hello, 1)
    eventually(lambda: history(hello) == [(1, "expired", 143)])


def test_a_run_by_hand_shows_its_output_and_exit_status(hourly: Server) -> None:
    hourly.tasks.tell("job", lambda program: program.err(b"no\n") or 4)
    assert hourly.run("cron:run hello job") == (4, "", "no\n")
    assert hourly.run("cron:run hello job --detach --ttl 5m")[:2] == (0, "2\n")
    eventually(lambda: ended(hourly))
    assert history(hourly) == [(2, "failed", 4), (1, "failed", 4)]
    hourly.run("cron:suspend hello job")
    assert hourly.run("cron:run hello job").status == 4


def test_a_run_by_hand_goes_on_without_its_client(hourly: Server) -> None:
    hourly.tasks.tell("job", Program.forever)
    session = hourly.begin("cron:run hello job", stdin=None)
    eventually(lambda: hourly.tasks.names() == ["hello.cron.job.1"])
    session.hang_up()
    eventually(session.over)
    assert history(hourly) == [(1, "running", None)]


def test_an_engine_that_is_down_is_told_in_the_history(hourly: Server) -> None:
    hourly.tasks.engine_down = True
    later(hourly, HOUR)
    eventually(lambda: history(hourly) == [(1, "failed", None)])
    assert "does not answer" in hourly.run("cron:history hello").out
    hourly.tasks.engine_down = False


@pytest.mark.parametrize("verb", ["run", "suspend", "resume", "logs"])
def test_an_entry_that_there_is_not(hourly: Server, verb: str) -> None:
    assert "[no-such-cron-entry]" in hourly.run(f"cron:{verb} hello x").err


def test_a_year_of_a_daily_job_with_daylight_saving(hello: Server) -> None:
    """Each look at the time that the one before named, as the thread does it."""
    hello.tasks.tell("job", lambda program: 0)
    hello.run("settings:set keep-run-logs 1000")
    deploy(hello, entry(schedule="30 2 * * *", timezone="Europe/Berlin"))
    end = hello.clock.now() + 365 * 86400
    due = hello.cron.tick()
    while due is not None and due < end:
        hello.clock.advance(due - hello.clock.now())
        due = hello.cron.tick()
        eventually(lambda: not hello.cron.starting() and ended(hello))
    runs = hello.ctx.store.runs.all(kind="cron")[::-1]
    times = [datetime.fromtimestamp(run.started_at, ZoneInfo("Europe/Berlin")) for run in runs]
    assert {run.status.value for run in runs} == {"succeeded"}
    assert len({time.date() for time in times}) == len(times) == 365
    odd = [f"{time:%m-%d %H:%M%z}" for time in times if f"{time:%H:%M}" != "02:30"]
    assert odd == ["03-29 03:00+0200"]
