"""``deploy:trace``: where the time of a change went."""

import json

import pytest

from fakes import DEPLOYER, VIEWER


def profile(server, words="hello"):
    return json.loads(server.run(f"deploy:trace {words} --format json", caller=VIEWER).out)


def steps(found):
    return [row["name"] for row in found["spans"] if row["depth"] == 0]


@pytest.mark.real("git")
def test_a_push_is_told_step_by_step_with_what_git_did_in_each(hello):
    hello.push("hello", {"file": "2"})
    found = profile(hello)
    assert (found["build"], found["kind"], found["cause"], found["status"]) == (2, "push", "git push", "succeeded")
    assert [name for name in steps(found) if not name.startswith("(")] == [
        *("receive", "git update-ref", "turn", "read", "build", "release", "start", "health", "switch", "record"),
        *("retire", "git update-ref"),
    ]
    inside = [row["name"] for row in found["spans"] if row["depth"] == 1]
    assert inside[:2] == ["git index-pack", "git rev-list"]
    assert "git read-tree" in inside


def test_people_get_a_line_for_each_span_under_a_title(hello):
    hello.run("ps:restart hello", caller=DEPLOYER)
    shown = hello.run("deploy:trace hello", caller=VIEWER).out.splitlines()
    assert shown[0] == "=====> hello build 2 (ps:restart by alice): succeeded in 0 ms"
    assert [line.split()[0] for line in shown[1:]] == ["turn", "start", "health", "switch", "record", "retire"]
    assert all(line.startswith("       ") for line in shown[1:])


def test_an_earlier_change_is_named_by_its_number(hello):
    hello.run("config:set hello A=1")
    assert profile(hello)["kind"] == "config"
    assert profile(hello, "hello 1")["kind"] == "push"


def test_what_has_no_trace_is_told(hello):
    hello.run("apps:create other")
    hello.run("config:set --no-restart other A=1")
    told = hello.run("deploy:trace other 1")
    assert (told.status, told.out) == (1, "")
    assert told.err.startswith(" !     there is no trace of build 1 of other\n")
    assert "there is no build 99" in hello.run("deploy:trace hello 99").err
    assert hello.run("deploy:trace hello newest").status == 2
    assert hello.run("deploy:trace nosuch").status == 20


def test_traces_are_kept_as_long_as_logs(hello):
    hello.run("settings:set keep-job-logs 1")
    hello.run("ps:restart hello")
    assert hello.run("deploy:trace hello 1").status == 1
    assert profile(hello)["build"] == 2


@pytest.mark.real("git")
def test_a_failed_change_has_a_trace_that_ends_where_it_failed(hello):
    hello.push("hello", {"Dockerfile": "FROM scratch\nRUN false\n"})
    found = profile(hello)
    assert found["status"] == "failed"
    assert steps(found)[-1] == "build"
