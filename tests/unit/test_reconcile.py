"""What the daemon does at its start, after it was killed at any moment."""

import logging
import os
import shutil
from types import SimpleNamespace

import pytest

from fakes import Behaviour
from paas.access import keys
from paas.core.edge.address import local
from paas.core.model import DeploymentStatus, ReleaseState
from paas.edge import dashboard
from paas.git.repository import repository_of
from paas.system.reserve import Reserve


def states(server):
    return [release.state for release in reversed(server.ctx.store.releases.summaries(server.app()))]


def of_apps(server):
    """What is served, without the dashboard."""
    return {key: vhost for key, vhost in server.proxy.served.items() if key != dashboard.KEY}


def last(server):
    return server.ctx.store.deployments.last(server.app())


@pytest.mark.real("git")
@pytest.mark.parametrize("place", ["build", "start", "inspect", "publish"])
def test_a_push_that_was_killed_is_undone_and_can_be_tried_again(hello, another, place):
    ids, served = hello.scheduler.ids(), of_apps(hello)
    refs = repository_of(hello.ctx, hello.app()).refs()
    sha = hello.commit("hello", {"file": "2"})
    with hello.gates.hold(place) as gate:
        push = hello.begin_push("hello")
        gate.wait_until_reached()
        revived = another("revived", hello.killed)
    push.wait()

    assert of_apps(revived) == served
    assert last(revived).status is DeploymentStatus.ABANDONED
    assert ReleaseState.PENDING not in states(revived)
    assert repository_of(revived.ctx, revived.app()).refs() == refs
    assert list((revived.paths.repository(revived.app()) / "quarantine").iterdir()) == []
    revived.repair()
    assert revived.scheduler.ids() == ids

    assert revived.begin_push("hello").wait().status == 0
    revived.quiet()
    assert revived.ctx.store.releases.current(revived.app()).commit == sha


def test_a_change_that_was_killed_after_it_was_recorded_is_finished(hello, another):
    with hello.gates.hold("stop") as gate:
        hello.run("config:set hello A=1")
        gate.wait_until_reached()
        revived = another("revived", hello.killed)
    assert len(revived.scheduler.here) == 2
    revived.repair()
    assert revived.scheduler.running("web.1").environment["A"] == "1"
    assert revived.proxy.vhost("hello").upstreams == local(revived.scheduler.running("web.1").published)


def test_containers_that_are_missing_or_ended_are_started(hello):
    hello.run("ps:scale hello web=2 worker=1")
    kept = hello.scheduler.ids()["web.1"]
    hello.scheduler.vanish("web.2")
    hello.scheduler.crash("worker.1")
    hello.repair()
    assert hello.scheduler.labels() == ["web.1", "web.2", "worker.1"]
    assert hello.scheduler.ids()["web.1"] == kept
    assert all(one.up for one in hello.scheduler.here.values())
    assert set(hello.proxy.vhost("hello").upstreams) == hello.scheduler.addresses()
    assert last(hello).cause == "repair"
    assert states(hello) == [ReleaseState.CURRENT]


def test_where_nothing_is_wrong_nothing_is_done(hello):
    before, deployment = hello.scheduler.ids(), last(hello)
    reloads = hello.proxy.reloads
    hello.repair()
    assert hello.scheduler.ids() == before
    assert last(hello) == deployment
    assert hello.proxy.reloads == reloads


def test_an_app_that_was_stopped_stays_so(hello, another):
    hello.run("ps:stop hello")
    revived = another("revived", hello.killed)
    revived.repair()
    assert revived.scheduler.labels() == []
    assert revived.proxy.vhost("hello").state.value == "stopped"


def test_containers_of_an_app_that_is_gone_are_removed(hello, caplog):
    hello.ctx.proxy.withdraw("1")
    hello.ctx.store.apps.delete(hello.app())
    hello.repair()
    assert hello.scheduler.here == {}
    assert "its app is gone" in caplog.text


def test_the_candidates_of_a_deploy_under_way_are_not_taken_for_surplus(hello):
    with hello.gates.hold("inspect") as gate:
        session = hello.begin("ps:scale hello web=2")
        gate.wait_until_reached()
        hello.repair()
    assert session.wait().status == 0
    hello.quiet()
    assert hello.scheduler.labels() == ["web.1", "web.2"]


