"""The scheduler for one host: its choices of ports and networks, and what it hands to the engine."""

import ipaddress
from contextlib import contextmanager

import pytest

from paas.core.containers.container import ContainerSpec
from paas.core.containers.image import StoredImage
from paas.core.containers.shell_line import CHOICE
from paas.core.errors import DockerError
from paas.core.model import Ending, Process, Release, Replica
from paas.core.releases.rollout import Candidate
from paas.core.secret import Secret
from paas.schedulers.base import ContainerLimits
from paas.schedulers.docker.api import ImageRow
from paas.schedulers.docker.local import DockerLocal
from paas.store import Store
from paas.system.probe import Probe
from paas.system.settings_file import SettingsFile


class FakeDocker:
    """The engine's networks, containers and image names; refuses what an engine would."""

    instance = "0123456789ab"

    def __init__(self):
        self.ranges = {"bridge": ["172.17.0.0/16"], "host": [], "six": ["fd00::/64"]}
        self.elsewhere = []
        self.specs = {}
        self.started = []
        self.names = ["paas-012345/1:v1", "paas-012345/1:v2", "paas-012345/11:v1"]
        self.gone = []
        self.ends = []

    def networks(self):
        return dict(self.ranges)

    def names_in(self, repository):
        start = repository.removesuffix("*") if repository.endswith("*") else f"{repository}:"
        return [name for name in self.names if name.startswith(start)]

    def own_networks(self):
        return [name for name in self.ranges if name.startswith("paas-")]

    def create_network(self, name, subnet, app_id):
        everything = [*self.ranges.values(), self.elsewhere]
        used = [network for ranges in everything for network in ranges if ":" not in network]
        if any(ipaddress.ip_network(subnet).overlaps(ipaddress.ip_network(other)) for other in used):
            raise DockerError(f"the network {subnet} is in use", code="network-overlap")
        self.ranges[name] = [subnet]

    def remove_network(self, name):
        self.ranges.pop(name, None)

    def create(self, spec):
        assert spec.network in self.ranges
        self.specs[f"id{len(self.specs)}"] = spec
        return f"id{len(self.specs) - 1}"

    def start(self, container_id):
        assert container_id in self.specs
        self.started.append(container_id)

    def containers(self, app_id=None):
        return []

    def stop(self, container_id, grace):
        self.gone.append(("stop", container_id, grace))

    def restart(self, container_id, grace):
        assert container_id in self.specs

    @contextmanager
    def endings(self):
        yield iter(self.ends)

    def image_sizes(self):
        raise DockerError("Docker refused: asking for its disk usage", code="engine-refused")

    def images(self):
        return [ImageRow("sha256:1", 1, ("paas-012345/1:v1",))]

    def everything(self, app_id=None):
        return {}

    def remove(self, container_id):
        self.gone.append(("remove", container_id))

    def image_names(self):
        return list(self.names)

    def remove_image(self, name):
        self.names.remove(name)
        return True


class Ports(Probe):
    """A host on which some ports are taken, with one route."""

    def __init__(self):
        self.taken = set()

    def port_is_free(self, port):
        return port not in self.taken

    def routed_networks(self):
        return [(int(ipaddress.ip_address("10.208.1.0")), 0xFFFFFF00)]


@pytest.fixture
def host(tmp_path):
    class Host:
        store = Store(tmp_path)
        docker = FakeDocker()
        probe = Ports()
        settings = SettingsFile(tmp_path / "paas.yml", {})
        app = store.apps.create("hello", actor="ada", now=1.0)
        other = store.apps.create("other", actor="ada", now=1.0)
        scheduler = DockerLocal(docker, store, settings, probe, None)

    yield Host
    Host.store.close()


def test_a_slot_keeps_its_port_and_no_two_have_the_same(host):
    given = {
        (app.name, index, slot): host.scheduler.port(app, "web", index, slot)
        for app in (host.app, host.other)
        for index in (1, 2)
        for slot in (0, 1)
    }
    assert len(set(given.values())) == 8
    assert all(20_000 <= port <= 29_999 for port in given.values())
    again = DockerLocal(host.docker, host.store, host.settings, host.probe, None)
    assert again.port(host.app, "web", 2, 1) == given["hello", 2, 1]


def test_a_port_that_something_else_took_is_replaced(host):
    first = host.scheduler.port(host.app, "web", 1, 0)
    host.probe.taken.add(first)
    second = host.scheduler.port(host.app, "web", 1, 0)
    assert second != first
    host.probe.taken.clear()
    assert host.scheduler.port(host.app, "web", 1, 0) == second
    assert host.scheduler.port(host.other, "web", 1, 0) != second


def test_the_range_may_be_full(host):
    host.settings.set("port-range", "20000-20001")
    assert {host.scheduler.port(host.app, "web", index, 0) for index in (1, 2)} == {20000, 20001}
    with pytest.raises(DockerError) as raised:
        host.scheduler.port(host.app, "web", 3, 0)
    assert raised.value.lines() == [
        "no port from 20000 to 20001 is free",
        "'cleanup' takes back those of containers that were scaled away; or widen the range: "
        "'settings:set port-range 20000-31999'. [no-port]",
    ]


