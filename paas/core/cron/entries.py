"""Cron entries of an app: their syntax in app.json and paas.yml, and the decision which are due.

app.json has Dokku's syntax, https://dokku.com/docs/processes/scheduled-cron-tasks/ ; paas.yml the platform's own:

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
"""A run that could only start later than this was missed: the server was down, or its clock was changed."""

BACK_SECONDS = 3 * 3600.0
"""If the clock is set back by less, no run is repeated; if by more, processing continues from the new time."""


class Overlap(enum.Enum):
    """Handling of a run that is due while the previous one is active."""

    ALLOW = "allow"
    FORBID = "forbid"
    REPLACE = "replace"


@dataclass(frozen=True)
class CronEntry:
    """Cron entry. ``id`` is its name, or derived from schedule and command.

    ``timezone`` is empty and ``timeout`` (seconds) 0 if the app's properties apply. With ``maintenance`` it does not
    run.
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
    """Due times of one entry: ``run`` is the time to run for, None for none; ``missed`` are the missed times."""

    run: float | None = None
    missed: tuple[float, ...] = ()


def due(times: Sequence[float], now: float) -> Due:
    """Divide the times since the last tick, in order, into the one to run now and the missed ones.

    Only the last time can still be on time; earlier ones were missed and are not made up for.
    """
    if not times:
        return Due()
    if times[-1] >= now - LATE_SECONDS:
        return Due(times[-1], tuple(times[:-1]))
    return Due(None, tuple(times))


def begin_from(seen: float, now: float) -> float:
    """Return the time from which to look for due times; ``now`` if the clock was set back by much."""
    return now if now < seen - BACK_SECONDS else seen


def read(rows: object, reader: Reader, fields: Sequence[str]) -> tuple[CronEntry, ...]:
    """Read the list under ``cron``. Raise `InvalidValue` with the place. Unknown fields in app.json are ignored."""
    found: dict[str, CronEntry] = {}
    for number, row in enumerate(reader.sequence(rows, "cron")):
        at = f"cron[{number}]"
        said = reader.mapping(row, at)
        if fields is YAML_FIELDS:
            reader.known(said, at, fields)
        entry = _entry(reader, said, at)
        if entry.id in found:
            raise reader.wrong(at, f"is a duplicate of {entry.id}", "Give each entry a unique name.")
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
    """Restore an entry from the result of `as_row`."""
    return CronEntry(**{**row, "overlap": Overlap(row["overlap"])})


def as_row(entry: CronEntry) -> dict[str, Any]:
    """Return the entry as plain values, to store with the release."""
    return {**vars(entry), "overlap": entry.overlap.value}
