"""Which lines of a log somebody wants."""

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
    """Says of a line whether something is found in it."""

    def __call__(self, line: bytes, /) -> bool:
        """Whether it is found in the line."""

    def anywhere(self, block: bytes, /) -> bool:
        """False if it is in no part of the block; it may be part of several lines."""


@dataclass(frozen=True)
class Query:
    """``since`` and ``until`` are timestamps as lines have them, ``release`` 0 for all; ``sources`` empty: the usual.

    With ``process`` only what that process wrote, or what is told of it.
    """

    process: str = ""
    release: int = 0
    since: str = EARLIEST
    until: str = LATEST
    sources: tuple[str, ...] = ()
    grep: LineMatcher | None = None

    def wants_source(self, source: str) -> bool:
        """Whether lines of the source may be among them."""
        return source in (self.sources or logline.SHOWN)

    def wants_log(self, process: str, release: int, first: str, last: str) -> bool:
        """Whether a log of that process, release and range of time can have any of them."""
        return (
            self.wants_source(logline.source_of(process.partition(".")[0]))
            and logline.matches(process, self.process)
            and self.release in (0, release)
            and first <= self.until
            and last >= self.since
        )

    def accepts(self, line: LogLine) -> bool:
        """Whether the line is one of them."""
        return (
            self.since <= line.time <= self.until
            and self.wants_source(line.source)
            and logline.matches(line.process, self.process)
            and self.release in (0, line.release)
            and (self.grep is None or self.grep(line.text))
        )


def rfc3339(seconds: float) -> str:
    """The moment (seconds since 1970) as lines have it: UTC, nanoseconds."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond:06d}000Z"


def seconds(time: str) -> float:
    """Seconds since 1970 of a timestamp as lines have it; 0 of what is none: a log is read from its beginning then."""
    if not logline.is_time(time):
        return 0.0
    try:
        return datetime.fromisoformat(time[:26] + "+00:00").timestamp()
    except ValueError:
        # The 31st of February, say.
        return 0.0


def moment(name: str, text: str, now: float) -> str:
    """A timestamp from ``10m`` (so long before ``now``), or a date, with or without time and zone; UTC without one."""
    if logline.is_time(text):
        # As lines have it, with all its digits.
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
            why="A time is 10m, 2h or 1d before now, or a date such as 2026-01-31 or 2026-01-31T12:00:00Z (UTC "
            "where it names no zone).",
        ) from error
    return rfc3339((given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp())
