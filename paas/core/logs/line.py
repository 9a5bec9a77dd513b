"""Lines of an app's log: their sources, and how they are displayed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

APP, ROUTER, PLATFORM = "app", "router", "platform"
BUILD, DEPLOY = "build", "deploy"
RUN, CRON = "run", "cron"
SOURCES = (APP, ROUTER, PLATFORM, BUILD, DEPLOY, RUN, CRON)
SHOWN = (APP, ROUTER, PLATFORM, RUN, CRON)
"""Sources shown by default: logs of builds and deploys have commands of their own."""

GAP = b"[lines are missing here: the log was rotated before it was read]"
"""Text of the platform's line where lines are lost."""

_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
_FIXED = len("2026-01-01T00:00:00.000000000Z")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", re.ASCII)

_ESCAPES = re.compile(
    rb"(\x1b\[[0-9;:]*m)"
    rb"|\x1b\[[0-?]*[ -/]*[@-~]"
    rb"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$)"
    rb"|\x1b[ -/]*[0-~]?"
    rb"|[\x00-\x08\x0a-\x1f\x7f]|\xc2[\x80-\x9f]"
)
"""Escape sequences of ECMA-48 and control characters; the first group matches changes of color, which are harmless."""
_RESET = b"\x1b[0m"


class LogLine(NamedTuple):
    """Log line. ``time`` is RFC 3339 in UTC with nanoseconds and of fixed length, so that lines sort by it as text.

    ``process`` is ``web.1`` for an app's process, else the writer. ``release`` is 0 for none. ``code`` is an error code
    (see `paas.core.logs.codes`); ``fields`` are the fields of a request.
    """

    time: str
    source: str
    process: str
    text: bytes
    release: int = 0
    app: str = ""
    code: str = ""
    fields: Mapping[str, object] | None = None


def fixed(time: str) -> str:
    """Return the timestamp (RFC 3339 with Z) with nine fractional digits: Docker omits trailing zeros."""
    if len(time) == _FIXED or not time.endswith("Z"):
        return time
    whole, _, fraction = time[:-1].partition(".")
    return f"{whole}.{fraction[:9]:0<9}Z"


def is_time(text: str) -> bool:
    """Return True if the text is a timestamp in the form of `LogLine.time`."""
    return _TIME.fullmatch(text) is not None


def source_of(process_type: str) -> str:
    """Return the source of lines from containers of that process type."""
    return process_type if process_type in (RUN, CRON) else APP


def parse(raw: bytes, process: str) -> LogLine:
    """Parse a line of Docker's API: timestamp, space, text."""
    time, _, text = raw.rstrip(b"\r\n").partition(b" ")
    return LogLine(fixed(time.decode("ascii", "replace")), source_of(process.partition(".")[0]), process, text)


@dataclass(frozen=True)
class Style:
    """How lines are displayed: with ``colour``, without time and process (``plain``), as JSON (``json``).

    Unless ``raw`` is set, control characters and escape sequences other than colors are removed. ``cut`` is the limit
    on a text in bytes, 0 for none.
    """

    colour: bool = False
    plain: bool = False
    raw: bool = False
    json: bool = False
    cut: int = 0

    def show(self, line: LogLine) -> bytes:
        """Return the line for display, with its newline."""
        if self.cut and len(line.text) > self.cut:
            line = line._replace(text=shortened(line.text, self.cut))
        return as_json(line) if self.json else render(line, self)


def render(line: LogLine, style: Style) -> bytes:
    """Return ``2016-05-01T00:00:00.123456789Z app[web.1]: text``, with a color per process if enabled."""
    text = line.text if style.raw else printable(line.text, colours=style.colour)
    if style.plain:
        return text + b"\n"
    head = f"{line.time} {line.source}[{line.process}]:"
    if style.colour:
        colour = 31 if line.code else _COLOURS[sum(line.process.encode()) % len(_COLOURS)]
        head = f"\x1b[{colour}m{head}\x1b[0m"
    return head.encode() + b" " + text + b"\n"


def shortened(text: bytes, most: int) -> bytes:
    """Return the beginning of a long text and its length: ``… [1048576 bytes]``."""
    begin = text[:most].decode(errors="ignore").encode()
    return begin + f" … [{len(text)} bytes]".encode()


def printable(text: bytes, *, colours: bool = True) -> bytes:
    """Return the text without control characters and escape sequences, except colors if ``colours`` is set."""
    try:
        if text.decode().isprintable():
            # Fast path for most lines: a tenth of the time.
            return text
    except UnicodeDecodeError:
        pass
    coloured = False

    def keep(match: re.Match[bytes]) -> bytes:
        nonlocal coloured
        coloured = coloured or (colours and match[1] is not None)
        return match[1] or b"" if colours else b""

    shown = _ESCAPES.sub(keep, text)
    return shown + _RESET if coloured else shown


def printable_lines(text: bytes) -> bytes:
    """Apply `printable` to each line of the text; colors are kept."""
    return b"\n".join(printable(line) for line in text.split(b"\n"))


def as_json(line: LogLine) -> bytes:
    """Return the line as a JSON object with a newline; bytes that are not UTF-8 become U+FFFD."""
    return (json.dumps(as_dict(line), ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def as_dict(line: LogLine) -> dict[str, object]:
    """Return the object that `as_json` encodes."""
    found: dict[str, object] = {
        "time": line.time,
        "app": line.app,
        "source": line.source,
        "process": line.process,
        "release": f"v{line.release}" if line.release else "",
        "text": line.text.decode("utf-8", "replace"),
    }
    if line.code:
        found["code"] = line.code
    if line.fields:
        found["request"] = dict(line.fields)
    return found


def from_json(data: bytes) -> LogLine:
    """Parse a line encoded by `as_json`."""
    row = json.loads(data)
    release = int(str(row["release"]).removeprefix("v") or 0)
    text = str(row["text"]).encode("utf-8", "surrogatepass")
    return LogLine(
        row["time"], row["source"], row["process"], text, release, row["app"], row.get("code", ""), row.get("request")
    )


def matches(process: str, wanted: str) -> bool:
    """Return True if the process (``web.1``) matches ``wanted``: ``web``, ``web.1``, or empty."""
    return not wanted or process == wanted or process.partition(".")[0] == wanted
