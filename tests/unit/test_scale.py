"""Only the difference is touched; slots and ports."""

import pytest

from fakes import Behaviour, eventually
from paas.core.edge.address import local


def ports(server):
    return {label: server.scheduler.running(label).published for label in server.scheduler.labels()}


def slots(server, label="web.1"):
    return sorted(one.container.slot for one in server.scheduler.here.values() if one.container.label == label)


def test_those_that_stay_are_not_touched(hello):
    first = hello.scheduler.ids()
    hello.run("ps:scale hello web=3 worker=1")
    second = hello.scheduler.ids()
    assert list(second) == ["web.1", "web.2", "web.3", "worker.1"]
    assert second["web.1"] == first["web.1"]
    hello.run("ps:scale hello web=2")
    third = hello.scheduler.ids()
    assert third == {label: second[label] for label in ("web.1", "web.2", "worker.1")}
    assert hello.run("releases hello").out.count("\n") == 1


def test_the_highest_index_goes_first(hello):
    hello.run("ps:scale hello web=4")
    hello.run("ps:scale hello web=1")
    assert hello.scheduler.labels() == ["web.1"]
    assert hello.proxy.vhost("hello").upstreams == local(*ports(hello).values())


def test_the_proxy_lets_go_of_a_container_before_it_ends(hello):
    hello.run("ps:scale hello web=2")
    gone = ports(hello)["web.2"]
    hello.proxy.lingering = True
    with hello.gates.hold("stop") as gate:
        hello.run("ps:scale hello web=1")
        gate.wait_until_reached()
        assert not set(local(gone)) & hello.proxy.addresses()
        assert "web.2" in hello.scheduler.labels()
        assert "web.2  retiring  v1" in hello.run("ps hello").out
    hello.quiet()
    assert hello.scheduler.labels() == ["web.1"]


def test_scaling_to_none_answers_with_a_page(hello):
    hello.run("ps:scale hello web=0")
    assert hello.scheduler.labels() == []
    assert hello.proxy.vhost("hello").state.value == "stopped"
    assert not hello.app().stopped
    hello.run("ps:scale hello web=1")
    assert hello.proxy.vhost("hello").live


def test_deploys_alternate_between_two_slots_with_fixed_ports(hello):
    hello.run("ps:scale hello web=2")
    seen = []
    for _ in range(4):
        hello.run("ps:restart hello")
        seen.append((slots(hello), ports(hello)))
    assert [slot for slot, _ in seen] == [[1], [0], [1], [0]]
    assert seen[0] == seen[2]
    assert seen[1] == seen[3]
    assert not set(seen[0][1].values()) & set(seen[1][1].values())


def test_a_third_generation_takes_another_slot_while_one_still_retires(hello):
    with hello.gates.hold("stop"):
        hello.run("ps:restart hello")
        assert slots(hello) == [0, 1]
        hello.run("ps:restart hello")
        assert slots(hello) == [0, 1, 2]
        names = sorted(one.container.name.split("-")[0] for one in hello.scheduler.here.values())
        assert names == ["hello.web.1.a", "hello.web.1.b", "hello.web.1.c"]
    hello.quiet()
    assert slots(hello) == [2]
    hello.run("ps:restart hello")
    assert slots(hello) == [0]


def test_two_apps_have_different_ports(hello):
    hello.deployed("other")
    hello.run("ps:restart --all")
    used = [one.published for one in hello.scheduler.here.values()]
    assert len(set(used)) == 2
    assert {one.port for app in ("hello", "other") for one in hello.proxy.vhost(app).upstreams} == set(used)


def test_a_container_that_is_gone_is_started_by_the_next_scale(hello):
    hello.run("ps:scale hello web=2")
    kept = hello.scheduler.ids()["web.1"]
    hello.scheduler.vanish("web.2")
    hello.run("ps:scale hello web=2")
    assert hello.scheduler.ids()["web.1"] == kept
    assert hello.scheduler.labels() == ["web.1", "web.2"]


def test_a_container_that_has_ended_is_replaced(hello):
    hello.scheduler.crash("web.1")
    hello.run("ps:scale hello web=1")
    assert hello.scheduler.running("web.1").up


def test_old_containers_finish_their_requests_or_their_time_is_up(hello):
    hello.run("checks:set hello wait-to-retire 5s")
    hello.proxy.lingering = True
    hello.run("ps:restart hello")
    # Fake time: five seconds are over at once.
    assert len(hello.scheduler.here) == 1


@pytest.mark.parametrize("count", [12])
def test_many_start_and_become_healthy_at_the_same_time(hello, count):
    hello.scheduler.tell("web", Behaviour(looks=2))
    hello.run(f"ps:scale hello web={count}")
    assert len(set(ports(hello).values())) == count
    hello.run("ps:restart hello")
    eventually(lambda: len(hello.scheduler.here) == count)
    assert len(hello.proxy.vhost("hello").upstreams) == count
