"""Check for free disk space and memory before a build."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from paas.core.errors import DeployFailed
from paas.core.sizes import size


class NoRoom(DeployFailed):
    """The server does not have enough free disk space or memory to build."""

    code = "no-room"


@dataclass(frozen=True)
class Disk:
    """File system of the path: free bytes and inodes; ``inodes`` is None without such a limit."""

    path: str
    free: int
    total: int
    inodes: int | None


@dataclass(frozen=True)
class Memory:
    """Memory in bytes: what the kernel can give to new programs without swapping, and the total."""

    available: int
    total: int


@dataclass(frozen=True)
class Floors:
    """Minimums that must be free; 0 disables one. The names are those of the settings after ``build-min-``."""

    disk: int
    inodes: int
    memory: int


@dataclass(frozen=True)
class Lack:
    """Shortage: ``what`` has ``free``; ``missing`` more are needed to reach the minimum of the setting."""

    setting: str
    text: str


def lacks(disks: Sequence[Disk], memory: Memory, floors: Floors) -> list[Lack]:
    """Return the shortages."""
    found = []
    for disk in disks:
        if disk.free < floors.disk:
            found.append(
                Lack(
                    "build-min-disk",
                    f"{disk.path}: {size(disk.free)} of disk are free, {size(floors.disk)} are wanted: "
                    f"{size(floors.disk - disk.free)} are missing",
                )
            )
        if disk.inodes is not None and disk.inodes < floors.inodes:
            found.append(
                Lack(
                    "build-min-inodes",
                    f"{disk.path}: {disk.inodes} inodes are free, {floors.inodes} are wanted: "
                    f"{floors.inodes - disk.inodes} are missing",
                )
            )
    if memory.available < floors.memory:
        found.append(
            Lack(
                "build-min-memory",
                f"memory: {size(memory.available)} are available, {size(floors.memory)} are wanted: "
                f"{size(floors.memory - memory.available)} are missing",
            )
        )
    return found


def refusal(found: Sequence[Lack], would_free: str) -> NoRoom:
    """Return the error for the deploy; ``would_free`` is a sentence on what a clean-up would free."""
    settings = ", ".join(dict.fromkeys(lack.setting for lack in found))
    return NoRoom(
        "there is not enough room on the server to build",
        why="\n".join(lack.text for lack in found),
        fix=f"{would_free}\nThe floors are settings: {settings}.",
    )
