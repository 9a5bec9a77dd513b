"""Due times of cron schedules, computed by cronsim (https://github.com/cuu508/cronsim).

Daylight saving works as in Debian's cron: a job in the skipped hour runs right after it, a job in the repeated hour
runs once, and a job for every hour or minute runs in each of them.
"""

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
"""Named schedules, see crontab(5)."""


def check(schedule: str, zone: str, place: str) -> None:
    """Raise `InvalidValue`, which names the place, if schedule or zone is invalid, or the schedule is never due."""
    try:
        following(schedule, zone, 0.0)
    except CronSimError as error:
        raise InvalidValue(
            f"{place}: {schedule!r} is not a schedule",
            why=f"{error}.",
            fix="Use five fields, minute hour day month weekday, such as '30 2 * * *', or one of "
            f"{', '.join(NAMES)}.",
            code="invalid-schedule",
        ) from error
    except StopIteration as error:
        raise InvalidValue(f"{place}: {schedule!r} is never due", code="invalid-schedule") from error


def check_all(entries: Iterable[CronEntry]) -> None:
    """Raise `InvalidValue` for the first entry with an invalid schedule or time zone."""
    for entry in entries:
        place = f"cron {entry.id}"
        if entry.timezone:
            check_zone(entry.timezone, place)
        check(entry.schedule, entry.timezone or "UTC", place)


def check_zone(zone: str, place: str) -> None:
    """Raise `InvalidValue`, which names the place, if it is not a time zone."""
    _zone(zone, f"{place}: ")


def _zone(name: str, place: str = "") -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidValue(
            f"{place}{name!r} is not a time zone",
            fix="Use a name of the IANA database, such as Europe/Berlin or UTC.",
            code="invalid-timezone",
        ) from error


def _times(schedule: str, zone: str, after: float) -> Iterator[float]:
    expression = NAMES.get(schedule.lower(), schedule)
    if len(expression.split()) != 5:
        raise CronSimError("Wrong number of fields")
    # With UTC the library takes its fast path, without daylight saving.
    place = UTC if zone in ("UTC", "Etc/UTC") else _zone(zone)
    found = (moment.timestamp() for moment in CronSim(expression, datetime.fromtimestamp(after, place)))
    # In the repeated hour the library may begin with a time of the first pass.
    return (time for time in found if time > after)


def following(schedule: str, zone: str, after: float) -> float:
    """Return the first due time after ``after``, both in seconds since 1970."""
    return next(_times(schedule, zone, after))


def between(schedule: str, zone: str, after: float, until: float, limit: int) -> list[float]:
    """Return the due times after ``after`` up to ``until``, in order, at most ``limit``."""
    until_then = itertools.takewhile(lambda time: time <= until, _times(schedule, zone, after))
    return list(itertools.islice(until_then, limit))
