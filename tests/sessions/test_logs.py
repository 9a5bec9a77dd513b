"""``logs``: what an app's processes write."""

import pytest

from paas.commands.invocation import Terminal
from paas.testing import VIEWER, Behaviour, eventually


@pytest.fixture
def talking(hello):
    hello.run("ps:scale hello web=2 worker=1")
    for label, text in (("web.1", "one"), ("worker.1", "two"), ("web.2", "three"), ("web.1", "four")):
        hello.scheduler.write(label, text)
    return hello


def texts(output):
    return [line.partition(" app[")[2].replace("]: ", " ") for line in output.splitlines()]


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
    assert talking.run("logs hello -p clock") == (0, "", "")


def test_plain_and_coloured(talking):
    assert talking.run("logs hello -q -p worker").out == "two\n"
    line = talking.run("logs hello -p worker", terminal=Terminal(80, 24)).out
    assert line.startswith("\x1b[") and line.endswith("app[worker.1]:\x1b[0m two\n")


@pytest.mark.parametrize("number", ["x", "-1", "1000001", "1.5", ""])
def test_a_number_of_lines_that_is_none(talking, number):
    assert talking.run(["logs", "hello", "-n", number]) == (
        2,
        "",
        f" !     {number!r} is not a number of lines\n !     It is from 0 to 1000000. [invalid-value]\n",
    )


def test_an_app_without_containers_has_no_lines(server):
    server.run("apps:create hello")
    assert server.run("logs hello") == (0, "", "")
    assert server.run("logs nope").status == 20


def test_following_goes_on_over_deploys_until_the_client_leaves(talking):
    talking.scheduler.tell("web", Behaviour(log=("started",)))
    session = talking.begin("logs hello -t -n 1 -p web", stdin=None)
    eventually(lambda: texts(session.out) == ["web.1 four", "web.2 three"] or "web.2 three" in texts(session.out))
    talking.scheduler.write("web.1", "five")
    eventually(lambda: "web.1 five" in texts(session.out))

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
