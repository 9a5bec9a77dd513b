"""``builds:*``: changes of apps, under way and past; attaching to them, cancelling and superseding them."""

import json
import re
from pathlib import Path

import pytest

import paas
from fakes import DEPLOYER, VIEWER, Behaviour, commits, eventually
from paas.core.errors import BuildFailed
from paas.jobs.kinds import KINDS


def test_changes_are_listed_newest_first(hello):
    hello.clock.advance(60)
    hello.run("config:set hello A=1", caller=DEPLOYER)
    hello.scheduler.tell("web", Behaviour(exits=3))
    hello.run("ps:restart hello")
    lines = hello.run("builds:list hello", caller=VIEWER).out.splitlines()
    assert [line.split()[:4] for line in lines] == [
        ["3", "hello", "restart", "failed"],
        ["2", "hello", "config", "succeeded"],
        ["1", "hello", "push", "succeeded"],
    ]
    assert lines[0].endswith("exited")
    assert lines[1].split()[4:] == ["2026-01-01T00:01:00Z", "0.0", "alice", "config:set", "A", "v2"]


def test_changes_are_chosen_by_status_and_kind(hello):
    hello.run("config:set hello A=1")
    hello.run("ps:scale hello worker=1")

    def kinds(line):
        return [row["kind"] for row in json.loads(hello.run(f"builds:list {line} --format json").out)]

    assert kinds("") == kinds("hello") == ["scale", "config", "push"]
    assert kinds("hello --kind push") == ["push"]
    assert kinds("--status failed") == []
    assert hello.run("builds:list --status broken").status == 2


def test_one_change_with_its_steps(hello):
    info = json.loads(hello.run("builds:info 1 --format json", caller=VIEWER).out)
    assert list(info["steps"]) == ["read", "build", "release", "start", "health", "switch", "record", "retire"]
    assert (info["app"], info["status"], info["release"], info["log_kept"]) == ("hello", "succeeded", "v1", True)
    assert json.loads(hello.run("builds:info hello --format json").out) == info
    assert hello.run("builds:info 9").err == (
        " !     there is no build 9\n !     'builds:list' lists them. [no-such-build]\n"
    )
    assert hello.run("builds:info nosuch").status == 20


def test_a_build_of_another_app_is_not_one_of_this_app(hello):
    hello.run("apps:create other")
    hello.run("builds:list other")
    assert "build 1 does not belong to other" in hello.run("builds:info other 1").err
    assert hello.run("builds:info other newest").status == 2


def test_the_log_of_a_change_that_is_over(hello):
    shown = hello.run("builds:output hello")
    assert shown.status == 0
    assert "-----> Building hello from " in shown.out
    assert shown.out.endswith("-----> Released v1: http://hello.localhost:8080\n")


TITLE, CLEARED = "\x1b]0;PWNED\x07", "\x1b[2J"


def test_nothing_in_the_log_of_a_change_does_more_to_a_terminal_than_print(hello):
    hello.scheduler.tell("release", Behaviour(exits=0, looks=2, log=(f"migrating {TITLE}{CLEARED}here",)))
    files = {"Dockerfile": f"FROM scratch\nRUN echo {TITLE}{CLEARED}here\n", "Procfile": "release: a\nweb: b\n"}
    hello.deployed("hello", files)
    shown = hello.run("builds:output hello").out
    assert "[2/2] RUN echo here\n" in shown
    assert "       migrating here\n" in shown
    assert "\x1b" not in shown
    assert "\x1b" not in hello.ctx.jobs.log_path(2).read_text()


def test_the_log_of_a_change_of_before_is_shown_as_cleanly(hello):
    log = hello.ctx.jobs.log_path(1)
    log.write_bytes(log.read_bytes() + f"{TITLE}{CLEARED}here\n".encode())
    shown = hello.run("builds:output hello").out
    assert shown.endswith("\nhere\n")
    assert "\x1b" not in shown


@pytest.mark.real("git")
def test_the_log_of_a_failed_change_ends_with_the_error_which_its_client_reads_once(hello):
    pushed = hello.push("hello", {"Dockerfile": "FROM scratch\nRUN false\n"})
    # What was said to the client, and what git repeats in one line.
    assert pushed.err.count("remote:  !     the image could not be built at [2/2] RUN false") == 1
    shown = hello.run("builds:output hello")
    assert shown.out.endswith(
        " !     the image could not be built at [2/2] RUN false\n !     exit code: 1 [build-failed]\n"
    )
    assert (shown.status, hello.run("builds:output hello --follow").status) == (0, 1)


