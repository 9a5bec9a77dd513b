"""Differences between two releases. They never contain values of variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from paas.core.health.checks import Check
from paas.core.model import Process, Release
from paas.core.secret import Secret

MASK = "********"


@dataclass(frozen=True)
class Difference:
    """One difference; ``before`` and ``after`` are empty if missing there. Values are masked."""

    what: str
    change: str
    before: str
    after: str


def differences(before: Release, after: Release) -> list[Difference]:
    """Return the changes that lead from the first to the second."""
    rows = [
        _plain("commit", before.commit, after.commit),
        _plain("image", before.image, after.image),
        *_processes(before, after),
        *_static(before, after),
        *_cron(before, after),
        *_container(before, after),
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
        if one and other:
            rows += [
                _plain(f"process {kind} {name}", _shown(getattr(one, name)), _shown(getattr(other, name)))
                for name in ("checks", "overlap", "protocol")
            ]
    return rows


def _shown(value: object) -> str:
    """Format checks as in a file, other values unchanged."""
    if isinstance(value, tuple):
        return "; ".join(_fields(check) for check in value)
    return str(value).lower()


def _fields(check: Check) -> str:
    """Return the fields of a check that are not defaults."""
    plain = Check(kind=check.kind, name=check.name)
    said = {one.name: getattr(check, one.name) for one in fields(check)}
    rest = {key: value for key, value in said.items() if value != getattr(plain, key) and key not in ("kind", "name")}
    return " ".join([check.kind, check.name, *(f"{key}={value}" for key, value in rest.items())])


def _static(before: Release, after: Release) -> list[Difference | None]:
    places = dict.fromkeys([*before.static, *after.static])
    return [_plain(f"static {place}", before.static.get(place, ""), after.static.get(place, "")) for place in places]


def _cron(before: Release, after: Release) -> list[Difference | None]:
    one = {entry.id: f"{entry.schedule} {entry.command}" for entry in before.cron}
    other = {entry.id: f"{entry.schedule} {entry.command}" for entry in after.cron}
    return [_plain(f"cron {key}", one.get(key, ""), other.get(key, "")) for key in dict.fromkeys([*one, *other])]


def _container(before: Release, after: Release) -> list[Difference | None]:
    if before.container is None or after.container is None:
        # One of them uses the settings at the time its containers start.
        return []
    one, other = dict(before.container.rows()), dict(after.container.rows())
    return [_plain(name, one.get(name, ""), other.get(name, "")) for name in sorted(one.keys() | other.keys())]


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
