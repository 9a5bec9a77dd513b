"""Logs of lines that begin with a timestamp each, as those of runs are kept."""

from __future__ import annotations

from paas.core import logline
from paas.core.logline import LogLine


class StampedLog:
    """Reads the log of one run."""

    def __init__(self, source: str, process: str, release: int, app: str) -> None:
        self._line = LogLine("", source, process, b"", release, app)

    def fresh(self) -> StampedLog:
        """Another one that was told nothing yet."""
        return self

    def decode(self, block: bytes) -> list[LogLine]:
        """The lines in the block, which begins and ends with whole ones."""
        parsed = (logline.parse(raw, "") for raw in block.split(b"\n") if raw)
        return [self._line._replace(time=line.time, text=line.text) for line in parsed]

    def rest(self) -> list[LogLine]:
        """Nothing: a line is told when it is whole."""
        return []

    @staticmethod
    def boundary(block: bytes) -> int:
        """Where in the block a line begins; -1 if nowhere."""
        return block.find(b"\n") + 1 or -1

    @staticmethod
    def time(block: bytes) -> str:
        """The time of the first line in the block, empty if there is none."""
        return logline.fixed(block[:40].partition(b" ")[0].decode("ascii", "replace"))
