"""``docs/benchmarks.md``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import report
from bench.work import Work

FINDINGS = Path(__file__).with_name("findings.md")
"""Written by hand: why the figures are as they are."""

QUIET = 1.0
"""The load average above which a machine is not quiet."""

HEAD = """\
# Benchmarks

This page compares the platform with the same work done by hand, on the same machine in one run. The ratios matter: they
carry over to other machines, milliseconds do not. `make bench` writes this page; `bench/` is the harness.

- The platform and the floor take turns, so that both see the same state of the machine. The first measurement of each
  is discarded. Figures are medians, with the 10th and 90th percentile in brackets.
- The floor is what a good administrator writes by hand, in `bench/floor/`: an OpenSSH server with Debian's settings, a
  bare repository with a [post-receive script](../bench/floor/post-receive) (kept work tree, docker command with
  BuildKit, `nginx -t`, a reload), an nginx that connects to the container's own address, Docker's API.
- Both sides use the same git, OpenSSH client, docker command, Docker Engine and base image, on loopback.
"""

PEERS = """\
## Peers

Dokku and Piku cannot be installed from the registries of this machine. These figures were measured earlier on a similar
machine, as multiples of the same script there (0.87 s, of which some 0.1 s was the account's own `~/.bashrc`, which
today's floor does not read).

| push → live, code-only change | × the script |
|---|---|
| Dokku 0.38 with its default checks | 30 – 32 |
| Dokku 0.38 with an HTTP check | 18 – 21 |
| Piku 0.2 (no containers) | 4.1 – 4.8 |

| command over SSH | × `true` over OpenSSH |
|---|---|
| Dokku 0.38 `apps:list` | 1.2 |
| Dokku 0.38 `ps:report` | 4.7 |
| Dokku 0.38 `logs` | 2.7 |
"""


def text(rows: Sequence[type[Work]], stored: Mapping[str, Any]) -> str:
    """The page."""
    results = report.measured(stored)
    parts = [HEAD, _machine(stored), "## Results\n", report.table(rows, results), ""]
    parts += ["![Ratios to the floor](benchmarks/ratios.svg)", "", *_notes(rows, results)]
    if "push" in results:
        parts += [
            "## Where the time of a push goes\n",
            "The last measured code-only push, as `deploy:trace` shows it.\n",
            "![Step profile of a push](benchmarks/push.svg)",
            "",
        ]
    if stored["curves"]:
        parts += ["## Growth\n", "With 1, 10, 100 and 500 apps.\n", "![Growth curves](benchmarks/growth.svg)", ""]
        parts += [_curves(stored["curves"]), ""]
    return "\n".join([*parts, FINDINGS.read_text(), PEERS])


def _machine(stored: Mapping[str, Any]) -> str:
    entries = [*stored["items"].values(), *stored["curves"].values()]
    nothing: dict[str, str] = {}
    newest = max((entry["machine"] for entry in entries), key=lambda facts: facts["date"], default=nothing)
    out = ["## Machine\n", "| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in newest.items()), ""]
    busy = sorted({entry["machine"]["load before"].split()[0] for entry in entries}, key=float)
    if busy and float(busy[-1]) > QUIET:
        out += [
            f"The load average was {busy[0]} – {busy[-1]} at their start, including the measurement just before. "
            "The platform and the floor took turns, so the ratios say more than the times.",
            "",
        ]
    if any("quick" in entry["machine"].get("repetitions", "") for entry in entries):
        out += ["Some items were measured with `--quick`: fewer repetitions, smaller logs, histories and crowds.", ""]
    dates = {entry["machine"]["date"] for entry in entries}
    if len(dates) > 1:
        out += [f"Items of {len(dates)} runs, the oldest of {min(dates)}; the machine is the newest one.", ""]
    return "\n".join(out)


def _notes(rows: Sequence[type[Work]], results: Mapping[str, Any]) -> list[str]:
    found = [f"- {row.title}: {note}" for row in rows if row.key in results for note in results[row.key].notes]
    return ["Notes:", "", *found, ""] if found else []


def _curves(curves: Mapping[str, Any]) -> str:
    counts = sorted({int(count) for curve in curves.values() for count in curve["ours"]})
    out = ["| | " + " | ".join(f"{count} apps" for count in counts) + " |", "|---|" + "---|" * len(counts)]
    for curve in curves.values():
        for side, label in (("ours", ""), ("floor", ", by hand")):
            values = {int(count): value for count, value in curve[side].items()}
            if values:
                cells = [report.amount(values[count], curve["unit"]) if count in values else "" for count in counts]
                out.append(f"| {curve['title']}{label} | " + " | ".join(cells) + " |")
    return "\n".join(out)
