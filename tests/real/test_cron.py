"""Cron with the real engine and the real clock: a run at the next full minute, and overlaps of real containers."""

from __future__ import annotations

import json

import listings
import pytest
from instance import Server, eventually

pytestmark = pytest.mark.real

PAAS_YML = """\
cron:
  - {name: minutely, schedule: "* * * * *", command: "echo $DYNO of $PAAS_RELEASE; exit 3", timezone: Europe/Berlin}
  - {name: quick, schedule: "@yearly", command: worker}
  - {name: allowed, schedule: "@yearly", command: LONG, concurrency: allow}
  - {name: forbidden, schedule: "@yearly", command: LONG, concurrency: forbid}
  - {name: replaced, schedule: "@yearly", command: LONG, concurrency: replace}
  - {name: timed, schedule: "@yearly", command: sleep 1000, timeout: 1s}
""".replace("LONG", "trap 'echo told to end; exit 0' TERM; echo begun; sleep 1000 & wait")


@pytest.fixture(scope="module")
def app(instance: Server, stack: str, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """The instance, with an app that has cron entries and no process that runs."""
    code = tmp_path_factory.mktemp("code")
    (code / "Dockerfile").write_text(f'FROM {stack}\nCMD ["true"]\n')
    (code / "Procfile").write_text("worker: echo hello from $DYNO\n")
    (code / "paas.yml").write_text(PAAS_YML)
    pushed = instance.git_push(code, "jobs")
    assert pushed.status == 0, pushed.err
    return instance


def history(server: Server, entry: str) -> list[tuple[str, int | None]]:
    """State and exit status of each run of the entry, oldest first."""
    rows = json.loads(server.paas(f"cron:history jobs {entry} --format json").out)
    return [(row["state"], row["exit"]) for row in reversed(rows)]


def containers(server: Server, entry: str) -> int:
    """How many containers of the entry run."""
    labels = (f"paas.instance={server.instance()}", f"paas.process=cron.{entry}")
    return len(listings.containers(*labels, ended=False))


def begin(server: Server, entry: str) -> str:
    """Starts a run of the entry and waits until its command has begun; its number."""
    started = server.ssh(f"cron:run jobs {entry} --detach")
    assert started.status == 0, started.err
    number = started.out.strip()
    eventually(lambda: server.paas(f"cron:logs jobs {number} -q").out == "begun\n")
    return number


def test_runs_may_overlap(app: Server) -> None:
    begin(app, "allowed")
    begin(app, "allowed")
    assert containers(app, "allowed") == 2
    assert history(app, "allowed") == [("running", None)] * 2


def test_a_second_run_may_be_forbidden(app: Server) -> None:
    begin(app, "forbidden")
    refused = app.ssh("cron:run jobs forbidden")
    assert (refused.status, "[cron-busy]" in refused.err) == (1, True)
    assert containers(app, "forbidden") == 1


def test_a_second_run_may_replace_the_first(app: Server) -> None:
    first = begin(app, "replaced")
    begin(app, "replaced")
    assert history(app, "replaced") == [("stopped", 0), ("running", None)]
    eventually(lambda: containers(app, "replaced") == 1)
    assert app.paas(f"cron:logs jobs {first} -q").out == "begun\ntold to end\n"


def test_a_run_by_hand_has_its_output_and_exit_status(app: Server) -> None:
    assert app.ssh("cron:run jobs quick")[:2] == (0, "hello from cron.quick\n")
    assert app.ssh("cron:run jobs minutely")[:2] == (3, "cron.minutely of v1\n")


def test_a_run_ends_with_its_time(app: Server) -> None:
    assert app.ssh("cron:run jobs timed --detach").status == 0
    eventually(lambda: history(app, "timed")[0][0] == "expired")


def test_a_run_at_the_next_full_minute(app: Server) -> None:
    app.paas("cron:suspend jobs quick")
    by_clock = lambda: [  # noqa: E731
        row for row in json.loads(app.paas("cron:history jobs minutely --format json").out) if row["by"] == "cron"
    ]
    run = eventually(lambda: [row for row in by_clock() if row["finished"]], 180)[-1]
    assert (run["state"], run["exit"], run["release"]) == ("failed", 3, "v1")
    # Not in the middle of a minute, say; a busy engine may take some seconds.
    assert int(run["started"][-3:-1]) < 30
    assert app.paas(f"cron:logs jobs {run['number']} -q").out == "cron.minutely of v1\n"
    listed = {row["id"]: row["state"] for row in json.loads(app.paas("cron:list jobs --format json").out)}
    assert (listed["minutely"], listed["quick"]) == ("active", "suspended")


def test_running_jobs_go_with_their_app(app: Server) -> None:
    assert containers(app, "allowed") == 2
    assert app.paas("apps:destroy jobs --force").status == 0
    assert [containers(app, entry) for entry in ("allowed", "forbidden", "replaced")] == [0, 0, 0]
