"""Spool of a drain: batches of lines that wait for the receiver, one file each, with a limit on their total size."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from paas.core.logs import line
from paas.core.logs.line import LogLine

_NAME = re.compile(r"(\d{12})-(\d+)\.jsonl")


class Batch(NamedTuple):
    """Spooled batch: its number, number of lines, file and size in bytes."""

    number: int
    lines: int
    path: Path
    size: int


class Spool:
    """Batches in a folder, which is created with the first batch. Not thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._batches = waiting(folder)
        self.size = sum(batch.size for batch in self._batches)

    def cut(self, last: int) -> None:
        """Delete batches after that number: their lines are read again."""
        for batch in [batch for batch in self._batches if batch.number > last]:
            self._remove(batch)

    def put(self, number: int, lines: Sequence[LogLine]) -> None:
        """Add a batch."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{number:012}-{len(lines)}.jsonl"
        data = b"".join(map(line.as_json, lines))
        temporary = path.with_suffix(".new")
        temporary.write_bytes(data)
        temporary.replace(path)
        self._batches.append(Batch(number, len(lines), path, len(data)))
        self.size += len(data)

    def bound(self, limit: int) -> int:
        """Drop the oldest batches until at most ``limit`` bytes or one batch remain. Return how many lines went."""
        lost = 0
        while self.size > limit and len(self._batches) > 1:
            lost += self._batches[0].lines
            self._remove(self._batches[0])
        return lost

    def oldest(self) -> Batch | None:
        """Return the next batch, None if the spool is empty."""
        return self._batches[0] if self._batches else None

    def read(self, batch: Batch) -> list[LogLine]:
        """Return the lines of the batch."""
        return [line.from_json(row) for row in batch.path.read_bytes().splitlines()]

    def done(self, batch: Batch) -> None:
        """Remove a batch that was sent or refused."""
        self._remove(batch)

    def _remove(self, batch: Batch) -> None:
        batch.path.unlink(missing_ok=True)
        self._batches.remove(batch)
        self.size -= batch.size


def waiting(folder: Path) -> list[Batch]:
    """Return the batches in the folder, the oldest first."""
    found = []
    for path in folder.glob("*.jsonl"):
        match = _NAME.fullmatch(path.name)
        if match:
            found.append(Batch(int(match[1]), int(match[2]), path, path.stat().st_size))
    return sorted(found)


def numbers(folder: Path) -> set[int]:
    """Return the numbers of the drains that have a spool folder."""
    return {int(path.name) for path in folder.glob("*") if path.name.isdecimal()}


def remove(folder: Path) -> None:
    """Delete the spool."""
    shutil.rmtree(folder, ignore_errors=True)
