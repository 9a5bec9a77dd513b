"""Cron entries of an app: how they are written in app.json and paas.yml, and what is due of them.

app.json has Dokku's form, https://dokku.com/docs/processes/scheduled-cron-tasks/ ; paas.yml the platform's own:

    cron:
      - schedule: "30 2 * * *"
        command: python report.py
        name: nightly
        concurrency: forbid
        timezone: Europe/Berlin
        timeout: 1h
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paas.core import names, values
from paas.core.errors import InvalidValue
from paas.core.schema import Reader, show

JSON_FIELDS = ("command", "schedule", "concurrency_policy", "maintenance", "timezone", "timeout", "name")
YAML_FIELDS = ("schedule", "command", "name", "concurrency", "timezone", "timeout", "maintenance")
TIMEOUT = values.duration("1s", "30d")

LATE_SECONDS = 60.0
"""A run that begins later than this after its time has been missed: the server was down, or its clock was set."""

BACK_SECONDS = 3 * 3600.0
"""A clock that is set back by less repeats nothing; one that is set back by more begins anew."""


class Overlap(enum.Enum):
    """What becomes of a run that is due while the one before it goes on."""

    ALLOW = "allow"
    FORBID = "forbid"
    REPLACE = "replace"


@dataclass(frozen=True)
class CronEntry:
    """One entry. ``id`` stays as long as schedule and command do, or is the name that it was given.

    ``timezone`` is empty and ``timeout`` 0 where the app's properties hold; ``timeout`` is in seconds.
    ``maintenance``: it is not run for now.
    """

    id: str
    schedule: str
    command: str
    overlap: Overlap = Overlap.ALLOW
    timezone: str = ""
    timeout: float = 0.0
    maintenance: bool = False


@dataclass(frozen=True)
class Due:
    """What to do of one entry: run it for the time ``run``, None for not at all; tell of the times it was missed."""

    run: float | None = None
    missed: tuple[float, ...] = ()


def due(times: Sequence[float], now: float) -> Due:
    """What to do at ``now`` about the times, in order, that have come since the last look.

    Only the last of them can still be on time; it is not run twice for those before it, which were missed.
    """
    if not times:
        return Due()
    if times[-1] >= now - LATE_SECONDS:
        return Due(times[-1], tuple(times[:-1]))
    return Due(None, tuple(times))


def begin_from(seen: float, now: float) -> float:
    """The time up to which everything has been seen to, for a look at ``now``: not after it by more than a little."""
    return now if now < seen - BACK_SECONDS else seen


def read(rows: object, reader: Reader, fields: Sequence[str]) -> tuple[CronEntry, ...]:
    """The entries of the list under ``cron``; `InvalidValue` names the place. Other fields in app.json are let be."""
    found: dict[str, CronEntry] = {}
    for number, row in enumerate(reader.sequence(rows, "cron")):
        at = f"cron[{number}]"
        said = reader.mapping(row, at)
        if fields is YAML_FIELDS:
            reader.known(said, at, fields)
        entry = _entry(reader, said, at)
        if entry.id in found:
            raise reader.wrong(at, f"is the same as another one: {entry.id}", "Give each a name of its own.")
        found[entry.id] = entry
    return tuple(found.values())


def _entry(reader: Reader, said: Mapping[str, Any], at: str) -> CronEntry:
    for field in ("schedule", "command"):
        if field not in said:
            raise reader.wrong(at, f"lacks {field}", "An entry has a schedule and a command.")
    schedule = " ".join(reader.text(said["schedule"], f"{at}.schedule").split())
    command = reader.text(said["command"], f"{at}.command")
    name = _name(reader, said["name"], f"{at}.name") if "name" in said else ""
    policy = "concurrency" if "concurrency" in said else "concurrency_policy"
    return CronEntry(
        id=name or hashlib.sha256(f"{schedule}\0{command}".encode()).hexdigest()[:8],
        schedule=schedule,
        command=command,
        overlap=_overlap(reader, said[policy], f"{at}.{policy}") if policy in said else Overlap.ALLOW,
        timezone=reader.text(said["timezone"], f"{at}.timezone") if "timezone" in said else "",
        timeout=_timeout(reader, said["timeout"], f"{at}.timeout") if "timeout" in said else 0.0,
        maintenance=reader.boolean(said["maintenance"], f"{at}.maintenance") if "maintenance" in said else False,
    )


def _name(reader: Reader, value: object, at: str) -> str:
    try:
        return names.process_type(reader.text(value, at))
    except InvalidValue as error:
        rule = "It has 1 to 32 of the characters a-z, 0-9 and '-', and starts and ends with a letter or digit."
        raise reader.wrong(at, f"{show(value)} is not a name", rule) from error


def _overlap(reader: Reader, value: object, at: str) -> Overlap:
    words = [overlap.value for overlap in Overlap]
    if value not in words:
        raise reader.wrong(at, f"must be one of {', '.join(words)}, not {show(value)}")
    return Overlap(value)


def _timeout(reader: Reader, value: object, at: str) -> float:
    try:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError(value)
        return float(TIMEOUT.parse(str(value)))
    except ValueError as error:
        raise reader.wrong(at, f"must be {TIMEOUT.rule}, not {show(value)}") from error


def stored(row: Mapping[str, Any]) -> CronEntry:
    """The entry from what `as_row` made of it."""
    return CronEntry(**{**row, "overlap": Overlap(row["overlap"])})


def as_row(entry: CronEntry) -> dict[str, Any]:
    """The entry as plain values, to be stored with the release."""
    return {**vars(entry), "overlap": entry.overlap.value}