def test_a_repair_that_fails_is_logged_with_the_deployment(hello):
    hello.scheduler.vanish("web.1")
    hello.scheduler.tell("web", Behaviour(exits=1))
    hello.repair()
    assert (last(hello).status, last(hello).error) == (DeploymentStatus.FAILED, "exited")
    hello.scheduler.tell("web", Behaviour())
    hello.repair()
    assert hello.scheduler.labels() == ["web.1"]


def test_the_proxy_serves_what_is_recorded_from_the_start_on(hello, another):
    hello.deployed("other")
    hello.proxy.served.pop("1")
    hello.proxy.served["9"] = hello.proxy.served["2"].__class__("ghost", "9", ("ghost.localhost",), local(29999))
    revived = another("revived", hello.killed)
    assert sorted(vhost.app for vhost in of_apps(revived).values()) == ["hello", "other"]


def test_one_app_that_the_proxy_refuses_does_not_keep_the_daemon_from_starting(hello, another, caplog):
    from paas.server import reconcile

    hello.deployed("other")
    hello.proxy.refusals.add("other")
    with caplog.at_level(logging.ERROR):
        reconcile.settle(hello.ctx)
    assert "nginx refuses the configuration of other" in caplog.text
    assert hello.proxy.vhost("hello").live


def test_the_key_file_for_the_host_s_ssh_is_written(hello):
    assert (hello.root / ".ssh" / "authorized_keys").read_text() == ""


def test_a_proxy_that_has_died_is_started_again(hello):
    from paas.server import reconcile

    hello.proxy.stop()
    reconcile.keep_proxy(hello.ctx)
    assert hello.proxy.running()


def test_a_proxy_that_has_died_is_started_from_the_reserve_when_the_disk_is_full(hello, monkeypatch):
    """Before it starts, a file is written that tells the new one from the old."""
    from paas.server import reconcile

    reserve = hello.ctx.paths.reserve
    assert hello.ctx.part(Reserve).keep()
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_bavail=0, f_frsize=1))
    reconcile.keep_proxy(hello.ctx)
    assert reserve.exists()
    hello.proxy.stop()
    start = hello.proxy.start
    there = []
    monkeypatch.setattr(hello.proxy, "start", lambda: (there.append(reserve.exists()), start()))
    reconcile.keep_proxy(hello.ctx)
    assert (there, hello.proxy.running()) == ([False], True)


def test_a_proxy_of_which_something_was_removed_gets_all_apps_again(hello):
    from paas.server import reconcile

    hello.deployed("other")
    hello.proxy.served.clear()
    hello.proxy.whole = False
    reconcile.keep_proxy(hello.ctx)
    assert sorted(vhost.app for vhost in of_apps(hello).values()) == ["hello", "other"]
    reloads = hello.proxy.reloads
    reconcile.keep_proxy(hello.ctx)
    assert hello.proxy.reloads == reloads


def test_folders_and_files_that_somebody_removed_are_made_again(hello):
    folders = ["jobs", "runs", "drains", "buildpacks", "work", "ssh", ".ssh"]
    for name in folders:
        shutil.rmtree(hello.root / name, ignore_errors=True)
    hello.ctx.paths.mend()
    keys.keep_authorized_keys(hello.ctx)
    assert {name: (hello.root / name).stat().st_mode & 0o777 for name in folders} == dict.fromkeys(folders, 0o700)
    assert (hello.root / ".ssh" / "authorized_keys").exists()


def test_a_command_does_not_fail_for_a_folder_that_was_removed_a_moment_ago(hello):
    for name in ("jobs", "runs", "apps", "work", ".ssh"):
        shutil.rmtree(hello.root / name)
    # It writes the file for the host's OpenSSH.
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA ada"
    added = hello.run("ssh-keys:add ada", stdin=key)
    assert added.status == 0, added.err
    assert hello.run("config:set hello A=1").status == 0
    assert hello.deployed("hello", {"file": "new"})
    assert hello.run("builds:output hello").status == 0
