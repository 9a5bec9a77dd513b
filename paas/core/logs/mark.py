"""How far an app's log was read, as a text: the id of an event of a stream, from which another stream goes on.

A mark is a moment, and of each log that has lines from that moment on, how many of those were read, in the order of
that log, and the time of the newest. It does not depend on the order in which the lines of several logs come: that of a
request comes up to a second after its time. The moment follows the present at a distance.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from paas.core.errors import InvalidValue
from paas.core.logs.line import LogLine
from paas.core.logs.query import rfc3339, seconds

LATE_SECONDS = 10.0
"""So long after its time a line may come, and a stream that is cut meanwhile still goes on with it."""
CAUGHT_UP_SECONDS = 2.0
KEY = 12
"""Characters of a log's key that tell it from the others."""

_MARK = re.compile(r"1\.(\d{23})((?:_[a-z0-9-]{1,12}\.\d{1,12}\.\d{23})*)", re.ASCII)
_PUNCTUATION = str.maketrans("", "", "-T:.Z")


@dataclass(frozen=True)
class Read:
    """What was read of one log: so many lines, the newest of them at that time."""

    count: int = 0
    newest: str = ""

    def plus(self, time: str) -> Read:
        """With a line of that time."""
        return Read(self.count + 1, max(self.newest, time))


@dataclass(frozen=True)
class Mark:
    """Lines before ``since`` were read; of those from then on, what ``read`` says by the key of their log."""

    since: str
    read: Mapping[str, Read] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """As a client keeps it: letters, digits and ``-._``."""
        return _head(self.since) + "".join(_part(key, read) for key, read in self.read.items())

    def skip(self, key: str) -> Skip:
        """What passes over the lines of that log that were read."""
        return Skip(self.since, self.read.get(key[:KEY], Read()))


def parse(text: str) -> Mark:
    """The mark of that text."""
    match = _MARK.fullmatch(text)
    if match is None:
        raise InvalidValue(
            f"{text[:40]!r} is no place in a log",
            why="A place is the id of an event of a stream of logs, as it was sent.",
            fix="Begin anew, without one.",
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
    """The moment so many seconds before."""
    return rfc3339(max(0.0, seconds(time) - by))


class Skip:
    """Passes over what was read of one log, whose lines are told from some way before the mark's moment on."""

    def __init__(self, since: str, read: Read) -> None:
        self._since = since
        self._left = read.count
        self._newest = read.newest
        self._met = not read.count
        self.gap: LogLine | None = None
        """The first line after a place where lines are missing, once there is such a place."""

    def takes(self, line: LogLine) -> bool:
        """Whether the line was not read yet."""
        if line.time < self._since:
            return False
        if self._left and line.time <= self._newest:
            self._left -= 1
            self._met = self._met or line.time == self._newest
            return False
        if self._left or not self._met:
            # Not all that was read is there any more: then what came after it may be gone, too.
            self._left, self._met, self.gap = 0, True, line
        return True


class Progress:
    """A mark that goes on line by line."""

    def __init__(self, mark: Mark) -> None:
        self._since = mark.since
        self._read = dict(mark.read)
        self._parts = {key: _part(key, read) for key, read in mark.read.items()}
        # What the next mark is to have, from its moment on.
        self._began = 0.0
        self._coming = ""
        self._next: dict[str, Read] = {}
        self._newest = max([read.newest for read in mark.read.values()], default="")

    @property
    def text(self) -> str:
        """The mark's text."""
        return _head(self._since) + "".join(self._parts.values())

    def seen(self, key: str, time: str) -> None:
        """A line of the log of that key was read."""
        key = key[:KEY]
        self._newest = max(self._newest, time)
        if time >= self._since:
            read = self._read[key] = self._read.get(key, Read()).plus(time)
            self._parts[key] = _part(key, read)
        if self._coming and time >= self._coming:
            self._next[key] = self._next.get(key, Read()).plus(time)

    def caught_up(self, now: float) -> bool:
        """All that was written up to about now was read. Says whether the mark has become another one by that."""
        if not self._coming:
            # Not where something claims to be of later: it would count, and was seen before.
            if self._newest < (moment := rfc3339(now)):
                self._coming, self._began, self._next = moment, now, {}
            return False
        if now < self._began + LATE_SECONDS:
            return False
        self._since, self._read, self._coming = self._coming, self._next, ""
        self._parts = {key: _part(key, read) for key, read in self._read.items()}
        return True


def is_current(newest: Mapping[str, str], now: float) -> bool:
    """Whether logs whose last lines that were read are of these times were read up to about now."""
    return min(newest.values(), default="~") >= rfc3339(now - CAUGHT_UP_SECONDS)
