"""Networks of apps, as Docker Engine removes them."""

import docker.errors
import pytest

from paas.core.errors import DockerError
from paas.schedulers.docker import api as driver
from paas.schedulers.docker.api import Docker


class Client:
    """The SDK's client, for a network with a container that is still being detached."""

    attached = 2

    def __init__(self, **options):
        self.tries = 0

    def remove_network(self, name):
        self.tries += 1
        if self.tries <= self.attached:
            raise docker.errors.APIError("403", explanation=f"network {name} has active endpoints")


@pytest.fixture
def engine(monkeypatch):
    monkeypatch.setattr(driver, "DockerClient", Client)
    monkeypatch.setattr(driver, "DETACHED_LOOK_SECONDS", 0.001)
    return Docker("0123456789ab")


def test_a_network_is_removed_once_its_last_container_is_detached(engine):
    engine.remove_network("paas-012345-1")
    assert engine.client.tries == 3


def test_a_network_that_another_container_uses_stays(engine, monkeypatch):
    monkeypatch.setattr(Client, "attached", 10**9)
    monkeypatch.setattr(driver, "DETACHED_SECONDS", 0.01)
    with pytest.raises(DockerError, match="removing a network"):
        engine.remove_network("paas-012345-1")
