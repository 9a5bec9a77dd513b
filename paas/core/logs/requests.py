"""The access log of nginx, a JSON array a line for all apps, as ``nginx/nginx.conf.j2`` declares it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from paas.core.logs import codes
from paas.core.logs.line import ROUTER, LogLine

FIELDS = (
    "msec", "app", "app_id", "code", "host", "client", "method", "path", "protocol", "status", "bytes", "seconds",
    "upstream", "upstream_seconds", "upstream_connect_seconds", "upstream_header_seconds", "request_id", "referrer",
    "agent", "completion",
)  # fmt: skip
"""What is in a line, in this order. ``msec`` are seconds since 1970 with three decimals, ``code`` what the edge itself
has to say (see `logcodes`), those of ``upstream`` lists where several containers were asked. ``completion`` is OK where
the whole answer was sent; older lines lack it."""

# Quotes in what clients send are escaped, so that nothing of theirs looks like the beginning of a line.
_BEGIN = rb'\n\["'
_TIME = re.compile(rb'\n\["(?=[^\n]*\n)([0-9]+)[.]([0-9]+)"')


def wanted(number: int) -> re.Pattern[bytes]:
    """Matches where a line begins, with the end of the one before, that is of a request to the app of that number: it
    stays when the app is renamed, and is no other app's once it is gone. Any app for number 0."""
    return re.compile(_BEGIN + rb'[0-9.]+","[^"]*","%d"' % number if number else _BEGIN)


def fields(line: bytes | str) -> Mapping[str, object] | None:
    """What the line says, by the names of `FIELDS`, with ``time`` (RFC 3339, UTC); None for another line."""
    try:
        row = json.loads(line if isinstance(line, str) else line.decode("utf-8", "replace"))
    except ValueError:
        return None
    if not isinstance(row, list) or len(row) not in (len(FIELDS) - 1, len(FIELDS)):
        return None
    row = [*row, "OK"][: len(FIELDS)]
    whole, _, fraction = str(row[0]).partition(".")
    time = _time(whole, fraction)
    return {"time": time, **dict(zip(FIELDS, row, strict=True))} if time else None


Causes = Callable[[int, int, str, float], str]
"""What the edge's log of errors says of a worker's connection, by the request's line and the time of its end."""


def no_causes(worker: int, connection: int, request: str, end: float) -> str:
    """Nothing is known."""
    return ""


class AccessLog:
    """Reads the requests of one app, or of all for number 0."""

    def __init__(self, app: str = "", number: int = 0, causes: Causes = no_causes) -> None:
        self._app = app
        self._wanted = wanted(number)
        self._causes = causes

    def fresh(self) -> AccessLog:
        """Another one that was told nothing yet."""
        return self

    def decode(self, block: bytes) -> list[LogLine]:
        """The app's requests in the block, which begins and ends with whole lines."""
        found = []
        block = b"\n" + block
        match = self._wanted.search(block)
        while match:
            # Only lines that match are taken apart: the others may be the most of a busy server's.
            begin, end = match.start() + 1, block.find(b"\n", match.end())
            end = len(block) if end < 0 else end
            line = _line(block[begin:end], self._causes)
            if line is not None:
                found.append(line._replace(app=self._app) if self._app else line)
            match = self._wanted.search(block, end)
        return found

    def rest(self) -> list[LogLine]:
        """Nothing: a request is one line."""
        return []

    @staticmethod
    def boundary(block: bytes) -> int:
        """Where in the block a line begins; -1 if nowhere."""
        return block.find(b"\n") + 1 or -1

    @staticmethod
    def time(block: bytes) -> str:
        """The time of the first whole line in the block, empty if there is none."""
        match = _TIME.search(b"\n" + block)
        return _time(*map(bytes.decode, match.groups())) if match else ""


def _time(whole: str, fraction: str) -> str:
    """Seconds since 1970, in UTC with nanoseconds; empty for what is none."""
    try:
        moment = datetime.fromtimestamp(int(whole), UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{fraction[:9]:0<9}Z"


def _line(raw: bytes, causes: Causes) -> LogLine | None:
    row = fields(raw)
    if row is None:
        return None

    def value(key: str) -> str:
        return str(row[key])

    code = value("code") or codes.of_request(
        value("status"), value("upstream"), value("upstream_connect_seconds"), value("upstream_header_seconds"),
        complete=value("completion") == "OK", why=lambda: _cause(row, causes),
    )  # fmt: skip
    at = f'at=error code={code} desc="{codes.CODES.get(code, "")}"' if code else "at=info"
    text = (
        f'{at} method={value("method")} path={json.dumps(value("path"))} host={value("host")} '
        f'request_id={value("request_id")} fwd="{value("client")}" upstream={value("upstream")} '
        f'connect={_milliseconds(value("upstream_connect_seconds"))} service={_milliseconds(value("seconds"))} '
        f'status={value("status")} bytes={value("bytes")} protocol={value("protocol")}'
    )
    return LogLine(value("time"), ROUTER, ROUTER, text.encode("utf-8", "replace"), 0, value("app"), code, row)


def _cause(row: Mapping[str, object], causes: Causes) -> str:
    """Why the edge gave the request up, in its own words; `CUT` where its worker's time was up."""
    key = re.fullmatch(r"[0-9]+-([0-9]+)-([0-9]+)-[0-9]+", str(row["request_id"]))
    if key is None:
        return ""
    request = f'{row["method"]} {row["path"]} {row["protocol"]}'
    return causes(int(key[1]), int(key[2]), request, float(str(row["msec"])))


def _milliseconds(seconds: str) -> str:
    last = seconds.replace(" : ", ", ").rpartition(", ")[2]
    try:
        return f"{float(last) * 1000:.0f}ms"
    except ValueError:
        return ""
