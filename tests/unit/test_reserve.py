"""The reserve of disk, on a file system whose free room is as the test says."""

import os
from types import SimpleNamespace

import pytest

from paas.core.errors import PaasError
from paas.daemon import serve
from paas.system.paths import Paths
from paas.system.reserve import Reserve

SIZE = 65536


@pytest.fixture
def disk(monkeypatch):
    """Says how many bytes are free."""
    found = SimpleNamespace(f_bavail=10 * SIZE, f_frsize=1)
    monkeypatch.setattr(os, "statvfs", lambda path: found)
    return found


def test_it_takes_the_room_and_gives_it_back_once_there_is_none(tmp_path, disk):
    path = tmp_path / "reserve"
    reserve = Reserve(path, SIZE)

    assert reserve.keep()
    assert path.stat().st_blocks * 512 >= SIZE
    reserve.spend()
    assert path.exists()

    disk.f_bavail = SIZE - 1
    reserve.spend()
    assert not path.exists()
    reserve.spend()


def test_it_does_not_take_the_last_room(tmp_path, disk):
    disk.f_bavail = 2 * SIZE - 1
    assert not Reserve(tmp_path / "reserve", SIZE).keep()
    assert not (tmp_path / "reserve").exists()


def test_the_server_starts_from_it_when_the_disk_is_full(tmp_path, disk, monkeypatch):
    path = Paths(tmp_path).reserve
    Reserve(path, SIZE).keep()
    disk.f_bavail = 0
    there = []

    def looked_at(what, answer):
        def look(*args, **kwargs):
            there.append((what, path.exists()))
            if isinstance(answer, Exception):
                raise answer
            return answer

        return look

    monkeypatch.setattr(serve, "Lock", looked_at("lock", None))
    monkeypatch.setattr(serve, "build_context", looked_at("database", PaasError("enough")))
    assert serve.main(["--root", str(tmp_path)]) == 1
    assert there == [("lock", False), ("database", False)]
