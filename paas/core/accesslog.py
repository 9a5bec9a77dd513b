"""The access log of nginx, one JSON object a line for all apps, as ``nginx/nginx.conf.j2`` declares it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from paas.core import logcodes
from paas.core.logline import ROUTER, LogLine


def wanted(app: str, number: int) -> re.Pattern[bytes]:
    """Matches where a line is of a request to the app: by its number, which stays when it is renamed and is no other
    app's once it is gone; by its name where a line of before has no number. Any app for number 0.

    Quotes in what clients send are escaped, so that nothing of theirs looks like it.
    """
    if not number:
        return re.compile(rb'"app":"')
    return re.compile(rb'"app":"(?:[^"]*","app_id":"%d"|%s"(?!,"app_id"))' % (number, re.escape(app.encode())))


class AccessLog:
    """Reads the requests of one app, or of all for number 0."""

    def __init__(self, app: str = "", number: int = 0) -> None:
        self._app = app
        self._wanted = wanted(app, number)

    def fresh(self) -> AccessLog:
        """Another one that was told nothing yet."""
        return self

    def decode(self, block: bytes) -> list[LogLine]:
        """The app's requests in the block, which begins and ends with whole lines."""
        found = []
        match = self._wanted.search(block)
        while match:
            # Only lines that match are taken apart: the others may be the most of a busy server's.
            begin, end = block.rfind(b"\n", 0, match.start()) + 1, block.find(b"\n", match.start())
            end = len(block) if end < 0 else end
            line = _line(block[begin:end])
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
        at = block.find(b'{"time":"')
        row = _object(block[at : block.find(b"\n", at)]) if at >= 0 and b"\n" in block[at:] else None
        return _time(row) if row else ""


def _object(raw: bytes) -> Mapping[str, object] | None:
    try:
        row = json.loads(raw.decode("utf-8", "replace"))
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def _time(row: Mapping[str, object]) -> str:
    """UTC with nanoseconds. ``msec`` is exact to a millisecond; ``time``, of older lines, to a second."""
    whole, _, fraction = str(row.get("msec", "")).partition(".")
    try:
        if whole:
            moment = datetime.fromtimestamp(int(whole), UTC)
        else:
            moment = datetime.fromisoformat(str(row.get("time", ""))).astimezone(UTC)
    except (ValueError, OverflowError):
        return ""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{fraction[:9]:0<9}Z"


def _line(raw: bytes) -> LogLine | None:
    row = _object(raw)
    time = _time(row) if row else ""
    if row is None or not time:
        return None

    def value(key: str) -> str:
        return str(row.get(key, ""))

    code = value("code") or logcodes.of_request(
        value("status"), value("upstream"), value("upstream_connect_seconds"), value("upstream_header_seconds")
    )
    at = f'at=error code={code} desc="{logcodes.CODES.get(code, "")}"' if code else "at=info"
    text = (
        f'{at} method={value("method")} path={json.dumps(value("path"))} host={value("host")} '
        f'request_id={value("request_id")} fwd="{value("client")}" upstream={value("upstream")} '
        f'connect={_milliseconds(value("upstream_connect_seconds"))} service={_milliseconds(value("seconds"))} '
        f'status={value("status")} bytes={value("bytes")} protocol={value("protocol")}'
    )
    return LogLine(time, ROUTER, ROUTER, text.encode("utf-8", "replace"), 0, value("app"), code, row)


def _milliseconds(seconds: str) -> str:
    last = seconds.replace(" : ", ", ").rpartition(", ")[2]
    try:
        return f"{float(last) * 1000:.0f}ms"
    except ValueError:
        return ""
