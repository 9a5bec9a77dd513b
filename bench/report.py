"""The results as JSON, and as a page with a table and plots."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.stats import Goal, Summary, summary
from bench.work import Curve, Figure, Measured, Work

RESULTS = "results.json"
_PREFIXES = {"s": [(1.0, "s"), (1e-3, "ms")]}


@dataclass(frozen=True)
class Line:
    """One figure of one work item, judged."""

    key: str
    title: str
    figure: str
    unit: str
    floor_title: str
    ours: Summary
    floor: Summary | None
    goal: Goal | None
    met: bool | None

    @property
    def ratio(self) -> float | None:
        """Ours as a multiple of the floor."""
        return self.ours.median / self.floor.median if self.floor and self.floor.median else None


def lines(row: type[Work], measured: Measured) -> list[Line]:
    """The figures that could be measured."""
    found = []
    for figure in row.figures:
        values = measured.values("ours", figure.key)
        if values:
            found.append(_line(row, figure, values, measured.values("floor", figure.key)))
    return found


def _line(row: type[Work], figure: Figure, values: list[float], by_hand: list[float]) -> Line:
    ours, floor = summary(values), summary(by_hand) if by_hand else None
    met = figure.goal.met(ours.median, floor.median if floor else None) if figure.goal else None
    return Line(
        row.key, row.title, figure.title, figure.unit, row.floor_title, ours, floor, figure.goal, met
    )  # fmt: skip


def table(rows: Sequence[type[Work]], results: Mapping[str, Measured]) -> str:
    """A Markdown table, one line for each figure."""
    out = [
        "| work | floor | goal | ours | by hand | ratio | n | met |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        measured = results.get(row.key)
        if measured is None:
            continue
        for number, line in enumerate(lines(row, measured)):
            first = (row.title, row.floor_title) if number == 0 else ("", "")
            out.append(_cells(first, line))
        if measured.error:
            out.append(f"| {row.title} | {row.floor_title} | | could not be measured: {measured.error} | | | | no |")
    return "\n".join(out)


def _cells(first: tuple[str, str], line: Line) -> str:
    title = f"{first[0]}: {line.figure}" if first[0] and line.figure != "time" else first[0] or f"… {line.figure}"
    goal = goal_words(line.goal, line.unit) if line.goal else ""
    by_hand = spread(line.floor, line.unit) if line.floor else ""
    ratio = f"**{line.ratio:.2f}**" if line.ratio is not None else ""
    met = {True: "yes", False: "**no**", None: ""}[line.met]
    cells = [title, first[1], goal, spread(line.ours, line.unit), by_hand, ratio, str(line.ours.n), met]
    return f"| {' | '.join(cells)} |"


def goal_words(goal: Goal, unit: str) -> str:
    """``≤ 0.80 ×``, ``≤ 150 ms``, ``≤ + 40 ms``."""
    if goal.kind == "at most":
        return f"≤ {goal.limit:.2f} ×"
    if goal.kind == "at least":
        return f"≥ {goal.limit:.2f} ×"
    return f"≤ {'+ ' if goal.kind == 'above' else ''}{amount(goal.limit, unit)}"


def amount(value: float, unit: str) -> str:
    """Three digits with the unit, in milliseconds where it is short."""
    if unit == "s" and abs(value) < 1:
        return f"{value * 1000:.3g} ms"
    if abs(value) >= 1000:
        return f"{value:,.0f} {unit}"
    return f"{value:.3g} {unit}"


def spread(one: Summary, unit: str) -> str:
    """The median, and the 10th to 90th percentile where there are several."""
    if one.n == 1:
        return amount(one.median, unit)
    return f"{amount(one.median, unit)} ({amount(one.p10, unit)} – {amount(one.p90, unit)})"


def write(
    folder: Path,
    rows: Sequence[type[Work]],
    results: Mapping[str, Measured],
    curves: Mapping[str, Curve],
    facts: Mapping[str, str],
) -> None:
    """``benchmarks/results.json``, whose other items are kept; the page and the plots are made of all of it."""
    from bench import page, plots

    place = folder / "benchmarks"
    place.mkdir(parents=True, exist_ok=True)
    stored = _read(place / RESULTS)
    for key, measured in results.items():
        stored["items"][key] = {**asdict(measured), "machine": dict(facts)}
    for key, curve in curves.items():
        stored["curves"][key] = {**asdict(curve), "machine": dict(facts)}
    (place / RESULTS).write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n")

    plots.draw(place, rows, stored)
    (folder / "benchmarks.md").write_text(page.text(rows, stored))


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return {"items": found.get("items", {}), "curves": found.get("curves", {})}


def measured(stored: Mapping[str, Any]) -> dict[str, Measured]:
    """The work items of stored results."""
    names = Measured.__dataclass_fields__
    return {
        key: Measured(**{name: value for name, value in entry.items() if name in names})
        for key, entry in stored["items"].items()
    }
