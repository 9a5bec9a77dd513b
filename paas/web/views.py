"""From what commands say to what pages show: groups, bars, words. Decides only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH = 1000
"""The width of a waterfall in units of its drawing."""
ROW = 26
NARROWEST = 2.0


@dataclass(frozen=True)
class Bar:
    """One span of a waterfall, in units of the drawing. ``label`` is its duration."""

    name: str
    depth: int
    x: float
    width: float
    y: int
    began: str
    label: str
    share: str


@dataclass(frozen=True)
class Waterfall:
    """All bars, how high they are together, and the marks of time below: (x, words)."""

    bars: tuple[Bar, ...]
    height: int
    total: str
    marks: tuple[tuple[float, str], ...]


def waterfall(profile: Mapping[str, Any]) -> Waterfall:
    """Return the drawing of a result of ``deploy:trace``."""
    total = max([profile["ms"], *(one["began_ms"] + one["ms"] for one in profile["spans"])], default=0.0) or 1.0
    bars = tuple(
        Bar(
            name=one["name"],
            depth=one["depth"],
            x=round(one["began_ms"] / total * WIDTH, 1),
            width=round(max(one["ms"] / total * WIDTH, NARROWEST), 1),
            y=number * ROW,
            began=milliseconds(one["began_ms"]),
            label=milliseconds(one["ms"]),
            share=f"{one['ms'] / total * 100:.0f} %",
        )
        for number, one in enumerate(profile["spans"])
    )
    marks = tuple((WIDTH * part / 4, milliseconds(total * part / 4)) for part in range(5))
    return Waterfall(bars, len(bars) * ROW, milliseconds(total), marks)


def milliseconds(number: float) -> str:
    """Format milliseconds: ``840 ms``, ``1.24 s``, ``2 min 5 s``."""
    if number < 1000:
        return f"{number:.0f} ms" if number >= 10 or number == 0 else f"{number:.1f} ms"
    return seconds(number / 1000)


def seconds(number: float | None) -> str:
    """Format seconds: ``1.2 s``, ``2 min 5 s``; empty for None."""
    if number is None:
        return ""
    return f"{number:.2f} s" if number < 10 else f"{number:.0f} s" if number < 90 else _minutes(int(number))


def _minutes(whole: int) -> str:
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


def moment(text: str) -> str:
    """Format a time: ``2026-01-31 12:00`` for ``2026-01-31T12:00:00Z``."""
    return text.replace("T", " ").removesuffix("Z")[:16]


TONES = {
    "good": {"running", "current", "succeeded", "ok", "healthy"},
    "busy": {"queued", "starting", "pending", "retiring", "created", "restarting", "advice"},
    "bad": {"failed", "missing", "exited", "dead", "problem", "abandoned"},
}


def tone(state: str) -> str:
    """Return the tone of a state: good, busy, bad, or quiet. A running build is busy."""
    return next((name for name, states in TONES.items() if state in states), "quiet")


def by_process(formation: Mapping[str, int], containers: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the process types with their quantities and containers; ``web`` first."""
    kinds = dict.fromkeys([*formation, *(one["process"].partition(".")[0] for one in containers)])
    return [
        {
            "type": kind,
            "wanted": formation.get(kind, 0),
            "containers": [one for one in containers if one["process"].partition(".")[0] == kind],
        }
        for kind in sorted(kinds, key=lambda kind: (kind != "web", kind))
    ]


def parameters(action: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters for the command of a form."""
    match action:
        case "scale":
            return {"app": fields["app"], "pairs": [f"{fields['type']}={fields['number']}"]}
        case "config-set":
            return {"app": fields["app"], "pairs": [f"{fields['key']}={fields['value']}"]}
        case "config-unset":
            return {"app": fields["app"], "keys": [fields["key"]]}
        case "domain-add" | "domain-remove":
            return {"app": fields["app"], "values": [fields["domain"]]}
    return fields


LONGEST_LINE = 4096
"""Bytes of a line that a page shows."""
_CUT = re.compile(r"(\S+Z) ([a-z]+)\[([^\]\s]*)\]: .* … \[(\d+) bytes\]", re.DOTALL)


@dataclass(frozen=True)
class Whole:
    """Line of a log that a page shows cut, with its length."""

    time: str
    source: str
    process: str
    bytes: int


def cut_line(line: str) -> Whole | None:
    """Return the location of a line that ``logs --cut`` has cut; None for a complete one."""
    match = _CUT.fullmatch(line)
    return Whole(match[1], match[2], match[3], int(match[4])) if match else None


def shortened(line: str) -> str:
    """Return the beginning of a line that is too long for a page."""
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]} … [{len(line)} characters]"


FILTERS = {"seconds": seconds, "moment": moment, "tone": tone}
