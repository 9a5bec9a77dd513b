"""What readings of a host mean."""

from paas.core.apps.lock import AppLock
from paas.core.builds.disk_space import Disk, Floors, Memory
from paas.core.containers.tcp_table import Listener
from paas.core.model import Container, Replica
from paas.core.server import doctor
from paas.core.server.doctor import Level

OK, ADVICE, PROBLEM = Level.OK, Level.ADVICE, Level.PROBLEM


def summary(findings):
    return [(finding.level, finding.code) for finding in findings]


def test_versions_of_the_engine():
    assert doctor.version("20.10.24+dfsg1") == (20, 10, 24)
    assert doctor.version("dev") == ()


def test_an_old_engine_lets_neighbours_in():
    assert summary(doctor.engine("20.10.24+dfsg1", userland_proxy=True)) == [
        (OK, ""), (ADVICE, "engine-ports-reachable"), (ADVICE, "userland-proxy"),
    ]  # fmt: skip
    assert summary(doctor.engine("28.3.2", userland_proxy=False)) == [(OK, ""), (ADVICE, "engine-firewalld")]
    assert summary(doctor.engine("28.3.3", userland_proxy=False)) == [(OK, "")]


def test_room():
    floors = Floors(100, 10, 100)
    assert summary(doctor.disks([Disk("/", 50, 100, 5)], Memory(500, 500), floors)) == [(PROBLEM, "no-room")] * 2
    assert summary(doctor.disks([Disk("/", 500, 500, None)], Memory(500, 500), floors)) == [(OK, "")] * 2


def test_the_server_s_own_ports():
    sockets = [Listener(8080, loopback=True)]
    found = doctor.listening(sockets, {"ssh": 2222, "http": 8080, "other": 0})
    assert summary(found) == [(PROBLEM, "not-listening"), (OK, "")]


def test_published_ports():
    replicas = [Replica("web", index, 0, 1, 20_000 + index) for index in (1, 2, 3, 4)] + [Replica("worker", 1, 0, 1)]
    sockets = [Listener(20_001, loopback=True), Listener(20_002, loopback=True), Listener(20_002, loopback=False)]
    running = {"web.1", "web.2", "web.3", "worker.1"}
    found = list(doctor.published(sockets, {"hello": replicas}, {"hello": running}))
    assert summary(found) == [(PROBLEM, "port-open"), (PROBLEM, "port-missing"), (OK, "")]
    assert "20002" in found[0].what and "20003" in found[1].what
    assert found[2].what == "3 published on 127.0.0.1"


def test_names_in_dns():
    owners = {"here.example": "a", "there.example": "a", "slow.example": "a", "gone.example": "b"}
    resolved = {
        "here.example": frozenset({"192.0.2.1"}), "there.example": frozenset({"198.51.100.9"}),
        "slow.example": None, "gone.example": frozenset(),
    }  # fmt: skip
    found = list(doctor.domains(owners, resolved, frozenset({"127.0.0.1", "192.0.2.1"})))
    assert summary(found) == [(OK, ""), (ADVICE, "dns-elsewhere"), (ADVICE, "dns-slow"), (PROBLEM, "dns-missing")]
    assert found[1].fix == "Point its DNS record to one of: 192.0.2.1"


def container(index=1, slot=0, status="running", restarts=0, exit_code=0):
    return Container(f"id{index}", "name", 1, "web", index, slot, 1, status, restarts=restarts, exit_code=exit_code)


def test_drift():
    wanted = [Replica("web", index, 0, 1) for index in (1, 2, 3, 4)]
    there = [
        container(1), container(2, status="exited", exit_code=3), container(4, status="restarting", restarts=9),
        container(1, slot=1),
    ]  # fmt: skip
    found = list(doctor.drift("hello", wanted, there))
    assert summary(found) == [
        (PROBLEM, "container-missing"), (PROBLEM, "container-missing"), (PROBLEM, "crash-loop"),
        (ADVICE, "container-surplus"),
    ]  # fmt: skip
    assert [finding.what for finding in found[:3]] == [
        "hello web.2 is exited (exit status 3)",
        "hello web.3 is not there",
        "hello web.4 crashes again and again: it was restarted 9 times",
    ]


def test_no_drift():
    assert [f.what for f in doctor.drift("hello", [Replica("web", 1, 0, 1)], [container()])] == [
        "hello: 1 of 1 containers run"
    ]
    assert summary(doctor.drift("hello", [], [])) == [(OK, "")]


def test_locks_that_may_have_been_forgotten():
    week = 7 * 86400.0
    assert summary(doctor.locks("hello", None, 0)) == []
    assert summary(doctor.locks("hello", AppLock("ada", "", 0.0), week + 1)) == [(ADVICE, "stale-lock")]
    assert summary(doctor.locks("hello", AppLock("ada", "", 0.0), week - 1)) == [(OK, "")]
    assert summary(doctor.locks("hello", AppLock("ada", "", 0.0, week), week + 1)) == []


def test_a_build_that_takes_too_long():
    assert summary(doctor.overdue({"git push by ada": 0.0}, 3600, 3601)) == [(ADVICE, "stale-build")]
    assert summary(doctor.overdue({"git push by ada": 0.0}, 3600, 3600)) == []


def test_the_key_file():
    assert doctor.key_file("/k", 0o600).level is OK
    assert doctor.key_file("/k", 0o640).code == "key-readable"
    assert doctor.key_file("/k", None).code == "key-missing"
