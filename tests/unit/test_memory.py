"""What a container may use of the machine's memory, by default and where somebody asks."""

from __future__ import annotations

import pytest

from paas.core.containers.memory import KIND, MemoryLimit, capped, usual
from paas.core.containers.options import ContainerOptions
from paas.core.errors import InvalidValue

MIB, GIB = 1 << 20, 1 << 30


@pytest.mark.parametrize(
    ("total", "limit"),
    [
        (512 * MIB, 384 * MIB),
        (GIB, 512 * MIB),
        (2 * GIB, 512 * MIB),
        (3 * GIB, 768 * MIB),
        (4 * GIB, GIB),
        (64 * GIB, GIB),
    ],
)
def test_the_usual_limit_follows_from_the_machine(total, limit):
    assert usual(total) == limit
    assert KIND.read("memory-limit", "auto").granted(0, total) == limit


@pytest.mark.parametrize(
    ("setting", "asked", "granted"),
    [
        ("auto", 64 * MIB, 64 * MIB),
        ("auto", 3 * GIB, 3 * GIB),
        ("auto", 16 << 40, 4 * GIB),
        ("2g", 0, 2 * GIB),
        ("2g", 16 << 40, 2 * GIB),
        ("2g", GIB, GIB),
        ("0", 0, 0),
        ("0", 6 * GIB, 6 * GIB),
    ],
)
def test_an_app_may_ask_for_less_and_not_for_the_machine(setting, asked, granted):
    assert KIND.read("memory-limit", setting).granted(asked, 8 * GIB) == granted


def test_what_is_no_limit_is_refused():
    with pytest.raises(InvalidValue, match="memory-limit"):
        KIND.read("memory-limit", "much")
    assert KIND.read("memory-limit", "0") == MemoryLimit(0)


def test_file_systems_in_memory_are_no_larger_than_the_container():
    asked = ContainerOptions(shm_size=16 << 40, tmpfs={
        "/a": "size=99999g,noexec", "/b": "", "/c": "size=1m", "/d": "mode=1777", "/e": "size=0",
    })  # fmt: skip
    found = capped(asked, 64 * MIB, 8 * GIB)
    most = f"size={64 * MIB}"
    assert found.shm_size == 64 * MIB
    assert found.tmpfs == {
        "/a": f"noexec,{most}", "/b": most, "/c": "size=1m", "/d": f"mode=1777,{most}", "/e": most,
    }  # fmt: skip
    assert capped(asked, 0, 8 * GIB).shm_size == 4 * GIB
    assert capped(ContainerOptions(), 64 * MIB, 8 * GIB) == ContainerOptions()
