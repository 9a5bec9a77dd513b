"""Queries for lines of a log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from paas.core import values
from paas.core.errors import InvalidValue
from paas.core.logs import line as logline
from paas.core.logs.line import LogLine

EARLIEST = ""
LATEST = "9999-12-31T23:59:59.999999999Z"


class LineMatcher(Protocol):
    """Predicate on lines, as for ``--grep``."""

    def __call__(self, line: bytes, /) -> bool:
        """Return True if the line matches."""

    def anywhere(self, block: bytes, /) -> bool:
        """Return False only if no line of the block matches."""


@dataclass(frozen=True)
class Query:
    """Query. ``since`` and ``until`` are timestamps as in `LogLine.time`; ``release`` 0 matches all releases.

    Empty ``sources`` match the default ones. With ``process``, only lines by or about that process match.
    """

    process: str = ""
    release: int = 0
    since: str = EARLIEST
    until: str = LATEST
    sources: tuple[str, ...] = ()
    grep: LineMatcher | None = None

    def wants_source(self, source: str) -> bool:
        """Return True if lines of the source may match."""
        return source in (self.sources or logline.SHOWN)

    def wants_log(self, process: str, release: int, first: str, last: str) -> bool:
        """Return True if a log of that process, release and time range may have matching lines."""
        return (
            self.wants_source(logline.source_of(process.partition(".")[0]))
            and logline.matches(process, self.process)
            and self.release in (0, release)
            and first <= self.until
            and last >= self.since
        )

    def accepts(self, line: LogLine) -> bool:
        """Return True if the line matches."""
        return (
            self.since <= line.time <= self.until
            and self.wants_source(line.source)
            and logline.matches(line.process, self.process)
            and self.release in (0, line.release)
            and (self.grep is None or self.grep(line.text))
        )


def rfc3339(seconds: float) -> str:
    """Format seconds since 1970 as in `LogLine.time`: UTC, nanoseconds."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond:06d}000Z"


def seconds(time: str) -> float:
    """Return the seconds since 1970 of a line's timestamp; 0 if invalid, so that a log is read from its beginning."""
    if not logline.is_time(time):
        return 0.0
    try:
        return datetime.fromisoformat(time[:26] + "+00:00").timestamp()
    except ValueError:
        # For instance February 31.
        return 0.0


def moment(name: str, text: str, now: float) -> str:
    """Parse ``10m`` (before ``now``), or a date with optional time and zone (default UTC). Return a timestamp."""
    if logline.is_time(text):
        # Keep all digits.
        return text
    try:
        return rfc3339(now - values.seconds(text))
    except ValueError:
        pass
    try:
        given = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise InvalidValue(
            f"{name}: {text[:80]!r} is not a time",
            why="Use 10m, 2h or 1d for a time before now, or a date such as 2026-01-31 or 2026-01-31T12:00:00Z (UTC "
            "if it has no zone).",
        ) from error
    return rfc3339((given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp())
