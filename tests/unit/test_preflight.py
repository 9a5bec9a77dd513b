"""Room for a build, and sizes as people read them."""

import pytest

from paas.core.builds.disk_space import Disk, Floors, Memory, lacks, refusal
from paas.core.sizes import size

GIB, MIB = 1 << 30, 1 << 20
DISK = Disk("/data", 5 * GIB, 10 * GIB, 50_000)
MEMORY = Memory(1 * GIB, 2 * GIB)
FLOORS = Floors(GIB, 10_000, 256 * MIB)


def test_enough_of_everything_is_no_lack():
    assert lacks([DISK], MEMORY, FLOORS) == []


def test_what_is_exactly_at_its_floor_is_enough():
    assert lacks([Disk("/", GIB, GIB, 10_000)], Memory(256 * MIB, GIB), FLOORS) == []


def test_each_lack_says_how_much_is_missing():
    found = lacks([DISK, Disk("/small", 300 * MIB, GIB, 4)], Memory(56 * MIB, GIB), FLOORS)
    assert [lack.setting for lack in found] == ["build-min-disk", "build-min-inodes", "build-min-memory"]
    assert [lack.text for lack in found] == [
        "/small: 300 MiB of disk are free, 1.0 GiB are wanted: 724 MiB are missing",
        "/small: 4 inodes are free, 10000 are wanted: 9996 are missing",
        "memory: 56 MiB are available, 256 MiB are wanted: 200 MiB are missing",
    ]
    error = refusal(found, "'cleanup' would free about 2.0 GiB; 'cleanup --dry-run' lists the items.")
    assert error.code == "no-room"
    assert error.fix.endswith("The floors are settings: build-min-disk, build-min-inodes, build-min-memory.")


def test_a_file_system_without_a_number_of_inodes_never_lacks_them():
    assert lacks([Disk("/", GIB, GIB, None)], MEMORY, FLOORS) == []


def test_a_floor_of_0_is_none():
    assert lacks([Disk("/", 0, GIB, 0)], Memory(0, GIB), Floors(0, 0, 0)) == []


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (4 << 10, "4 KiB"), (3 * MIB // 2, "1.5 MiB"), (724 * MIB, "724 MiB"),
     (5 * GIB // 2, "2.5 GiB"), (5000 << 40, "5000 TiB")],
)  # fmt: skip
def test_sizes(count, text):
    assert size(count) == text
