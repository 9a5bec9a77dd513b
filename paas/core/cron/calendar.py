"""When a cron schedule is due: cronsim (https://github.com/cuu508/cronsim) does the calendar, with time zones and
daylight saving as Debian's cron has them: a job of the hour that is skipped runs right after it, one of the hour that
comes twice runs once, and one for every hour or minute runs for as many as there are."""

from __future__ import annotations

import itertools
import zoneinfo
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from cronsim import CronSim, CronSimError

from paas.core.cron.entries import CronEntry
from paas.core.errors import InvalidValue

NAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
"""Schedules that have a name, see crontab(5)."""


def check(schedule: str, zone: str, place: str) -> None:
    """`InvalidValue`, which names the place, unless both are good and the schedule is ever due."""
    try:
        following(schedule, zone, 0.0)
    except CronSimError as error:
        raise InvalidValue(
            f"{place}: {schedule!r} is not a schedule",
            why=f"{error}.",
            fix="It has five fields, minute hour day month weekday, as '30 2 * * *', or is one of "
            f"{', '.join(NAMES)}.",
            code="invalid-schedule",
        ) from error
    except StopIteration as error:
        raise InvalidValue(f"{place}: {schedule!r} is never due", code="invalid-schedule") from error


def check_all(entries: Iterable[CronEntry]) -> None:
    """Refuses the first entry whose schedule or time zone is none."""
    for entry in entries:
        place = f"cron {entry.id}"
        if entry.timezone:
            check_zone(entry.timezone, place)
        check(entry.schedule, entry.timezone or "UTC", place)


def check_zone(zone: str, place: str) -> None:
    """`InvalidValue`, which names the place, unless it is a time zone."""
    _zone(zone, f"{place}: ")


def _zone(name: str, place: str = "") -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidValue(
            f"{place}{name!r} is not a time zone",
            fix="Write one of the IANA database, for instance Europe/Berlin or UTC.",
            code="invalid-timezone",
        ) from error


def _times(schedule: str, zone: str, after: float) -> Iterator[float]:
    expression = NAMES.get(schedule.lower(), schedule)
    if len(expression.split()) != 5:
        raise CronSimError("Wrong number of fields")
    # UTC itself takes the library's short way, without daylight saving.
    place = UTC if zone in ("UTC", "Etc/UTC") else _zone(zone)
    found = (moment.timestamp() for moment in CronSim(expression, datetime.fromtimestamp(after, place)))
    # In the hour that comes twice the library may begin with a time of the first pass.
    return (time for time in found if time > after)


def following(schedule: str, zone: str, after: float) -> float:
    """The first time after that one, both in seconds since 1970."""
    return next(_times(schedule, zone, after))


def between(schedule: str, zone: str, after: float, until: float, limit: int) -> list[float]:
    """The times after the first and up to the second one, in order, at most the first ``limit`` of them."""
    until_then = itertools.takewhile(lambda time: time <= until, _times(schedule, zone, after))
    return list(itertools.islice(until_then, limit))
