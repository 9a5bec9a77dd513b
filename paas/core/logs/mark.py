"""Mark: the position of a stream in an app's log, sent as the id of an event, from which another stream continues.

A mark is a time and, for each log with lines from that time on, how many of those were read, in the order of that log,
and the time of the newest. So it does not depend on the order in which lines of several logs arrive: that of a request
arrives up to a second after its time. The time of the mark follows the present with a delay.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from paas.core.errors import InvalidValue
from paas.core.logs.line import LogLine
from paas.core.logs.query import rfc3339, seconds

LATE_SECONDS = 10.0
"""Delay after its time within which a line may arrive and still not be lost to a stream that is interrupted."""
CAUGHT_UP_SECONDS = 2.0
KEY = 12
"""Length to which keys of logs are shortened; still unique."""

_MARK = re.compile(r"1\.(\d{23})((?:_[a-z0-9-]{1,12}\.\d{1,12}\.\d{23})*)", re.ASCII)
_PUNCTUATION = str.maketrans("", "", "-T:.Z")


@dataclass(frozen=True)
class Read:
    """Progress in one log: the number of lines read, and the time of the newest."""

    count: int = 0
    newest: str = ""

    def plus(self, time: str) -> Read:
        """Return the progress after a line of that time."""
        return Read(self.count + 1, max(self.newest, time))


@dataclass(frozen=True)
class Mark:
    """Position in all logs: lines before ``since`` were read; ``read`` has the progress after it, by key of the log."""

    since: str
    read: Mapping[str, Read] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Text form for clients: letters, digits and ``-._``."""
        return _head(self.since) + "".join(_part(key, read) for key, read in self.read.items())

    def skip(self, key: str) -> Skip:
        """Return a filter that skips the lines of that log that were read."""
        return Skip(self.since, self.read.get(key[:KEY], Read()))


def parse(text: str) -> Mark:
    """Parse a mark. Raise `InvalidValue`."""
    match = _MARK.fullmatch(text)
    if match is None:
        raise InvalidValue(
            f"{text[:40]!r} is not a position in a log",
            why="A position is the id of an event of a log stream.",
            fix="Start again without a position.",
            code="invalid-place",
        )
    parts = [part.split(".") for part in match[2].split("_")[1:]]
    return Mark(_time(match[1]), {key: Read(int(count), _time(newest)) for key, count, newest in parts})


def _head(since: str) -> str:
    return f"1.{since.translate(_PUNCTUATION)}"


def _part(key: str, read: Read) -> str:
    return f"_{key}.{read.count}.{read.newest.translate(_PUNCTUATION)}"


def _time(digits: str) -> str:
    date, clock = digits[:8], digits[8:]
    return f"{date[:4]}-{date[4:6]}-{date[6:]}T{clock[:2]}:{clock[2:4]}:{clock[4:6]}.{clock[6:]}Z"


def earlier(time: str, by: float) -> str:
    """Return the timestamp ``by`` seconds earlier."""
    return rfc3339(max(0.0, seconds(time) - by))


class Skip:
    """Filter that skips the lines of one log that were read. Its input begins before the mark's time."""

    def __init__(self, since: str, read: Read) -> None:
        self._since = since
        self._left = read.count
        self._newest = read.newest
        self._met = not read.count
        self.gap: LogLine | None = None
        """First line after missing lines, if there are any."""

    def takes(self, line: LogLine) -> bool:
        """Return True if the line was not read yet."""
        if line.time < self._since:
            return False
        if self._left and line.time <= self._newest:
            self._left -= 1
            self._met = self._met or line.time == self._newest
            return False
        if self._left or not self._met:
            # Some lines that were read are gone: then later, unread lines may be gone, too.
            self._left, self._met, self.gap = 0, True, line
        return True


class Progress:
    """Mark that advances line by line."""

    def __init__(self, mark: Mark) -> None:
        self._since = mark.since
        self._read = dict(mark.read)
        self._parts = {key: _part(key, read) for key, read in mark.read.items()}
        # Progress for the next mark, from its time on.
        self._began = 0.0
        self._coming = ""
        self._next: dict[str, Read] = {}
        self._newest = max([read.newest for read in mark.read.values()], default="")

    @property
    def text(self) -> str:
        """Text of the current mark."""
        return _head(self._since) + "".join(self._parts.values())

    def seen(self, key: str, time: str) -> None:
        """Advance past a line of the log with that key."""
        key = key[:KEY]
        self._newest = max(self._newest, time)
        if time >= self._since:
            read = self._read[key] = self._read.get(key, Read()).plus(time)
            self._parts[key] = _part(key, read)
        if self._coming and time >= self._coming:
            self._next[key] = self._next.get(key, Read()).plus(time)

    def caught_up(self, now: float) -> bool:
        """Note that everything up to about now was read. Return True if the mark moved to a later time."""
        if not self._coming:
            # Not while a line has a later time: it would be counted, though it was seen before.
            if self._newest < (moment := rfc3339(now)):
                self._coming, self._began, self._next = moment, now, {}
            return False
        if now < self._began + LATE_SECONDS:
            return False
        self._since, self._read, self._coming = self._coming, self._next, ""
        self._parts = {key: _part(key, read) for key, read in self._read.items()}
        return True


def is_current(newest: Mapping[str, str], now: float) -> bool:
    """Return True if logs with these times of their last lines were read up to about now."""
    return min(newest.values(), default="~") >= rfc3339(now - CAUGHT_UP_SECONDS)
