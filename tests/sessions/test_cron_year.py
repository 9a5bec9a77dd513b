"""Schedules over a year and where clocks change, through the scheduler: each look at the time the one before named."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
import yaml

from fakes import Server, eventually
from paas.cron import ticker

DAY = 86400.0


def times(
    server: Server, monkeypatch: pytest.MonkeyPatch, schedule: str, zone: str, begin: str, days: float
) -> list[datetime]:
    """When runs of the entry began, in the entry's zone."""
    begun: list[float] = []
    monkeypatch.setattr(ticker, "launch", lambda ctx, one, actor: begun.append(ctx.clock.now()))
    rows = [{"name": "job", "schedule": schedule, "timezone": zone, "command": "job"}]
    server.deployed("hello", {"paas.yml": yaml.safe_dump({"cron": rows})})
    server.clock.advance(datetime.fromisoformat(begin).replace(tzinfo=UTC).timestamp() - server.clock.now())
    end = server.clock.now() + days * DAY
    due = server.cron.tick()
    while due is not None and due < end:
        server.clock.advance(due - server.clock.now())
        due = server.cron.tick()
        eventually(lambda: not server.cron.starting())
    assert server.ctx.store.runs.all(kind="cron") == [], "nothing was missed or skipped"
    return [datetime.fromtimestamp(moment, ZoneInfo(zone)) for moment in begun]


def local(found: list[datetime]) -> set[str]:
    return {f"{moment:%a %H:%M}" for moment in found}


@pytest.mark.parametrize("zone", ["America/Havana", "Australia/Lord_Howe", "Europe/Berlin"])
def test_each_week_at_the_same_time_of_day(hello: Server, monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    found = times(hello, monkeypatch, "30 9 * * mon", zone, "2026-01-02", 364)
    assert (len(found), local(found)) == (52, {"Mon 09:30"})


@pytest.mark.parametrize("zone", ["America/Havana", "Australia/Lord_Howe"])
def test_each_month_once(hello: Server, monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    found = times(hello, monkeypatch, "@monthly", zone, "2026-01-02", 364)
    assert [f"{moment:%m-%d %H:%M}" for moment in found] == [
        *(f"{month:02}-01 00:00" for month in range(2, 13)), "01-01 00:00",
    ][: len(found)]  # fmt: skip
    assert len(found) >= 11


@pytest.mark.parametrize(
    ("zone", "begin"),
    [
        ("America/Havana", "2026-03-08"), ("America/Havana", "2026-11-01"),
        ("Australia/Lord_Howe", "2026-04-04T12:00"), ("Australia/Lord_Howe", "2026-10-03T12:00"),
    ],
)  # fmt: skip
def test_each_quarter_of_an_hour_when_clocks_change(hello: Server, monkeypatch: pytest.MonkeyPatch, zone: str,
                                                    begin: str) -> None:  # fmt: skip
    found = times(hello, monkeypatch, "*/15 * * * *", zone, begin, 0.5)
    assert len({moment.utcoffset() for moment in found}) == 2, "clocks change in these hours"
    gaps = {(later.timestamp() - earlier.timestamp()) for earlier, later in itertools.pairwise(found)}
    assert gaps == {900.0}


@pytest.mark.parametrize(
    ("zone", "schedule", "change", "odd"),
    [
        # In Havana midnight is skipped, and in autumn comes twice.
        ("America/Havana", "0 0 * * *", "2026-03-04", ["03-08 01:00-0400"]),
        ("America/Havana", "30 0 * * *", "2026-03-04", ["03-08 01:00-0400"]),
        ("America/Havana", "30 0 * * *", "2026-10-28", []),
        # On Lord Howe the clock is set by half an hour.
        ("Australia/Lord_Howe", "15 2 * * *", "2026-10-01", ["10-04 02:30+1100"]),
        ("Australia/Lord_Howe", "45 1 * * *", "2026-04-01", []),
    ],
)
def test_each_day_once(hello: Server, monkeypatch: pytest.MonkeyPatch, zone: str, schedule: str, change: str,
                       odd: list[str]) -> None:  # fmt: skip
    found = times(hello, monkeypatch, schedule, zone, change, 8)
    assert len({moment.utcoffset() for moment in found}) == 2
    assert len({moment.date() for moment in found}) == len(found) == 8
    minute, hour = (int(word) for word in schedule.split()[:2])
    wanted = f"{hour:02}:{minute:02}"
    assert [f"{moment:%m-%d %H:%M%z}" for moment in found if f"{moment:%H:%M}" != wanted] == odd
