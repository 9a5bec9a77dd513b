"""Drains: where lines are sent, in which form, and how far each has come."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from paas.core.errors import InvalidValue
from paas.core.logs import line as logline
from paas.core.logs.line import LogLine
from paas.core.secret import MASK, Secret

SYSLOG, JSON, LOGPLEX = "syslog", "json", "logplex"
FORMATS = (SYSLOG, JSON, LOGPLEX)
_SCHEMES = {
    "syslog": (False, 514),
    "syslog+tcp": (False, 514),
    "syslog+tls": (True, 6514),
    "http": (False, 80),
    "https": (True, 443),
}

_QUOTED = "".join(chr(code) for code in range(33, 127))
"""What stays as it is of a path and a query."""


@dataclass(frozen=True)
class Position:
    """Up to where a drain has read: of each log (by container, ``router-APP`` or ``events-APP``) a place.

    A place is ``TIME#COUNT``: the time of the last line, and how many lines of that time were read; of events their
    number. Logs that are not named begin at ``floor``, events at ``event``. ``spooled`` is the number of the last batch
    that was put aside. Kept logs that ended before ``settled`` were read as a whole, and are not named.
    """

    floor: str
    event: int = 0
    logs: Mapping[str, str] = field(default_factory=dict)
    spooled: int = 0
    settled: str = ""


@dataclass(frozen=True)
class Drain:
    """One drain. ``app_id`` None: it takes the lines of every app. ``sent`` and ``dropped`` count lines, ``gaps`` how
    often lines were gone before they were read."""

    id: int
    app_id: int | None
    url: Secret
    format: str
    ca: str
    created_at: float
    created_by: str
    position: Position
    sent: int = 0
    dropped: int = 0
    gaps: int = 0
    error: str = ""
    error_at: float | None = None


@dataclass(frozen=True)
class DrainTarget:
    """A drain's URL taken apart. ``path`` has the query, ``headers`` what the user part stands for."""

    scheme: str
    host: str
    port: int
    tls: bool
    path: str
    headers: Mapping[str, str]

    @property
    def syslog(self) -> bool:
        """Whether it speaks syslog."""
        return self.scheme.startswith("syslog")


def target(url: str) -> DrainTarget:
    """The parts of the URL; `InvalidValue` says what is wrong with it, without repeating its secrets."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _bad("it can't be read as a URL") from error
    if parts.scheme not in _SCHEMES:
        raise _bad(f"it begins with {parts.scheme[:20]!r}" if parts.scheme else "it has no scheme")
    if not parts.hostname or any(ord(letter) <= 32 or ord(letter) == 127 for letter in url):
        raise _bad("it has no host, or characters that a URL can't have")
    tls, default = _SCHEMES[parts.scheme]
    if parts.scheme.startswith("syslog") and (parts.path.strip("/") or parts.query or parts.username):
        raise _bad("a syslog URL is a host and a port only")
    headers = {}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    try:
        parts.hostname.encode("idna")
    except UnicodeError as error:
        raise _bad("its host is no name") from error
    # As browsers send it: what is not ASCII in UTF-8, and what is quoted as it is.
    path = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_QUOTED)
    return DrainTarget(parts.scheme, parts.hostname, port or default, tls, path, headers)


def _bad(what: str) -> InvalidValue:
    return InvalidValue(
        f"this is not the URL of a drain: {what}",
        why="One of syslog+tcp://HOST:PORT, syslog+tls://HOST:PORT, https://USER:PASSWORD@HOST/PATH, http://….",
        code="invalid-drain",
    )


def format_for(found: DrainTarget, wanted: str) -> str:
    """The form in which lines are sent there; `InvalidValue` for one that does not go with the URL."""
    chosen = wanted or (SYSLOG if found.syslog else JSON)
    if chosen not in FORMATS or (chosen == SYSLOG) != found.syslog:
        raise InvalidValue(
            f"the format {wanted!r} does not go with {found.scheme}",
            why="Syslog drains send syslog; HTTP drains send json (the default) or logplex.",
            code="invalid-drain",
        )
    return chosen


def masked(url: Secret) -> str:
    """The URL for people: scheme, host and port; user, password, path and query may be secrets, and are a mask."""
    parts = urlsplit(url.reveal())
    user = f"{MASK}@" if parts.username is not None else ""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    rest = f"/{MASK}" if parts.path.strip("/") or parts.query else ""
    return f"{parts.scheme}://{user}{host}{port}{rest}"


def _place(text: str) -> tuple[str, int]:
    """The time and the count of a place; an empty time for what is no place, so that lines are repeated, not lost."""
    time, _, count = text.partition("#")
    return (time, int(count)) if logline.is_time(time) and count.isdecimal() else ("", 0)


class LogPosition:
    """The place in one log as it is read: `seen` counts lines in, `text` is what is recorded of it."""

    def __init__(self, text: str = "") -> None:
        self._time, self._count = _place(text)

    def seen(self, line: LogLine) -> None:
        """The line was read. One without a time is no place."""
        if line.time == self._time:
            self._count += 1
        elif logline.is_time(line.time):
            self._time, self._count = line.time, 1

    @property
    def text(self) -> str:
        """As it is recorded; empty before the first line."""
        return f"{self._time}#{self._count}" if self._time else ""


class Resume:
    """Passes over what was read before a restart.

    Lines are told in the order of the log, from some way before the place on. What was written out of the order of
    time may be taken twice, and nothing is left out.
    """

    def __init__(self, place: str) -> None:
        self._time, self._left = _place(place)
        self._open = not self._time

    def takes(self, line: LogLine) -> bool:
        """Whether the line was not read yet."""
        if self._open:
            return True
        if line.time < self._time:
            return False
        if line.time == self._time and self._left:
            self._left -= 1
            self._open = self._left == 0
            return False
        # The line that was read last has gone from the log, or comes after this one.
        return True
