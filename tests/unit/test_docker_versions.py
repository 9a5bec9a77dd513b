"""An engine that is replaced by another version while the server goes on."""

import contextlib
import socket
import threading

import pytest

from paas.core.errors import DockerError
from paas.schedulers.docker import api as driver
from paas.schedulers.docker.api import Docker
from paas.schedulers.docker.client import briefly


class Engine:
    """Speaks its own version of the API, as engines do that leave the old ones behind."""

    speaks = "1.43"


class Client:
    """The SDK's, which asks for the version once."""

    def __init__(self, **options):
        self.api_version = Engine.speaks

    def version(self, api_version=True):
        if api_version and self.api_version != Engine.speaks:
            raise driver.docker.errors.APIError(f"client version {self.api_version} is too old")
        return {"Version": "29.0.0", "ApiVersion": Engine.speaks}

    def events(self, **asked):
        self.version()
        return Events()


class Events:
    """None, until the engine ends."""

    def __iter__(self):
        return iter(())

    def close(self):
        pass


def test_whoever_follows_the_engine_finds_it_replaced(monkeypatch):
    monkeypatch.setattr(driver, "DockerClient", Client)
    monkeypatch.setattr(Engine, "speaks", "1.43")
    engine = Docker("0123456789ab")
    assert engine.version() == "29.0.0"

    monkeypatch.setattr(Engine, "speaks", "1.52")
    with pytest.raises(DockerError, match="refused"):
        engine.version()
    with engine.endings() as endings:
        assert list(endings) == []
    assert engine.version() == "29.0.0"
    with engine.endings() as endings:
        assert list(endings) == []


@pytest.fixture
def silent(monkeypatch):
    """An engine that takes connections, and answers none."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{listening.getsockname()[1]}")
        yield Docker("0123456789ab", 120)


def test_whoever_only_looks_waits_for_nobody_else_s_attempt(silent):
    def ask() -> None:
        with contextlib.suppress(DockerError):
            silent.containers()

    other = threading.Thread(target=ask, daemon=True)
    other.start()
    with briefly(1), pytest.raises(DockerError, match="does not answer") as refusal:
        silent.version()
    assert "read timeout=1" in refusal.value.why
    assert other.is_alive()


def test_whoever_only_looks_waits_once_for_an_engine_that_hangs(silent):
    with briefly(1):
        with pytest.raises(DockerError, match="does not answer") as first:
            silent.version()
        with pytest.raises(DockerError, match="does not answer") as second:
            silent.containers()
    assert "timed out" in first.value.why
    assert (second.value.code, "was not asked again" in second.value.why) == ("engine-down", True)
