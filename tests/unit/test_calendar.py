"""When schedules are due: a year of them, with daylight saving as Debian's cron has it."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paas.core.cron import calendar
from paas.core.errors import InvalidValue

BERLIN = "Europe/Berlin"
YEAR = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
NEXT_YEAR = datetime(2027, 1, 1, tzinfo=UTC).timestamp()


@functools.cache
def year(schedule: str, zone: str) -> list[datetime]:
    times = calendar.between(schedule, zone, YEAR - 1, NEXT_YEAR - 1, 1_000_000)
    return [datetime.fromtimestamp(time, ZoneInfo(zone)) for time in times]


def on(day: str, times: list[datetime]) -> list[str]:
    return [f"{time:%H:%M%z}" for time in times if f"{time:%m-%d}" == day]


@pytest.mark.parametrize(
    ("schedule", "zone", "runs"),
    [
        ("@hourly", "UTC", 8760),
        ("0 * * * *", BERLIN, 8760),
        ("*/15 2 * * *", BERLIN, 365 * 4),
        ("30 2 * * *", BERLIN, 365),
        ("30 2 * * *", "America/New_York", 365),
        ("0 0 * * *", "America/Havana", 365),
        ("@daily", "Asia/Kathmandu", 365),
        ("@weekly", BERLIN, 52),
        ("@monthly", "UTC", 12),
        ("@yearly", "UTC", 1),
        ("0 9 * * mon-fri", BERLIN, 261),
        ("0 0 31 * *", "UTC", 7),
        ("0 0 L * *", "UTC", 12),
        ("0 12 1,15 * *", "Australia/Lord_Howe", 24),
    ],
)
def test_a_year_has_so_many_runs(schedule: str, zone: str, runs: int) -> None:
    assert len(year(schedule, zone)) == runs


def test_a_daily_job_of_the_hour_that_is_skipped_runs_right_after_it() -> None:
    # 2026-03-29: 02:00 is 03:00.
    assert on("03-28", year("30 2 * * *", BERLIN)) == ["02:30+0100"]
    assert on("03-29", year("30 2 * * *", BERLIN)) == ["03:00+0200"]
    assert on("03-30", year("30 2 * * *", BERLIN)) == ["02:30+0200"]


def test_a_daily_job_of_the_hour_that_comes_twice_runs_once() -> None:
    # 2026-10-25: 03:00 is 02:00.
    assert on("10-25", year("30 2 * * *", BERLIN)) == ["02:30+0200"]


def test_a_frequent_job_runs_as_often_as_there_are_minutes() -> None:
    quarter_hours = year("*/15 2 * * *", BERLIN)
    assert on("03-29", quarter_hours) == []
    assert len(on("10-25", quarter_hours)) == 8
    hours = year("0 * * * *", BERLIN)
    assert (len(on("03-29", hours)), len(on("10-25", hours))) == (23, 25)


@given(st.floats(YEAR, NEXT_YEAR), st.sampled_from(["30 2 * * *", "*/7 * * * *", "0 1-3 * * *", "@monthly"]))
def test_what_follows_is_later_wherever_one_begins(after: float, schedule: str) -> None:
    assert calendar.following(schedule, BERLIN, after) > after


def test_beginning_within_the_second_pass_of_an_hour_repeats_nothing() -> None:
    second_pass = datetime(2026, 10, 25, 1, 10, tzinfo=UTC).timestamp()
    following = datetime.fromtimestamp(calendar.following("30 2 * * *", BERLIN, second_pass), ZoneInfo(BERLIN))
    assert f"{following:%m-%d %H:%M}" == "10-26 02:30"


@pytest.mark.parametrize(
    "schedule",
    ["", "x", "* * * *", "* * * * * *", "60 * * * *", "0 24 * * *", "0 0 30 2 *", "@reboot", "*/0 * * * *"],
)
def test_what_is_no_schedule_is_refused(schedule: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        calendar.check(schedule, "UTC", "cron x")
    assert refused.value.code == "invalid-schedule"
    assert refused.value.what.startswith("cron x: ")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "/etc/localtime", "", "Europe"])
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        calendar.check_zone(zone, "cron x")
    assert refused.value.code == "invalid-timezone"
