"""``python -m bench``: measures the work items and writes the results."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench import growth, machine, own_engine, report
from bench.ground import Ground
from bench.rows.all import ROWS
from bench.run import measure
from bench.work import Curve, Measured, Size

GROWTH = "growth"
OWN_ENGINE = "--own-engine"
ROOT = Path(__file__).resolve().parent.parent


def main(argv: list[str]) -> int:
    """0 if every item could be measured, whether it met its goal or not."""
    options = _parser().parse_args(argv)
    keys = [*(row.key for row in ROWS), GROWTH]
    chosen = [] if options.page else options.only or [key for key in keys if key not in options.skip]
    if unknown := {*chosen, *options.skip} - {*keys}:
        print(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(keys)}", file=sys.stderr)
        return 2

    if options.own_engine:
        return _on_an_own_engine([word for word in argv if word != OWN_ENGINE])
    size = Size(repeat=options.repeat or (3 if options.quick else 9), quick=options.quick, seconds=options.seconds)
    results: dict[str, Measured] = {}
    curves: dict[str, Curve] = {}
    facts = machine.facts() | {"repetitions": f"{size.repeat}{' (quick)' if size.quick else ''}"}
    try:
        _measure(chosen, size, results, curves)
    finally:
        report.write(options.out, ROWS, results, curves, facts | machine.ended())
    print(report.table(ROWS, results))
    return 1 if any(measured.error for measured in results.values()) else 0


def _measure(chosen: list[str], size: Size, results: dict[str, Measured], curves: dict[str, Curve]) -> None:
    """Fills the results and curves; nothing of the ground is left afterwards."""
    if not chosen:
        return
    ground = Ground()
    try:
        for row in ROWS:
            if row.key in chosen:
                say(f"{row.key}: {row.title}")
                results[row.key] = measure(row(ground, size), size, say)
                say(f"  {results[row.key].seconds:.0f} s {results[row.key].error}")
        if GROWTH in chosen:
            say(f"{GROWTH}: with more and more apps")
            curves |= growth.curves(ground, size, say)
    finally:
        ground.close()


def _on_an_own_engine(argv: list[str]) -> int:
    ground = Ground()
    try:
        return own_engine.measure(argv, ground.base, ground.docker)
    finally:
        ground.close()


def say(text: str) -> None:
    """On standard error, at once."""
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("bench", description="Measure the platform beside the hand-written floor.")
    parser.add_argument("--quick", action="store_true", help="3 repetitions, and smaller logs, histories and crowds")
    parser.add_argument("--repeat", type=int, help="repetitions of each item (9)")
    parser.add_argument("--seconds", type=float, default=120.0, help="no repetition of an item begins later (120)")
    parser.add_argument("--only", nargs="+", metavar="KEY", help="these items; the results of the others are kept")
    parser.add_argument("--skip", nargs="+", metavar="KEY", default=[], help="all items but these")
    parser.add_argument(
        OWN_ENGINE, action="store_true", help="on a second engine as the installer sets it up (no userland proxy)"
    )
    parser.add_argument("--page", action="store_true", help="measure nothing, write the page of the stored results")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="where benchmarks.md goes (docs)")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
