"""What is checked, how patiently, and what is restarted when."""

import json
from dataclasses import asdict

import pytest

from paas.core.containers.tcp_table import Listener
from paas.core.health import checks, liveness
from paas.core.health.checks import Check, Mode
from paas.core.health.liveness import CheckState, RestartHistory
from paas.core.health.outcome import Answer, CheckOutcome, came, of_answer
from paas.core.model import Process
from paas.store.releases import _process

IMAGE = Check(name="HEALTHCHECK", command=("true",))
LISTENS = Check(listening=True)


def test_the_default_check_depends_on_whether_requests_come():
    assert checks.for_start((), 5000, None, web=True) == (Check(below=500),)
    assert checks.for_start((), 9000, None, web=False) == (LISTENS,)
    assert checks.for_start((), None, None, web=False) == (Check(uptime=1.0),)


def test_the_checks_of_the_app_go_before_those_of_the_image():
    alive = Check("liveness", path="/alive")
    own = Check("readiness", path="/ready")
    assert checks.for_start((), 5000, IMAGE, web=True) == (LISTENS, IMAGE)
    assert checks.for_start((), None, IMAGE, web=False) == (Check(uptime=1.0),)
    assert checks.for_start((own, alive), 5000, IMAGE, web=True) == (own,)
    assert checks.for_start((alive,), 5000, IMAGE, web=True) == (Check(below=500),)
    assert checks.alive((own, alive)) == (alive,)


def test_what_takes_requests_has_to_listen_whatever_is_checked():
    command, elsewhere = Check(command=("true",)), Check(port=9000)
    assert checks.for_start((command,), 5000, None, web=True) == (LISTENS, command)
    assert checks.for_start((elsewhere,), 5000, None, web=True) == (LISTENS, elsewhere)
    assert checks.for_start((Check(port=5000),), 5000, None, web=True) == (Check(port=5000),)
    assert checks.for_start((command,), None, None, web=False) == (command,)


def test_a_check_that_says_its_own_attempts_is_waited_for_so_long():
    assert checks.patience(Check(), 60) == 60
    assert checks.patience(Check(initial_delay=10), 60) == 70
    assert checks.patience(Check(attempts=4), 60) == 20
    assert checks.patience(Check(wait=2, initial_delay=1), 60) == 7
    assert checks.patience(Check(uptime=90), 60) == 90


def test_tries_become_slower_up_to_what_the_check_says():
    assert [checks.pause(Check(), failed) for failed in (1, 2, 3, 9, 1000)] == [0.02, 0.04, 0.08, 0.25, 0.25]
    assert checks.pause(Check(wait=5), 1000) == 5


@pytest.mark.parametrize(
    ("said", "check"),
    [
        (None, None),
        ({"Test": []}, None),
        ({"Test": ["NONE"]}, None),
        ({"Test": ["CMD", "a", "b"]}, Check(name="HEALTHCHECK", command=("a", "b"), timeout=30)),
        (
            {"Test": ["CMD-SHELL", "a b"], "Timeout": 2_000_000_000, "StartPeriod": 5_000_000_000, "Retries": 3},
            Check(name="HEALTHCHECK", command=("/bin/sh", "-c", "a b"), timeout=2, start_period=5),
        ),
    ],
)
def test_the_images_healthcheck_becomes_a_command(said, check):
    assert checks.of_image(said, None) == check


def test_a_process_is_read_back_as_it_was_stored_and_old_rows_too():
    check = Check("liveness", "n", "/x", 1, "c", (("A", "b"),), ("d",), attempts=3, wait=0.5)
    process = Process("web", "a", 5000, (check, Check()), overlap=False, given_port=5000)
    assert _process(json.loads(json.dumps(asdict(process)))) == process
    assert _process({"type": "web", "command": None, "port": 5000}) == Process("web", None, 5000)


@pytest.mark.parametrize(
    ("status", "body", "check", "passed"),
    [
        (200, "", Check(), True),
        (302, "", Check(), True),
        (404, "", Check(), False),
        (404, "", Check(below=500), True),
        (500, "", Check(below=500), False),
        (200, "all ok", Check(content="ok"), True),
        (200, "no", Check(content="ok"), False),
        (500, "ok", Check(content="ok"), False),
    ],
)
def test_an_answer_passes_by_status_and_content(status, body, check, passed):
    assert of_answer(check, Answer(status, body), frozenset()).passed is passed


def test_what_came_is_told_in_words():
    here = (Listener(5000, False),)
    assert came(Check(), CheckOutcome(False, here, Answer(503))) == "it answered with status 503"
    assert came(Check(content="x"), CheckOutcome(False, here, Answer(200, " a\n b"))) == (
        "its response with status 200 was 'a b'"
    )
    assert came(Check(content="x"), CheckOutcome(False, here, Answer(200))) == "its response with status 200 was empty"
    assert came(Check(), CheckOutcome(False, here, "timed out")) == "the request failed: timed out"
    assert came(Check(), CheckOutcome(False)) == "nothing listens on the port"
    command = Check(command=("a",))
    said = CheckOutcome(False, exit_code=3, output="why\n")
    assert came(command, said) == "it exited with status 3 and printed 'why'"
    assert came(command, CheckOutcome(False)) == "it did not finish within 5 s"
    assert came(Check(uptime=3), CheckOutcome(False)) == "it is not up for 3 s yet"


def test_modes_come_from_two_lists():
    assert checks.mode("web", "none", "none") is Mode.ENABLED
    assert checks.mode("web", "_all_", "none") is Mode.DISABLED
    assert checks.mode("web", "none", "worker,web") is Mode.SKIPPED
    assert checks.add("none", ["web"]) == "web"
    assert checks.add("worker", ["web"]) == "web,worker"
    assert checks.add("worker", []) == checks.add("_all_", ["web"]) == "_all_"
    assert checks.drop("_all_", ["web"], ["web", "worker"]) == "worker"
    assert checks.drop("web", ["web"], ["web", "worker"]) == checks.drop("_all_", [], ["web"]) == ""


def test_restarts_become_rarer():
    assert [liveness.pause(number) for number in (0, 1, 2, 3, 4, 5, 6, 10_000)] == [0, 10, 20, 40, 80, 160, 300, 300]
    assert RestartHistory().may_restart(0.0)
    once = liveness.restarted(RestartHistory(), 100.0)
    assert not once.may_restart(109.0) and once.may_restart(110.0)
    assert liveness.forgiven(once, 600.0) == once
    assert liveness.forgiven(once, 700.0).restarts == 0


def test_looks_do_not_drift_but_those_missed_are_not_made_up_for():
    pulse = liveness.passed(CheckState(10.0), 5.0, 10.4)
    assert pulse.due == 15.0
    assert liveness.failed(pulse, 5.0, 42.0, "why") == CheckState(42.0, 1, "why", seen=True)


def test_the_report_says_what_failed_and_when_it_goes_on():
    past = RestartHistory(2, 100.0)
    assert liveness.describe(CheckState(0.0), RestartHistory(), 3, 0.0) == "passing"
    assert liveness.describe(CheckState(0.0, 1, "why"), RestartHistory(), 3, 0.0) == "failed once (why)"
    assert liveness.describe(CheckState(0.0, 3), past, 3, 112.5) == "failed 3 times, restarted 2 times, next try in 8s"
    assert liveness.describe(CheckState(0.0), past, 3, 112.5) == "passing, restarted 2 times"
