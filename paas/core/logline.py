"""One line of an app's log, as people read it."""

from __future__ import annotations

from dataclasses import dataclass

_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)


@dataclass(frozen=True, order=True)
class LogLine:
    """``time`` is the engine's, RFC 3339 in UTC with nanoseconds, so that lines sort by it as text."""

    time: str
    process: str
    text: bytes


def parse(raw: bytes, process: str) -> LogLine:
    """A line as the engine gives it: a timestamp, a space, the text."""
    time, _, text = raw.rstrip(b"\r\n").partition(b" ")
    return LogLine(time.decode("ascii", "replace"), process, text)


def render(line: LogLine, *, colour: bool, plain: bool) -> bytes:
    """``2016-05-01T00:00:00.123456789Z app[web.1]: text``; ``plain``: the text alone."""
    if plain:
        return line.text + b"\n"
    head = f"{line.time} app[{line.process}]:"
    if colour:
        head = f"\x1b[{_COLOURS[sum(line.process.encode()) % len(_COLOURS)]}m{head}\x1b[0m"
    return head.encode() + b" " + line.text + b"\n"


def matches(process: str, wanted: str) -> bool:
    """Whether the process (``web.1``) is meant by ``web``, ``web.1``, or nothing."""
    return not wanted or process == wanted or process.partition(".")[0] == wanted
