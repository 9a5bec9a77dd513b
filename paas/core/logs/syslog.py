"""Formats of drains: syslog messages (RFC 5424) in length-prefixed frames (RFC 6587, 5425), logplex, JSON lines."""

from __future__ import annotations

import re
from collections.abc import Iterable

from paas.core.logs import line as logline
from paas.core.logs.line import LogLine

LOCAL7_INFO, LOCAL7_ERROR = 190, 187
LOGPLEX_TYPE = "application/logplex-1"
JSON_TYPE = "application/x-ndjson"
_UNPRINTABLE = re.compile(r"[^!-~]")


def message(line: LogLine) -> bytes:
    """Return the syslog message: HOSTNAME is the app, APP-NAME the source, PROCID the process."""
    priority = LOCAL7_ERROR if line.code else LOCAL7_INFO
    # RFC 5424 allows six fractional digits.
    time = f"{line.time[:26]}Z"
    head = f"<{priority}>1 {time} {_name(line.app, 255)} {_name(line.source, 48)} {_name(line.process, 128)} - - "
    return head.encode("ascii") + line.text


def _name(text: str, longest: int) -> str:
    return _UNPRINTABLE.sub("_", text)[:longest] or "-"


def framed(lines: Iterable[LogLine]) -> bytes:
    """Return the messages, each after its length in bytes and a space."""
    messages = map(message, lines)
    return b"".join(b"%d %s" % (len(one), one) for one in messages)


def logplex(lines: Iterable[LogLine]) -> bytes:
    """Return the frames in the format of Heroku's Logplex over HTTPS: each message ends with a newline."""
    messages = [message(line) + b"\n" for line in lines]
    return b"".join(b"%d %s" % (len(one), one) for one in messages)


def json_lines(lines: Iterable[LogLine]) -> bytes:
    """Return one JSON object per line, as ``logs --format json`` does."""
    return b"".join(map(logline.as_json, lines))