@pytest.mark.real("git")
def test_a_second_client_attaches_to_a_build_under_way(hello):
    hello.commit("hello", {"file": "2"})
    with hello.gates.hold("build") as gate:
        push = hello.begin_push("hello")
        gate.wait_until_reached()
        attached = hello.begin("builds:output hello current --follow", caller=VIEWER)
        eventually(lambda: "-----> Building hello" in attached.out)
        # Without --follow it is what there is by now.
        assert "-----> Building hello" in hello.run("builds:output hello").out
        gate.open()
        result = attached.wait()
    assert push.wait().status == 0
    assert result.status == 0
    assert result.out.endswith("-----> Released v2: http://hello.localhost:8080\n")


@pytest.mark.real("git")
def test_a_client_that_attaches_and_leaves_does_not_stop_the_build(hello):
    hello.commit("hello", {"file": "2"})
    with hello.gates.hold("build") as gate:
        push = hello.begin_push("hello")
        gate.wait_until_reached()
        attached = hello.begin("builds:output hello --follow")
        attached.hang_up()
        eventually(attached.over)
        gate.open()
    assert push.wait().status == 0


def test_nothing_under_way_is_told(hello):
    message = (
        " !     no deployment of hello is running\n"
        " !     'builds:list hello' lists them. [no-build-under-way]\n"
    )
    assert hello.run("builds:output hello current") == (1, "", message)
    assert hello.run("builds:cancel hello") == (1, "", message)
    assert hello.run("builds:cancel 1") == (
        1, "", " !     build 1 is not running: it is succeeded [no-build-under-way]\n",
    )  # fmt: skip
    assert hello.run("builds:cancel hello", caller=VIEWER).status == 1


@pytest.mark.real("git")
def test_a_build_under_way_is_cancelled_and_what_was_running_goes_on(hello):
    before = hello.scheduler.ids()
    hello.commit("hello", {"file": "2"})
    with hello.gates.hold("build") as gate:
        push = hello.begin_push("hello")
        gate.wait_until_reached()
        cancelled = hello.run("builds:cancel hello", caller=DEPLOYER)
    assert cancelled == (0, "", "-----> Cancelled build 2 of hello (git push)\n")
    result = push.wait()
    assert result.status == 1
    assert "remote:  !     cancelled by alice" in result.err
    assert "[remote rejected] main -> main (cancelled by alice [cancelled])" in result.err
    assert hello.scheduler.ids() == before
    assert hello.run("builds:list hello").out.splitlines()[0].split()[3] == "cancelled"
    # The same push can be tried again.
    assert hello.begin_push("hello").wait().status == 0


@pytest.mark.real("git")
def test_a_queued_change_is_cancelled_by_its_number(hello):
    hello.commit("hello", {"file": "2"})
    with hello.gates.hold("build") as gate:
        push = hello.begin_push("hello")
        gate.wait_until_reached()
        scale = hello.begin("ps:scale hello web=2")
        eventually(lambda: "another deployment is running" in scale.err)
        assert hello.run("builds:list hello").out.splitlines()[0].endswith("waits for its turn")
        assert hello.run("builds:cancel 3").status == 0
        assert scale.wait().status == 1
        gate.open()
    assert push.wait().status == 0
    assert hello.scheduler.labels() == ["web.1"]


@pytest.mark.real("git")
def test_a_build_is_cancelled_even_while_the_proxy_switches(hello):
    before = hello.proxy.vhost("hello")
    hello.commit("hello", {"file": "2"})
    with hello.gates.hold("publish") as gate:
        push = hello.begin_push("hello")
        gate.wait_until_reached()
        cancel = hello.begin("builds:cancel hello")
        eventually(lambda: hello.ctx.jobs.of(hello.app())[0].cancelled.is_set())
        gate.open()
        assert cancel.wait().status == 0
    assert push.wait().status == 1
    assert hello.proxy.vhost("hello") == before
    assert hello.app().version == 1


def test_cancelling_too_late_says_so(hello):
    # Stopping an app is one step, which is not left half done.
    with hello.gates.hold("publish") as gate:
        stop = hello.begin("ps:stop hello")
        gate.wait_until_reached()
        cancel = hello.begin("builds:cancel hello")
        eventually(lambda: hello.ctx.jobs.of(hello.app())[0].cancelled.is_set())
        gate.open()
        result = cancel.wait()
    assert stop.wait().status == 0
    assert result == (
        1,
        "",
        " !     build 2 could not be cancelled: it has already succeeded\n"
        " !     Its result stays; 'releases hello' shows the current state. [too-late]\n",
    )


@pytest.mark.real("git")
def test_a_newer_push_supersedes_one_that_waits_for_its_turn(hello):
    with hello.gates.hold("inspect") as gate:
        scale = hello.begin("ps:scale hello worker=1")
        gate.wait_until_reached()
        hello.commit("hello", {"file": "2"})
        older = hello.begin_push("hello")
        eventually(lambda: "another deployment is running" in older.err)
        hello.commit("hello", {"file": "3"})
        newer = hello.begin_push("hello")
        result = older.wait()
        gate.open()
    assert scale.wait().status == 0
    assert result.status == 1
    assert "(superseded by a newer push [superseded])" in result.err
    assert newer.wait().status == 0
    assert hello.app().version == 2
    rows = json.loads(hello.run("builds:list hello --kind push --format json").out)
    assert [(row["status"], row["note"]) for row in rows[:2]] == [("succeeded", ""), ("cancelled", "superseded")]


