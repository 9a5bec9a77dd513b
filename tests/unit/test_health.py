"""Waiting for containers to become healthy, and what is told when they don't."""

import pytest

from fakes import Behaviour

LOG = "       web.1 wrote nothing to its log.\n"


def restarted(server, **behaviour):
    server.scheduler.tell("web", Behaviour(**behaviour))
    return server.run("ps:restart hello").err.partition("-----> Started web.1 in 0 ms\n")[2]


def error(*lines):
    return "".join(f" !     {line}\n" for line in lines)


def test_a_slow_start_is_waited_for(hello):
    assert restarted(hello, looks=100) == "-----> Healthy in 0 ms\n-----> Switched the proxy in 0 ms\n"


def test_the_wait_ends_after_the_time_that_is_set(hello):
    hello.run("checks:set hello timeout 2s")
    assert restarted(hello, looks=100) == LOG + error(
        "web.1 did not listen on port 5000 within 2 s",
        "It runs, but has no listening socket.",
        "Make the app listen on $PORT. If it only starts slowly, run 'checks:set hello timeout 120s'. [not-listening]",
    )


@pytest.mark.parametrize("status", [200, 301, 404, 499])
def test_any_answer_below_500_is_a_good_one(hello, status):
    assert restarted(hello, answer=status).startswith("-----> Healthy in 0 ms\n")


def test_the_request_carries_the_first_domain(hello):
    hello.run("domains:add hello www.example.org")
    hello.run("ps:restart hello")
    assert hello.probe.requests[-1] == (hello.scheduler.running("web.1").published, "www.example.org")


def test_nothing_is_requested_before_somebody_listens(hello):
    hello.run("checks:set hello timeout 1s")
    restarted(hello, port=0)
    restarted(hello, loopback=True)
    restarted(hello, port=3000)
    assert hello.probe.requests == []


def test_a_process_without_a_port_has_to_stay_up(hello):
    hello.scheduler.tell("worker", Behaviour(exits=0, looks=40))
    result = hello.run("ps:scale hello worker=1")
    assert result.err.endswith(
        error(
            "worker.1 exited with status 0 instead of staying up",
            "Its command was: ./work",
            "Its last log lines are above. A process must run in the foreground. [exited]",
        )
    )
    hello.scheduler.tell("worker", Behaviour(exits=0, looks=60))
    assert hello.run("ps:scale hello worker=1").status == 0


@pytest.mark.parametrize(
    ("behaviour", "lines"),
    [
        (
            {"exits": 3},
            [
                "web.1 exited with status 3 instead of staying up",
                "Its command was: ./web",
                "Its last log lines are above. A process must run in the foreground. [exited]",
            ],
        ),
        (
            {"exits": 127},
            [
                "web.1 could not be started: exit status 127",
                "The command was not found or is not executable: ./web",
                "Check the command in the Procfile, and that the image has the program and it is executable. "
                "[command-not-found]",
            ],
        ),
        (
            {"out_of_memory": True},
            [
                "web.1 ran out of memory and was killed",
                "The kernel killed it because it exceeded its memory limit or the machine ran out of memory.",
                "Let the app use less memory, or raise the limit (settings:set memory-limit). [out-of-memory]",
            ],
        ),
        (
            {"restarts": 2},
            ["web.1 stopped and was restarted 2 times [crash-loop]"],
        ),
        (
            {"port": 3000},
            [
                "web.1 listens on port 3000, but 5000 was expected",
                "The variable PORT tells the app its port (5000 here).",
                "Make the app listen on $PORT, or run 'config:set hello PORT=3000'. [wrong-port]",
            ],
        ),
        (
            {"loopback": True},
            [
                "web.1 listens on 127.0.0.1:5000 inside its container, where nothing else can reach it",
                "Make the app listen on 0.0.0.0 (all addresses). [listens-on-loopback]",
            ],
        ),
        (
            {"answer": 503},
            [
                "web.1 listens on port 5000, but did not pass its check within 60 s",
                "It answered with status 503.",
                "GET / with 'Host: hello.localhost' must answer with a status below 500. If the app only starts "
                "slowly, run 'checks:set hello timeout 120s'. [bad-answer]",
            ],
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_what_is_told_of_a_process_that_fails(hello, behaviour, lines):
    assert restarted(hello, **behaviour) == LOG + error(*lines)


def test_the_last_forty_lines_of_its_log_are_shown(hello):
    text = restarted(hello, exits=1, log=tuple(f"line {number}" for number in range(50)))
    shown = text.splitlines()
    assert shown[0] == "-----> The last lines of web.1:"
    assert shown[1:41] == [f"       line {number}" for number in range(10, 50)]
    assert shown[41] == " !     web.1 exited with status 1 instead of staying up"


def test_only_the_log_of_the_one_that_failed_is_shown(hello):
    hello.scheduler.tell("worker", Behaviour(exits=1, log=("worker says",)))
    hello.scheduler.tell("web", Behaviour(log=("web says",), looks=150))
    err = hello.run("ps:scale hello web=2 worker=1").err
    assert "worker says" in err
    assert "web says" not in err
    assert hello.scheduler.labels() == ["web.1"]


def test_a_container_that_somebody_removes_meanwhile(hello):
    hello.scheduler.tell("worker", Behaviour(looks=10_000))
    with hello.gates.hold("inspect") as gate:
        session = hello.begin("ps:scale hello worker=1")
        gate.wait_until_reached()
        hello.scheduler.vanish("worker.1")
    assert session.wait().err.endswith(" !     worker.1 was removed while starting [removed]\n")


def test_one_that_ends_while_another_is_still_waited_for_is_noticed_before_the_switch(hello):
    hello.scheduler.tell("web", Behaviour(lives=1, log=("out of luck",)))
    switches = len(hello.proxy.switches)
    result = hello.run("ps:scale hello web=2 worker=1")
    assert result.status == 1
    assert "out of luck" in result.err
    assert "web.2 exited with status 1 instead of staying up" in result.err
    assert hello.scheduler.labels() == ["web.1"]
    assert len(hello.proxy.switches) == switches
