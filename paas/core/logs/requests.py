"""nginx's access log of all apps: a JSON array per line, as declared in ``nginx/nginx.conf.j2``."""

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
"""Fields of a line, in this order. ``msec`` is seconds since 1970 with three decimals; ``code`` is set by the edge's
own responses (see `paas.core.logs.codes`); ``upstream`` fields are lists if several containers were tried.
``completion`` is OK if the whole response was sent; older lines lack it."""

# Quotes in data of clients are escaped, so it can't look like the beginning of a line.
_BEGIN = rb'\n\["'
_TIME = re.compile(rb'\n\["(?=[^\n]*\n)([0-9]+)[.]([0-9]+)"')


def wanted(number: int) -> re.Pattern[bytes]:
    """Return a pattern for the beginning of lines, with the newline before, about the app with that id; 0 for any app.

    The id stays when the app is renamed, and is never reused.
    """
    return re.compile(_BEGIN + rb'[0-9.]+","[^"]*","%d"' % number if number else _BEGIN)


def fields(line: bytes | str) -> Mapping[str, object] | None:
    """Parse a line. Return its `FIELDS` by name and ``time`` (RFC 3339, UTC); None if it is invalid."""
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
"""Look up nginx's error log by worker, connection, request line, and the time at which the request ended."""


def no_causes(worker: int, connection: int, request: str, end: float) -> str:
    """Return no cause."""
    return ""


class AccessLog:
    """Decoder for the requests to one app, or to all apps for number 0."""

    def __init__(self, app: str = "", number: int = 0, causes: Causes = no_causes) -> None:
        self._app = app
        self._wanted = wanted(number)
        self._causes = causes

    def fresh(self) -> AccessLog:
        """Return itself: it has no state."""
        return self

    def decode(self, block: bytes) -> list[LogLine]:
        """Return the app's requests in the block, which consists of whole lines."""
        found = []
        block = b"\n" + block
        match = self._wanted.search(block)
        while match:
            # Parse only matching lines: on a busy server most lines may be of other apps.
            begin, end = match.start() + 1, block.find(b"\n", match.end())
            end = len(block) if end < 0 else end
            line = _line(block[begin:end], self._causes)
            if line is not None:
                found.append(line._replace(app=self._app) if self._app else line)
            match = self._wanted.search(block, end)
        return found

    def rest(self) -> list[LogLine]:
        """Return nothing: a request is one line."""
        return []

    @staticmethod
    def boundary(block: bytes) -> int:
        """Return the offset of the first beginning of a line after a newline; -1 if there is none."""
        return block.find(b"\n") + 1 or -1

    @staticmethod
    def time(block: bytes) -> str:
        """Return the time of the first whole line in the block, empty if there is none."""
        match = _TIME.search(b"\n" + block)
        return _time(*map(bytes.decode, match.groups())) if match else ""


def _time(whole: str, fraction: str) -> str:
    """Format seconds since 1970 in UTC with nanoseconds; empty if out of range."""
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
    """Return the request's entry in nginx's error log; `CUT` if its worker was ended at its time limit."""
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
