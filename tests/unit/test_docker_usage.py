"""What the engine is asked about the room that it takes, and how long it may think."""

import pytest

from paas.schedulers.docker import api as driver
from paas.schedulers.docker.api import Docker

asked = []


class Client:
    """The SDK's, as far as it is used here."""

    def __init__(self, **options):
        pass

    def _url(self, path):
        return path

    def _get(self, url, *, params):
        asked.append((url, params, 60))
        rows = {"sha256:1": (5, 2), "sha256:2": (5, -1)}
        return {"Images": [{"Id": key, "Size": size, "SharedSize": shared} for key, (size, shared) in rows.items()]}

    def _post(self, url, *, params, timeout):
        asked.append((url, params, timeout))
        return {"SpaceReclaimed": 7}

    def _result(self, answer, json):
        return answer


@pytest.fixture
def engine(monkeypatch):
    asked.clear()
    monkeypatch.setattr(driver, "DockerClient", Client)
    return Docker("0123456789ab")


def test_sizes_of_images_are_asked_for_without_those_of_volumes(engine):
    assert engine.image_sizes() == {"sha256:1": 3, "sha256:2": 5}
    assert asked == [("/system/df", {"type": "image"}, 60)]


def test_a_large_cache_may_take_the_engine_long(engine):
    assert engine.prune_build_cache(1 << 30) == 7
    assert asked == [("/build/prune", {"keep-storage": 1 << 30, "all": "true"}, 1800.0)]
