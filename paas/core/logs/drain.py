"""Drains: targets, formats and positions."""

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
"""Characters that are not quoted in a path and a query."""


@dataclass(frozen=True)
class Position:
    """Position of a drain in each log (by container id, ``router-APP`` or ``events-APP``).

    The position in a log is ``TIME#COUNT``: the time of the last line, and how many lines of that time were read; for
    events it is their number. Other logs begin at ``floor``, events at ``event``. ``spooled`` is the number of the last
    spooled batch. Archived logs that ended before ``settled`` were read completely and are not listed.
    """

    floor: str
    event: int = 0
    logs: Mapping[str, str] = field(default_factory=dict)
    spooled: int = 0
    settled: str = ""


@dataclass(frozen=True)
class Drain:
    """Drain of an app, or with ``app_id`` None of every app.

    ``sent`` and ``dropped`` count lines; ``gaps`` is how often a log was rotated away before it was read.
    """

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
    """Parts of a drain's URL. ``path`` includes the query, ``headers`` the authorization from the user part."""

    scheme: str
    host: str
    port: int
    tls: bool
    path: str
    headers: Mapping[str, str]

    @property
    def syslog(self) -> bool:
        """True if the protocol is syslog."""
        return self.scheme.startswith("syslog")


def target(url: str) -> DrainTarget:
    """Parse the URL. Raise `InvalidValue` without repeating secrets of the URL."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _bad("it is malformed") from error
    if parts.scheme not in _SCHEMES:
        raise _bad(f"unknown scheme {parts.scheme[:20]!r}" if parts.scheme else "it has no scheme")
    if not parts.hostname or any(ord(letter) <= 32 or ord(letter) == 127 for letter in url):
        raise _bad("it has no host, or invalid characters")
    tls, default = _SCHEMES[parts.scheme]
    if parts.scheme.startswith("syslog") and (parts.path.strip("/") or parts.query or parts.username):
        raise _bad("a syslog URL has only a host and a port")
    headers = {}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    try:
        parts.hostname.encode("idna")
    except UnicodeError as error:
        raise _bad("its host name is invalid") from error
    # As browsers send it: non-ASCII characters as UTF-8, quoted ones unchanged.
    path = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_QUOTED)
    return DrainTarget(parts.scheme, parts.hostname, port or default, tls, path, headers)


def _bad(what: str) -> InvalidValue:
    return InvalidValue(
        f"invalid drain URL: {what}",
        why="Use syslog+tcp://HOST:PORT, syslog+tls://HOST:PORT, https://USER:PASSWORD@HOST/PATH or http://….",
        code="invalid-drain",
    )


def format_for(found: DrainTarget, wanted: str) -> str:
    """Return the format for the target. Raise `InvalidValue` if ``wanted`` does not fit the URL."""
    chosen = wanted or (SYSLOG if found.syslog else JSON)
    if chosen not in FORMATS or (chosen == SYSLOG) != found.syslog:
        raise InvalidValue(
            f"the format {wanted!r} can't be used with {found.scheme}",
            why="Syslog drains send syslog; HTTP drains send json (the default) or logplex.",
            code="invalid-drain",
        )
    return chosen


def masked(url: Secret) -> str:
    """Return the URL for display: scheme, host and port; user, password, path and query are masked as secrets."""
    parts = urlsplit(url.reveal())
    user = f"{MASK}@" if parts.username is not None else ""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    rest = f"/{MASK}" if parts.path.strip("/") or parts.query else ""
    return f"{parts.scheme}://{user}{host}{port}{rest}"


def _place(text: str) -> tuple[str, int]:
    """Parse ``TIME#COUNT``. Return an empty time for invalid text, so that lines are repeated rather than lost."""
    time, _, count = text.partition("#")
    return (time, int(count)) if logline.is_time(time) and count.isdecimal() else ("", 0)


class LogPosition:
    """Position in one log while it is read: `seen` advances it, `text` is the recorded form."""

    def __init__(self, text: str = "") -> None:
        self._time, self._count = _place(text)

    def seen(self, line: LogLine) -> None:
        """Advance past the line. A line without a valid time is ignored."""
        if line.time == self._time:
            self._count += 1
        elif logline.is_time(line.time):
            self._time, self._count = line.time, 1

    @property
    def text(self) -> str:
        """Recorded form; empty before the first line."""
        return f"{self._time}#{self._count}" if self._time else ""


class Resume:
    """Filter that skips lines read before a restart.

    It gets the lines in the order of the log, starting before the position. Lines written out of time order may be
    repeated, but none is lost.
    """

    def __init__(self, place: str) -> None:
        self._time, self._left = _place(place)
        self._open = not self._time

    def takes(self, line: LogLine) -> bool:
        """Return True if the line was not read yet."""
        if self._open:
            return True
        if line.time < self._time:
            return False
        if line.time == self._time and self._left:
            self._left -= 1
            self._open = self._left == 0
            return False
        # The line that was read last is gone from the log, or comes after this one.
        return True
