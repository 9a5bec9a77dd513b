"""``doctor``."""

import json
from dataclasses import replace

import pytest

from fakes import VIEWER
from paas.core.errors import DockerError
from paas.proxies.base import Waiting
from paas.releases.retire import Retirer
from paas.server import doctor, host_keys


@pytest.fixture
def well(hello):
    """Everything is as it should be."""
    (hello.root / "secret.key").chmod(0o600)
    return hello


def codes(server, line="doctor"):
    result = server.run(f"{line} --format json")
    return result.status, [row["code"] for row in json.loads(result.out) if row["level"] != "ok"]


def test_a_healthy_host(well):
    result = well.run("doctor", caller=VIEWER)
    assert result.status == 0, result.out
    assert result.err == "-----> 0 problems, 0 pieces of advice\n"
    assert "       engine: Docker 28.5.1 answers\n" in result.out
    assert "       drift: hello: 1 of 1 containers run\n" in result.out
    assert "       nginx: nginx/1.22.1 is running\n" in result.out


def test_a_healthy_app(well):
    result = well.run("doctor hello")
    assert (result.status, "nginx" in result.out) == (0, False)
    assert "hello: 1 of 1 containers run" in result.out


def test_a_problem_is_told_with_why_and_what_to_do(well):
    (well.root / "secret.key").chmod(0o644)
    result = well.run("doctor")
    assert result.status == 1
    assert (
        f" !     files: {well.root}/secret.key has the permissions 644 [key-readable]\n"
        " !       Other users of the host can read all secrets with it.\n"
        f" !       Run: chmod 600 {well.root}/secret.key\n"
    ) in result.out
    assert result.err == " !     1 problem, 0 pieces of advice [problems-found]\n"


def test_advice_is_no_failure(well):
    well.scheduler.engine_version = "24.0.9"
    well.host.programs.add("docker-proxy")
    well.scheduler.keeps_containers = False
    assert codes(well) == (0, ["engine-ports-reachable", "userland-proxy", "engine-restart"])


def test_an_engine_that_is_down_does_not_end_the_looking_around(well):
    well.scheduler.engine_down = True
    well.host.free = replace(well.host.free, free=0)
    assert codes(well) == (1, ["engine-down", "no-room"])


def test_old_workers_of_nginx_are_told_of(well):
    well.proxy.old = Waiting(workers=3, clients=500, most=32)
    assert "       nginx: 3 old workers (limit 32) still serve 500 connections\n" in well.run("doctor").out
    well.proxy.old = Waiting(ended=2)
    assert codes(well) == (0, ["old-workers-ended"])


def test_nginx_that_died(well):
    well.proxy.stop()
    well.probe.own_ports = {2222}
    assert codes(well) == (1, ["nginx-down", "nginx-silent", "not-listening", "not-listening"])


def test_containers_that_crashed_or_vanished(well):
    well.run("ps:scale hello worker=1")
    well.scheduler.crash("web.1", 3)
    well.scheduler.vanish("worker.1")
    status, found = codes(well, "doctor hello")
    assert (status, found) == (1, ["container-missing", "container-missing"])


def test_names_that_lead_nowhere_or_elsewhere(well):
    well.run("domains:add hello gone.example elsewhere.example here.example *.wild.example sub.localhost")
    well.host.names = {"elsewhere.example": frozenset({"198.51.100.1"}), "here.example": frozenset({"192.0.2.1"})}
    assert codes(well, "doctor hello") == (1, ["dns-missing", "dns-elsewhere"])


def test_the_name_server_that_is_set_says_where_names_lead(well):
    well.run("domains:add hello shop.example")
    assert codes(well, "doctor hello") == (1, ["dns-missing"])
    well.run("settings:set dns-server 192.0.2.53:53")
    assert codes(well, "doctor hello") == (0, [])
    assert well.resolver.asked == ["shop.example"]
    well.resolver.found["shop.example"] = None
    assert codes(well, "doctor hello") == (0, ["dns-slow"])


