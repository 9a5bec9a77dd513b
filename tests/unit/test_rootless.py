"""What the builder apart from the host is started with, and what it needs."""

from __future__ import annotations

import pytest

from paas.builders import rootless
from paas.builders.rootless import Rootless
from paas.core.errors import DockerError


def test_it_has_a_network_of_its_own_without_the_hosts_loopback(tmp_path):
    argv = rootless.command(tmp_path / "run", tmp_path / "data", ["169.254.0.0/16", "10.208.0.0/12"])
    assert argv[0] == "rootlesskit"
    assert {"--net=slirp4netns", "--disable-host-loopback", "--pidns", "--slirp4netns-sandbox=auto"} <= set(argv)
    # The networks are words of the script, and no part of its text.
    assert argv[-2:] == ["169.254.0.0/16", "10.208.0.0/12"]
    assert not any("169.254" in word for word in argv[:-2])


def test_it_gets_no_variables_of_the_server_but_the_proxies(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "x")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    found = rootless.environment(tmp_path, tmp_path)
    assert (found.get("SECRET"), found["HTTPS_PROXY"]) == (None, "http://proxy:3128")


@pytest.fixture
def managed(tmp_path, monkeypatch):
    monkeypatch.setattr(Rootless, "managed", True)
    monkeypatch.setattr(rootless, "PROGRAMS", ())
    return Rootless(tmp_path / "root", "0123456789ab", list, list)


def lacks(engine):
    with pytest.raises(DockerError) as caught:
        engine.start()
    assert caught.value.code == "builder-down"
    assert "settings:set build-isolation none" in caught.value.fix
    return caught.value.why


def test_what_is_missing_is_named(managed, monkeypatch):
    monkeypatch.setattr(rootless, "PROGRAMS", ("sh", "no-such-program"))
    assert lacks(managed) == "These programs are missing: no-such-program."
    monkeypatch.setattr(rootless, "PROGRAMS", ())
    monkeypatch.setattr(rootless, "USER", "nobody-of-that-name")
    assert lacks(managed) == "There is no user nobody-of-that-name."
    monkeypatch.setattr(rootless, "USER", "daemon")
    assert lacks(managed) == "daemon has no range of ids in /etc/subuid."


def test_another_user_than_root_talks_to_the_service(tmp_path, monkeypatch):
    monkeypatch.setattr(Rootless, "managed", False)
    monkeypatch.setattr(rootless, "SERVICE", tmp_path / "nowhere")
    engine = Rootless(tmp_path, "0123456789ab", list, list)
    assert lacks(engine) == f"There is no {tmp_path}/nowhere/docker.sock."
    engine.stop()
    assert not engine.remove()
