"""What the kernel tells of processes: memory and processor time of one and of all below it."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")


def below(pid: int) -> list[int]:
    """The process and all its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(word) for word in task.read_text().split()]
        except OSError:
            continue
        found += [descendant for child in children for descendant in below(child)]
    return found


def private(pid: int) -> int:
    """The bytes of memory that the process alone uses, and its part of what it shares (Pss); 0 once it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def resident(pid: int) -> int:
    """The bytes of memory of one process (VmRSS)."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


def processor_seconds(pid: int) -> float:
    """The processor time that the process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def becoming(pid: int) -> bool:
    """Whether the process was made by vfork and is not a program of its own yet: it shows its parent's memory."""
    return _executable(pid) == str(Path(sys.executable).resolve())


def _executable(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/exe").readlink())
    except OSError:
        return ""


class PeakMemory:
    """Inside, looks every 10 ms how much memory a process and its descendants take (Pss, so nothing counts twice).

    ``rest`` is what it was at the beginning, ``peak`` the most that was seen, both in bytes.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.rest = self.peak = self._now()

    def _now(self) -> int:
        first, *others = below(self._pid)
        return private(first) + sum(private(pid) for pid in others if not becoming(pid))

    def _look(self) -> None:
        while not self._stop.wait(0.01):
            self.peak = max(self.peak, self._now())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
