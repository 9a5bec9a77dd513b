"""A machine whose disks and memory are as a test says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from paas.core.builds.disk_space import Disk, Memory
from paas.system.host import Host

GIB = 1 << 30


class FakeHost(Host):
    """A `Host`. ``names`` are what DNS knows; ``limits`` has each that was set, as (group, mark, weight, bytes)."""

    def __init__(self) -> None:
        super().__init__()
        self.free = Disk("", 50 * GIB, 100 * GIB, 1_000_000)
        self.room = Memory(4 * GIB, 8 * GIB)
        self.names: dict[str, frozenset[str] | None] = {}
        self.own = frozenset({"127.0.0.1", "192.0.2.1"})
        self.inner: frozenset[str] = frozenset()
        self.programs: set[str] = set()
        self.limits: list[tuple[str, str, int, int]] = []
        self.no_limits = ""

    def disk(self, path: Path) -> Disk:
        return replace(self.free, path=str(path))

    def memory(self) -> Memory:
        return self.room

    @contextmanager
    def limited(self, group: str, mark: str, weight: int, memory: int) -> Iterator[str]:
        self.limits.append((group, mark, weight, memory))
        yield self.no_limits

    def limit_trouble(self, group: str) -> str:
        return self.no_limits

    def addresses(self) -> frozenset[str]:
        return self.own

    def inner_addresses(self) -> frozenset[str]:
        return self.inner

    def resolve(self, names: Sequence[str], seconds: float) -> dict[str, frozenset[str] | None]:
        return {name: self.names.get(name, frozenset()) for name in names}

    def runs(self, program: str) -> bool:
        return program in self.programs
