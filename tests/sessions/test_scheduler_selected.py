"""An app selects its scheduler, and moves to it with its next deploy: completely, or not at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes import Behaviour, Copies, Server
from paas.core.errors import ProxyError
from paas.server.watch import Watcher

PROCFILE = {"Procfile": "web: ./web\nworker: ./work\n"}


@pytest.fixture
def both(blank: Copies, tmp_path: Path) -> Iterator[Server]:
    """A server with two schedulers, whose app runs on the first one."""
    server = Server(blank.make(tmp_path / "root"), cluster=True)
    server.deployed("hello", PROCFILE)
    yield server
    server.close()


def reached(server):
    return {address.host for address in server.proxy.vhost("hello").upstreams}


def test_an_app_runs_on_docker_engine_until_it_selects_another_one(both):
    assert both.run("scheduler:report hello --scheduler-computed-selected").out == "docker-local\n"
    assert both.run("scheduler:report hello --scheduler-running-on").out == "docker-local\n"
    assert both.scheduler.labels() == ["web.1"]


def test_a_scheduler_that_is_not_there_is_refused(both):
    refused = both.run("scheduler:set hello selected k3s")
    assert refused.status == 1
    assert refused.err == (
        " !     this server has no scheduler 'k3s'\n"
        " !     It has: docker-local, memory\n"
        " !     Select one of them: 'scheduler:set APP selected NAME'. [no-such-scheduler]\n"
    )
    assert both.run("scheduler:report hello --scheduler-computed-selected").out == "docker-local\n"


def test_the_next_deploy_moves_the_app(both):
    assert both.run("scheduler:set hello selected memory").status == 0
    assert both.scheduler.labels() == ["web.1"]

    both.deployed("hello", {"file": "2"})

    assert both.run("scheduler:report hello --scheduler-running-on").out == "memory\n"
    assert both.scheduler.labels() == []
    assert [one.label for one in both.cluster.containers()] == ["web.1"]
    assert reached(both) == {"10.0.0.1"}


def test_a_restart_moves_it_too_and_back_again(both):
    both.run("scheduler:set hello selected memory")
    assert both.run("ps:restart hello").status == 0
    assert both.scheduler.labels() == []

    both.run("scheduler:set hello selected")
    assert both.run("ps:restart hello").status == 0

    assert both.scheduler.labels() == ["web.1"]
    assert both.cluster.services == {}
    assert reached(both) == {"127.0.0.1"}


def test_a_move_that_fails_leaves_the_app_where_it_was(both):
    before = both.scheduler.ids()
    both.run("scheduler:set hello selected memory")
    both.cluster.tell("web", Behaviour(exits=1))

    failed = both.try_deploy("hello", {"file": "2"})

    assert failed.status == 1
    assert "web.1 exited with status 1" in failed.err
    assert both.scheduler.ids() == before
    assert both.cluster.services == {}
    assert both.app().scheduler == "docker-local"
    assert reached(both) == {"127.0.0.1"}


def test_what_a_crash_in_a_move_left_is_removed(both, tmp_path):
    both.run("scheduler:set hello selected memory")
    with both.gates.hold("stop") as gate:
        both.begin("ps:restart hello")
        gate.wait_until_reached()
        again = both.killed(tmp_path / "again")
    both.quiet()
    assert again.scheduler.labels() == ["web.1"]

    again.repair()

    assert again.scheduler.labels() == []
    assert reached(again) == {"10.0.0.1"}
    again.close()


def test_a_machine_is_lost_while_a_deploy_is_under_way(both):
    both.run("scheduler:set hello selected memory")
    both.run("ps:restart hello")
    both.run("ps:scale hello web=2")
    watcher = Watcher(both.ctx)
    with both.ctx.jobs.hold(both.app(), "a deploy"):
        both.cluster.fail(both.cluster.of("web.2").container.node)
        both.cluster.work()
        watcher.look_at(both.app().id)
        watcher.tick()
        assert set(both.proxy.vhost("hello").upstreams) == both.cluster.addresses()


def test_an_app_without_a_machine_for_it_is_not_deployed(both):
    both.run("scheduler:set hello selected memory")
    both.run("checks:set hello timeout 10s")
    both.cluster.nodes = dict.fromkeys(both.cluster.nodes, False)

    failed = both.try_deploy("hello", {"file": "2"})

    assert "the cluster found no machine for web.1 in 10 s" in failed.err
    assert both.scheduler.labels() == ["web.1"]
    assert both.cluster.services == {}


def test_an_edge_that_fails_while_a_machine_is_lost_is_tried_again(both, monkeypatch, caplog):
    both.run("scheduler:set hello selected memory")
    both.run("ps:restart hello")
    watcher = Watcher(both.ctx)
    both.cluster.fail(both.cluster.of("web.1").container.node)
    both.cluster.work()
    publish = both.proxy.publish

    def refuse(*vhosts):
        raise ProxyError("nginx does not answer")

    monkeypatch.setattr(both.proxy, "publish", refuse)
    watcher.look_at(both.app().id)
    watcher.tick()
    assert "Could not publish where hello runs now: nginx does not answer" in caplog.text
    monkeypatch.setattr(both.proxy, "publish", publish)
    watcher.tick()
    assert set(both.proxy.vhost("hello").upstreams) != both.cluster.addresses()

    both.clock.advance(60)
    watcher.tick()

    assert set(both.proxy.vhost("hello").upstreams) == both.cluster.addresses()