def test_every_app_has_a_network_of_its_own_that_overlaps_with_none(host):
    host.docker.ranges["lan"] = ["10.208.0.0/24"]
    host.docker.elsewhere.append("10.208.2.0/24")
    host.scheduler.prepare(host.app)
    host.scheduler.prepare(host.other)
    # .0 is another network's, .1 is routed, .2 is refused by the engine.
    assert host.docker.ranges["paas-012345-1"] == ["10.208.3.0/24"]
    assert host.docker.ranges["paas-012345-2"] == ["10.208.4.0/24"]
    before = dict(host.docker.ranges)
    host.scheduler.prepare(host.app)
    assert host.docker.ranges == before


def test_a_network_that_was_removed_comes_back_with_its_range(host):
    host.scheduler.prepare(host.app)
    host.scheduler.prepare(host.other)
    subnet = host.docker.ranges.pop("paas-012345-1")
    host.scheduler.prepare(host.app)
    assert host.docker.ranges["paas-012345-1"] == subnet


def test_the_pool_may_be_full(host):
    host.settings.set("network-pool", "10.64.0.0/24")
    host.scheduler.prepare(host.app)
    with pytest.raises(DockerError) as raised:
        host.scheduler.prepare(host.other)
    assert raised.value.code == "no-network"


def test_an_engine_that_refuses_for_another_reason_is_not_asked_again(host, monkeypatch):
    def refuse(name, subnet, app_id):
        raise DockerError("Docker does not answer", code="engine-down")

    monkeypatch.setattr(host.docker, "create_network", refuse)
    with pytest.raises(DockerError, match="does not answer"):
        host.scheduler.prepare(host.app)


def test_what_a_container_is_made_of(host):
    host.scheduler.prepare(host.app)
    process = Process("web", "./web --port $PORT", 8000)
    release = Release(
        "sha256:1", "c0ffee", (process,), {"A": Secret("1")}, {"G": Secret("2")}, "ada", "git push", app_id=1, version=3
    )
    candidate = Candidate(Replica("web", 2, 1, 3, 20007), process)
    [started] = host.scheduler.start(
        host.app, release, [candidate], "GIT_REV", ContainerLimits(256, 64, 30), lambda: None
    )
    container_id = started.id
    assert host.docker.started == [container_id]
    assert host.docker.specs[container_id] == ContainerSpec(
        name="hello.web.2.b-012345-1",
        image="sha256:1",
        argv=["/bin/sh", "-c", CHOICE, "exec ./web --port $PORT"],
        environment={
            "A": "1",
            "G": "2",
            "PORT": "8000",
            "GIT_REV": "c0ffee",
            "DYNO": "web.2",
            "PAAS_APP": "hello",
            "PAAS_RELEASE": "v3",
            "PAAS_PROCESS_TYPE": "web",
        },
        labels={
            "paas.instance": "0123456789ab",
            "paas.app": "hello",
            "paas.app-id": "1",
            "paas.process": "web",
            "paas.index": "2",
            "paas.slot": "1",
            "paas.release": "3",
            "paas.role": "",
            "paas.run": "",
            "paas.sandbox": "",
            "com.dokku.app-name": "hello",
            "com.dokku.process-type": "web",
            "com.dokku.dyno": "web.2",
        },
        network="paas-012345-1",
        aliases=("hello.web",),
        container_port=8000,
        protocol="tcp",
        host_port=20007,
        stop_timeout=30,
        memory_limit=256,
        pids_limit=64,
    )


def test_forgetting_an_app_leaves_those_with_a_similar_number(host):
    host.scheduler.prepare(host.app)
    assert host.scheduler.networked() == {1}
    host.scheduler.forget(host.app.id)
    host.scheduler.clear(1)
    assert host.scheduler.networked() == set()
    assert host.docker.names == ["paas-012345/11:v1"]
    assert "paas-012345-1" not in host.docker.ranges


def test_a_container_is_stopped_and_then_removed(host):
    host.scheduler.retire(host.app, "id0", 7)
    assert host.docker.gone == [("stop", "id0", 7), ("remove", "id0")]


def test_teardown_says_what_it_removed(host):
    host.scheduler.prepare(host.app)
    assert host.scheduler.teardown() == [
        "image paas-012345/1:v1",
        "image paas-012345/1:v2",
        "image paas-012345/11:v1",
        "network paas-012345-1",
    ]
    assert list(host.docker.ranges) == ["bridge", "host", "six"]


def ending(container_id, *, removed=False):
    return Ending(1, container_id, "web.1", 1, 137, removed=removed)


@pytest.mark.parametrize(
    "interrupt",
    [lambda host: host.scheduler.restart("id0", 7), lambda host: host.scheduler.halt(host.app, "id0", 7)],
    ids=["restart", "halt"],
)
def test_a_container_that_lives_on_may_crash_later(host, interrupt):
    host.docker.specs["id0"] = None
    interrupt(host)
    host.docker.ends = [ending("id0"), ending("id0"), ending("id0", removed=True)]
    with host.scheduler.events() as endings:
        assert [one.asked for one in endings] == [True, False, False]


def test_a_container_that_was_taken_away_ends_and_goes(host):
    host.scheduler.retire(host.app, "id0", 7)
    host.docker.ends = [ending("id0"), ending("id0", removed=True), ending("id1")]
    with host.scheduler.events() as endings:
        assert [one.asked for one in endings] == [True, True, False]


def test_images_are_known_although_the_engine_does_not_tell_their_sizes(host):
    assert host.scheduler.stored_images(sizes=True) == [StoredImage("sha256:1", 1, ((1, 1),), (), 0)]
