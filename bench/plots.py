"""The plots of the page, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt

from bench import report
from bench.work import Work
from paas.core.jobs import trace
from paas.core.jobs.trace import Span

OURS, FLOOR, GOAL = "#2266aa", "#999999", "#cc3333"


def draw(folder: Path, rows: Sequence[type[Work]], stored: Mapping[str, Any]) -> None:
    """``ratios.svg``, ``growth.svg`` and ``push.svg``, of what there is."""
    mpl.use("svg")
    # The same picture has the same bytes, and its text stays text.
    mpl.rcParams.update({"svg.hashsalt": "paas", "svg.fonttype": "none", "font.size": 9})
    _ratios(folder / "ratios.svg", rows, stored)
    if stored["curves"]:
        _growth(folder / "growth.svg", stored["curves"])
    profile = stored["items"].get("push", {}).get("extra", {}).get("trace")
    if profile:
        _waterfall(folder / "push.svg", profile)


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def _ratios(path: Path, rows: Sequence[type[Work]], stored: Mapping[str, Any]) -> None:
    results = report.measured(stored)
    lines = [line for row in rows if row.key in results for line in report.lines(row, results[row.key])]
    judged = [line for line in lines if line.ratio is not None and line.goal and line.goal.kind.startswith("at ")]
    if not judged:
        return
    judged.reverse()
    figure, axes = plt.subplots(figsize=(8, 0.34 * len(judged) + 0.8))
    places = range(len(judged))
    axes.barh(places, [line.ratio or 0 for line in judged], color=OURS, height=0.6)
    for place, line in zip(places, judged, strict=True):
        assert line.goal is not None and line.ratio is not None
        axes.plot([line.goal.limit] * 2, [place - 0.4, place + 0.4], color=GOAL, linewidth=2)
        arrow = "≤" if line.goal.kind == "at most" else "≥"
        axes.annotate(f" {line.ratio:.2f} (goal {arrow} {line.goal.limit:.2f})", (line.ratio, place), va="center")
    axes.axvline(1, color=FLOOR, linewidth=1)
    names = [line.title.replace("`", "") + ("" if line.figure == "time" else f": {line.figure}") for line in judged]
    axes.set_yticks(list(places), names)
    axes.set_xlabel("ours as a multiple of what is done by hand (grey line); red: the goal")
    axes.set_xlim(0, max(1.6, *(1.35 * (line.ratio or 0) for line in judged)))
    _save(figure, path)


def _growth(path: Path, curves: Mapping[str, Any]) -> None:
    columns = 3
    height = -(-len(curves) // columns)
    figure, grid = plt.subplots(height, columns, figsize=(11, 2.5 * height), squeeze=False)
    for axes, curve in zip(grid.flat, curves.values(), strict=False):
        for side, colour, label in (("ours", OURS, "ours"), ("floor", FLOOR, "by hand")):
            points = sorted((int(count), value) for count, value in curve[side].items())
            if points:
                scale = 1000 if curve["unit"] == "s" else 1
                axes.plot(*zip(*[(x, y * scale) for x, y in points], strict=True), "o-", color=colour, label=label)
        axes.set_xscale("log")
        axes.set_xticks([1, 10, 100, 500], ["1", "10", "100", "500"])
        axes.minorticks_off()
        axes.set_ylim(bottom=0)
        axes.set_title(curve["title"].replace("`", ""), fontsize=8)
        axes.set_ylabel("ms" if curve["unit"] == "s" else curve["unit"])
        if curve["floor"]:
            axes.legend(fontsize=7)
    for axes in list(grid.flat)[len(curves):]:
        axes.set_visible(False)
    figure.supxlabel("apps")
    figure.tight_layout()
    _save(figure, path)


def _waterfall(path: Path, profile: Mapping[str, Any]) -> None:
    spans = [Span(row["name"], row["depth"], row["began_ms"], row["ms"]) for row in profile["spans"]]
    shown = [span for span in trace.complete(spans) if span.seconds >= 0.5]
    figure, axes = plt.subplots(figsize=(9, 0.2 * len(shown) + 0.7))
    for place, span in enumerate(reversed(shown)):
        axes.barh(place, span.seconds, left=span.began, color=FLOOR if span.depth else OURS, height=0.7)
        axes.annotate(f" {span.seconds:.1f}", (span.ended, place), va="center", fontsize=7)
    axes.set_yticks(range(len(shown)), ["    " * span.depth + span.name for span in reversed(shown)], fontsize=7)
    axes.set_xlabel("ms since git's command started on the server; blue: steps, grey: calls inside them")
    _save(figure, path)
