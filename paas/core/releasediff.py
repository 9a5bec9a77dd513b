"""What differs between two releases. Values of variables are never part of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from paas.core.model import Process, Release
from paas.core.secret import Secret

MASK = "********"


@dataclass(frozen=True)
class Difference:
    """One thing that differs; ``before`` and ``after`` are empty where it is not there. Values are masked."""

    what: str
    change: str
    before: str
    after: str


def differences(before: Release, after: Release) -> list[Difference]:
    """What one has to change to come from the first to the second."""
    rows = [
        _plain("commit", before.commit, after.commit),
        _plain("image", before.image, after.image),
        *_processes(before, after),
        *_cron(before, after),
        *_variables(before.environment, after.environment),
    ]
    return [row for row in rows if row is not None]


def _plain(what: str, before: str, after: str) -> Difference | None:
    return Difference(what, _change(before, after), before, after) if before != after else None


def _change(before: object, after: object) -> str:
    return "changed" if before and after else "added" if after else "removed"


def _processes(before: Release, after: Release) -> list[Difference | None]:
    types = dict.fromkeys(process.type for process in (*before.processes, *after.processes))
    rows: list[Difference | None] = []
    for kind in types:
        one, other = before.process(kind), after.process(kind)
        rows.append(_plain(f"process {kind}", _words(one), _words(other)))
    return rows


def _cron(before: Release, after: Release) -> list[Difference | None]:
    one = {entry.id: f"{entry.schedule} {entry.command}" for entry in before.cron}
    other = {entry.id: f"{entry.schedule} {entry.command}" for entry in after.cron}
    return [_plain(f"cron {key}", one.get(key, ""), other.get(key, "")) for key in dict.fromkeys([*one, *other])]


def _words(process: Process | None) -> str:
    if process is None:
        return ""
    port = f" (port {process.port})" if process.port is not None else ""
    return f"{process.command or '(the image has its command)'}{port}"


def _variables(before: Mapping[str, Secret], after: Mapping[str, Secret]) -> list[Difference | None]:
    rows: list[Difference | None] = []
    for key in sorted(before.keys() | after.keys()):
        one, other = before.get(key), after.get(key)
        if one != other:
            here, there = MASK if key in before else "", MASK if key in after else ""
            rows.append(Difference(f"config {key}", _change(here, there), here, there))
    return rows
