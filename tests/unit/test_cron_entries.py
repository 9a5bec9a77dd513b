"""How cron entries are written, and what is due of them."""

from __future__ import annotations

import json

import pytest

from paas.core.apps import spec
from paas.core.apps.spec import AppSpec
from paas.core.cron import entries
from paas.core.cron.entries import CronEntry, Due, Overlap
from paas.core.errors import InvalidValue


def of_paas_yml(*rows: object) -> tuple[CronEntry, ...]:
    return spec.from_paas_yml({"cron": list(rows)}).cron


def test_an_entry_of_app_json_in_dokku_s_form() -> None:
    rows = [
        {"command": "node send.js", "schedule": "@daily"},
        {"command": "clean", "schedule": "0 1 * * *", "concurrency_policy": "forbid", "maintenance": True, "x-note": 1},
    ]
    first, second = spec.from_app_json(json.dumps({"cron": rows})).cron
    assert (first.schedule, first.command, first.overlap) == ("@daily", "node send.js", Overlap.ALLOW)
    assert (second.overlap, second.maintenance) == (Overlap.FORBID, True)


def test_an_entry_of_paas_yml_says_everything() -> None:
    row = {
        "name": "nightly", "schedule": "30  2 * * *", "command": "report", "concurrency": "replace",
        "timezone": "Europe/Berlin", "timeout": "90m",
    }  # fmt: skip
    assert of_paas_yml(row) == (
        CronEntry("nightly", "30 2 * * *", "report", Overlap.REPLACE, "Europe/Berlin", 5400.0),
    )


def test_an_id_stays_as_long_as_schedule_and_command_do() -> None:
    first = of_paas_yml({"schedule": "@daily", "command": "a"})[0]
    same = of_paas_yml({"schedule": "@daily", "command": "a", "timeout": 5})[0]
    other = of_paas_yml({"schedule": "@daily", "command": "b"})[0]
    assert first.id == same.id != other.id
    assert len(first.id) == 8


@pytest.mark.parametrize(
    ("row", "place"),
    [
        ({"command": "a"}, "cron[0]: lacks schedule"),
        ({"schedule": "@daily"}, "cron[0]: lacks command"),
        ({"schedule": "@daily", "command": ""}, "cron[0].command: must be text"),
        ({"schedule": 5, "command": "a"}, "cron[0].schedule: must be text"),
        ({"schedule": "@daily", "command": "a", "concurrency": "maybe"}, "cron[0].concurrency: must be one of allow"),
        ({"schedule": "@daily", "command": "a", "timeout": "0"}, "cron[0].timeout: must be a duration from 1s to 30d"),
        ({"schedule": "@daily", "command": "a", "timeout": True}, "cron[0].timeout: must be"),
        ({"schedule": "@daily", "command": "a", "name": "Bad Name"}, "cron[0].name: 'Bad Name' is not a name"),
        ({"schedule": "@daily", "command": "a", "shedule": "b"}, "cron[0].shedule: there is no such field"),
        ("@daily a", "cron[0]: must be names with values"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(row: object, place: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        of_paas_yml(row)
    assert refused.value.what.startswith(f"paas.yml: {place}")


def test_the_same_entry_twice_is_refused() -> None:
    row = {"schedule": "@daily", "command": "a"}
    with pytest.raises(InvalidValue, match="is a duplicate of"):
        of_paas_yml(row, row)
    assert len(of_paas_yml(row, {**row, "name": "second"})) == 2


def test_paas_yml_goes_before_app_json() -> None:
    one, other = AppSpec(cron=(CronEntry("a", "@daily", "a"),)), AppSpec(cron=(CronEntry("b", "@daily", "b"),))
    assert spec.merge({"web": "x"}, one, other).cron == other.cron
    assert spec.merge({"web": "x"}, one, AppSpec()).cron == one.cron


def test_an_entry_is_stored_and_read_again() -> None:
    entry = CronEntry("a", "@daily", "a", Overlap.FORBID, "UTC", 5.0, maintenance=True)
    assert entries.stored(json.loads(json.dumps(entries.as_row(entry)))) == entry


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([], Due()),
        ([1000.0], Due(1000.0)),
        ([940.0], Due(940.0)),
        ([939.0], Due(None, (939.0,))),
        ([700.0, 800.0, 1000.0], Due(1000.0, (700.0, 800.0))),
        ([700.0, 800.0], Due(None, (700.0, 800.0))),
    ],
)
def test_only_what_is_on_time_is_run_and_once(times: list[float], expected: Due) -> None:
    assert entries.due(times, 1000.0) == expected


def test_a_clock_that_is_set_back_a_little_repeats_nothing() -> None:
    assert entries.begin_from(10_000.0, 9_000.0) == 10_000.0
    assert entries.begin_from(100_000.0, 9_000.0) == 9_000.0