@pytest.mark.real("git")
def test_a_newer_push_supersedes_one_that_waits_for_a_build_slot(hello):
    hello.run("settings:set build-concurrency 1")
    hello.deployed("other", {"Dockerfile": "FROM scratch\nCMD other\n"})
    hello.commit("other", {"file": "2"})
    with hello.gates.hold("build") as gate:
        first = hello.begin_push("other")
        gate.wait_until_reached()
        hello.commit("hello", {"file": "2"})
        older = hello.begin_push("hello")
        eventually(lambda: "Waiting for a build slot (1 ahead)" in older.err)
        row = json.loads(hello.run("builds:list hello --format json").out)[0]
        assert (row["status"], row["note"]) == ("queued", "waits for a build slot")
        hello.commit("hello", {"file": "3"})
        newer = hello.begin_push("hello")
        assert "(superseded by a newer push [superseded])" in older.wait().err
        gate.open()
    assert first.wait().status == newer.wait().status == 0


@pytest.mark.real("git")
def test_of_pushes_at_once_that_do_not_go_on_from_each_other_the_first_one_is_deployed(hello):
    source = hello.source("hello")
    assert hello.push("hello").status == 0
    base = (source / "refs/heads/main").read_text().strip()
    pushes = []
    with hello.gates.hold("inspect") as gate:
        scale = hello.begin("ps:scale hello worker=1")
        gate.wait_until_reached()
        for number in range(5):
            commits.point(source / f"refs/heads/side{number}", base)
            hello.commit("hello", {"file": f"of {number}"}, f"side{number}")
            pushes.append(hello.begin_push("hello", f"side{number}:main"))
            eventually(lambda: "another deployment is running" in pushes[-1].err)
        gate.open()
    assert scale.wait().status == 0
    results = [push.wait() for push in pushes]
    assert [result.status for result in results] == [0, 1, 1, 1, 1]
    assert all("fetch and try again" in result.err for result in results[1:])
    assert "superseded" not in "".join(result.err for result in results)


@pytest.mark.real("git")
def test_a_push_at_work_is_not_superseded(hello):
    hello.commit("hello", {"file": "2"})
    with hello.gates.hold("build") as gate:
        older = hello.begin_push("hello")
        gate.wait_until_reached()
        hello.commit("hello", {"file": "3"})
        newer = hello.begin_push("hello")
        eventually(lambda: "another deployment is running" in newer.err)
        gate.open()
        assert older.wait().status == 0
    # It goes on from where the older one has moved the branch.
    assert newer.wait().status == 0
    assert hello.app().version == 3


def test_only_the_logs_of_the_last_changes_are_kept(hello):
    hello.run("settings:set keep-job-logs 2")
    for number in range(3):
        hello.run(f"config:set hello A={number}")
    assert sorted(hello.ctx.jobs.logs()) == [3, 4]
    gone = hello.run("builds:output hello 1")
    assert gone.status == 1
    assert "The logs of the last 2 deployments of an app are kept. [log-gone]" in gone.err


def test_a_kind_that_there_is_not_is_refused(hello):
    assert hello.run("builds:list hello --kind deploy") == (
        2,
        "",
        " !     'deploy' is not a kind of change\n"
        " !     A kind is one of archive, clone, config, create, destroy, image, push, rebuild, rename, repair,"
        " restart, rollback, scale, start, stop, sync. [invalid-value]\n",
    )
    assert hello.run("builds:list hello --status canceled") == (0, "", "")


def test_all_kinds_of_changes_are_known():
    sources = "".join(path.read_text() for path in Path(paas.__file__).parent.rglob("*.py"))
    call = r'[ (]change\(\s*[a-z_.]+,\s*[a-z_.]+,\s*"([a-z]+)"'
    kinds = re.findall(call + r'|kind="([a-z]+)", actor', sources)
    assert {one or other for one, other in kinds} == set(KINDS)


def test_a_commit_whose_files_are_too_large_is_refused_before_any_of_them_is_written(hello):
    assert hello.run("settings:set max-checkout-size 1m").status == 0
    with pytest.raises(BuildFailed) as caught:
        hello.deployed("hello", {"large": "x" * (1 << 20)})
    assert caught.value.code == "checkout-too-large"
    assert "Checked out they may have at most 1.0 MiB" in caught.value.why
    assert not (hello.paths.tree(hello.app()) / "large").exists()
    assert hello.app().version == 1
    hello.run("settings:set max-checkout-size 2m")
    assert hello.deployed("hello", {"small": "x"}).version == 2