def test_containers_that_fill_the_disk(well):
    well.scheduler.layers = {"web.1": 3 << 30}
    assert codes(well) == (0, ["container-disk"])
    assert "has written 3.0 GiB into its own file system" in well.run("doctor").out
    well.scheduler.layers = {"web.1": 1 << 20}
    assert codes(well) == (0, [])
    # Measuring may take long, which is no problem of the server's.
    well.scheduler.slow_disk = True
    assert codes(well) == (0, ["not-looked-at"])


def test_a_forgotten_lock(well):
    well.run("apps:lock hello")
    assert codes(well) == (0, [])
    well.clock.advance(8 * 86_400)
    assert codes(well, "doctor hello") == (0, ["stale-lock"])


def test_builds_without_limits(well):
    well.host.no_limits = "/sys/fs/cgroup/cpu can't be written to"
    assert codes(well) == (0, ["builds-unlimited"])


def test_an_app_that_is_not_there(well):
    assert well.run("doctor nosuch").status == 20


def test_what_is_on_its_way_out_is_no_drift_and_hides_none(well):
    with well.gates.hold("stop") as gate:
        well.run("ps:restart hello")
        gate.wait_until_reached()
        (old,) = well.ctx.part(Retirer).retiring()
        assert codes(well) == (0, [])
        assert old in well.scheduler.here

        serving = next(key for key in well.scheduler.here if key != old)
        del well.scheduler.here[serving]
        assert codes(well) == (1, ["port-missing", "container-missing"])


def test_an_engine_that_hangs_is_waited_for_once_and_it_is_said(well, monkeypatch):
    def hangs(*_):
        raise DockerError("Docker does not answer", code="engine-down")

    for name in ("version", "containers", "storage"):
        monkeypatch.setattr(well.scheduler, name, hangs)
    status, found = codes(well)
    assert (status, found) == (1, ["engine-down", "not-looked-at", "not-looked-at", "not-looked-at"])
    assert well.scheduler.calls["briefly"] == 1


def test_a_database_that_is_damaged_or_older_than_what_runs(well):
    assert "is whole, and as new as what runs" in well.run("doctor").out
    running = well.scheduler.running("web.1")
    running.container = replace(running.container, release=9)
    assert codes(well) == (1, ["database-behind"])

    well.ctx.store.close()
    with (well.root / "paas.db").open("r+b") as file:
        file.seek(4096)
        file.write(bytes(4096))
    (found,) = doctor._looked("files", lambda: doctor._database(well.ctx, []), ())
    assert found.code == "database-damaged"


def test_host_keys_that_changed_until_somebody_accepts_them(well, caplog):
    host_keys.noticed(well.ctx, {"ssh-ed25519": "SHA256:one", "ecdsa-sha2-nistp256": "SHA256:two"})
    assert (codes(well), caplog.text) == ((0, []), "")

    host_keys.noticed(well.ctx, {"ssh-ed25519": "SHA256:new", "ecdsa-sha2-nistp256": "SHA256:two"})
    assert "THE SSH HOST KEY HAS CHANGED: ssh-ed25519 was SHA256:one and is SHA256:new" in caplog.text
    assert codes(well) == (1, ["host-key-changed"])
    assert f"Restore {well.paths.host_keys} from a backup" in well.run("doctor").out
    # Another start does not make it good.
    host_keys.noticed(well.ctx, {"ssh-ed25519": "SHA256:new", "ecdsa-sha2-nistp256": "SHA256:two"})
    assert codes(well) == (1, ["host-key-changed"])

    assert "ssh-ed25519: SHA256:new" in well.run("host-keys:accept").err
    assert codes(well) == (0, [])


def test_host_keys_that_came_back(well):
    host_keys.noticed(well.ctx, {"ssh-ed25519": "SHA256:one"})
    host_keys.noticed(well.ctx, {"ssh-ed25519": "SHA256:new"})
    host_keys.noticed(well.ctx, {"ssh-ed25519": "SHA256:one"})
    assert codes(well) == (0, [])


def test_files_of_nginx_that_were_removed(well):
    well.proxy.whole = False
    assert codes(well) == (1, ["nginx-files"])
