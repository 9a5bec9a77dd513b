"""``apps:lock`` and its like."""

import threading
from contextlib import suppress

import pytest

from fakes import ADMIN, DEPLOYER, VIEWER, eventually
from paas.store.locks import Locks


def test_a_locked_app_refuses_changes_with_who_why_and_until_when(hello):
    locked = hello.run("apps:lock hello --reason 'moving the database' --for 2h", caller=DEPLOYER)
    words = "moving the database (by alice, since 2026-01-01T00:00:00Z, until 2026-01-01T02:00:00Z)"
    assert locked == (0, "", f"-----> Locked hello: {words}\n")
    assert hello.run("apps:locked hello", caller=VIEWER) == (0, f"{words}\n", "")
    refused = hello.run("ps:scale hello web=2")
    assert refused == (
        1,
        "",
        " !     hello is locked: moving the database\n"
        " !     By alice, since 2026-01-01T00:00:00Z, until 2026-01-01T02:00:00Z.\n"
        " !     Run 'apps:unlock hello' if you may, or wait for it: "
        "'--lock-wait 10m', 'git push -o lock-wait=10m'. [locked]\n",
    )
    assert hello.scheduler.labels() == ["web.1"]


@pytest.mark.parametrize(
    "line",
    ["config:set hello A=1 --no-restart", "domains:add hello a.example", "nginx:set hello proxy-buffering on",
     "apps:rename hello other", "apps:destroy hello --force", "releases:rollback hello", "ps:stop hello",
     "ps:restart --all", "config:set --app hello A=1"],
)  # fmt: skip
def test_whatever_changes_the_app_is_refused(hello, line):
    hello.run("apps:lock hello")
    result = hello.run(line)
    assert (result.status, "hello is locked: no reason given" in result.err) == (1, True)


@pytest.mark.parametrize(
    "line", ["config hello", "config:export hello", "ps hello", "cleanup hello", "logs hello", "builds:list hello"]
)
def test_looking_at_it_is_not(hello, line):
    hello.run("apps:lock hello")
    assert hello.run(line).status == 0


@pytest.mark.real("git")
def test_a_push_is_refused_before_anything_is_taken(hello):
    hello.run("apps:lock hello --reason holidays")
    pushed = hello.push("hello", {"file": "2"})
    assert pushed.status != 0
    assert "hello is locked: holidays" in pushed.err
    assert hello.app().version == 1
    hello.run("apps:unlock hello")
    assert hello.begin_push("hello").wait().status == 0


@pytest.mark.real("git")
def test_a_push_waits_for_the_lock_if_it_is_told_to(hello):
    hello.run("apps:lock hello --reason holidays")
    hello.commit("hello", {"file": "2"})
    with hello.clock.standing():
        waiting = hello.begin_push("hello", "-o", "lock-wait=1h", "main")
        eventually(lambda: "hello is locked: holidays" in waiting.err and "waiting at most 3600 s" in waiting.err)
        hello.run("apps:unlock hello")
        assert waiting.wait().status == 0
    assert hello.app().version == 2


@pytest.mark.real("git")
@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("lock-wait=soon", "-o lock-wait"),
        ("ci.skip", "there is no push option 'ci.skip'"),
    ],
)
def test_a_push_option_that_means_nothing_is_refused(hello, option, said):
    hello.commit("hello", {"file": "2"})
    pushed = hello.begin_push("hello", "-o", option, "main").wait()
    assert (pushed.status, said in pushed.err) == (1, True)
    assert hello.app().version == 1


def test_other_apps_are_not_touched_by_a_lock(hello):
    hello.run("apps:lock hello")
    assert hello.run("apps:create other").status == 0
    assert hello.run("config:set other A=1").status == 0


def test_a_lock_ends_at_its_time(hello):
    hello.run("apps:lock hello --for 10m")
    hello.clock.advance(599)
    assert hello.run("config:set hello A=1").status == 1
    hello.clock.advance(1)
    assert hello.run("apps:locked hello") == (1, "", "")
    assert hello.run("config:set hello A=1").status == 0


def test_unlocking(hello):
    hello.run("apps:lock hello", caller=DEPLOYER)
    assert hello.run("apps:unlock hello").err == "-----> Unlocked hello\n"
    assert hello.run("apps:unlock hello").err == "-----> hello was not locked\n"
    assert hello.run("apps:locked hello").status == 1


def test_a_lock_of_somebody_else_is_not_replaced(hello):
    hello.run("apps:lock hello --reason mine", caller=DEPLOYER)
    assert "hello is locked: mine" in hello.run("apps:lock hello --reason other").err
    assert hello.run("apps:lock hello --reason better", caller=DEPLOYER).status == 0
    assert "better" in hello.run("apps:locked hello").out
    assert hello.run("apps:report hello --apps-locked").out == "true\n"


def test_a_viewer_may_not_lock(hello):
    assert hello.run("apps:lock hello", caller=VIEWER).status == 1
    assert hello.run("apps:unlock hello", caller=VIEWER).status == 1


def test_a_change_waits_for_the_lock_if_it_is_told_to(hello):
    hello.run("apps:lock hello --reason later")
    # The clock of tests is over at once with all waiting: so is this wait, without success.
    refused = hello.run("ps:scale hello web=2 --lock-wait 60s")
    assert (refused.status, "waiting at most 60 s" in refused.err) == (1, True)
    hello.run("apps:unlock hello")
    assert hello.run("ps:scale hello web=2 --lock-wait 60s").status == 0


def test_a_change_goes_on_once_the_lock_is_gone(hello):
    hello.run("apps:lock hello --reason later")
    with hello.clock.standing():
        scale = hello.begin("ps:scale hello web=2 --lock-wait 60s")
        eventually(lambda: "waiting at most" in scale.err)
        hello.run("apps:unlock hello")
        assert scale.wait().status == 0


def test_only_commands_that_change_an_app_can_wait(hello):
    assert hello.run("ps hello --lock-wait 60s").status == 2
    assert hello.run("ps:scale hello web=2 --lock-wait soon").status == 2


@pytest.mark.real("git")
def test_what_is_under_way_when_the_lock_comes_goes_on(hello):
    hello.commit("hello", {"file": "2"})
    with hello.gates.hold("build") as gate:
        push = hello.begin_push("hello")
        gate.wait_until_reached()
        assert hello.run("apps:lock hello").status == 0
        gate.open()
    assert push.wait().status == 0


def test_a_lock_outlives_the_daemon_and_goes_with_its_app(hello, another):
    hello.run("apps:lock hello --reason kept")
    after = another("after", hello.killed)
    assert "kept" in after.run("apps:locked hello").out
    after.run("apps:unlock hello")
    assert after.run("apps:destroy hello --force").status == 0


def test_of_two_who_lock_at_once_one_has_the_lock(hello, monkeypatch):
    get, both = hello.ctx.store.table(Locks).get, threading.Barrier(2)

    def read(app):
        found = get(app)
        # Until the other one has looked, too, if it can ahead) is through.
        with suppress(threading.BrokenBarrierError):
            both.wait(0.3)
        return found

    monkeypatch.setattr(hello.ctx.store.table(Locks), "get", read)
    sessions = [hello.begin("apps:lock hello", caller=caller) for caller in (ADMIN, DEPLOYER)]
    assert sorted(session.wait().status for session in sessions) == [0, 1]
