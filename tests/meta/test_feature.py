"""A new feature is a folder of its own and a line in the list: nothing else knows it, and there are no hubs."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from types import ModuleType

import pytest
from order import ORDER
from sources import PACKAGE
from test_order import MODULES, imports

from fakes import DEPLOYER, VIEWER, Server, eventually
from paas.commands.declare import COMMANDS
from paas.core import properties
from paas.daemon import serve
from paas.dispatch import reference
from paas.dispatch.features import FEATURES
from paas.jobs import kinds
from paas.jobs.feature import background

SUBJECTS = {path.parent.name for path in PACKAGE.glob("*/feature.py")} - {"jobs"}
MOST_SUBJECTS = 4
"""As many others a module of a subject may use: a deploy needs builders, git, the edge and the server's resources."""


@pytest.fixture
def toy():
    """Load the feature, and remove it afterwards: other tests see the platform unchanged."""
    before = set(COMMANDS)
    found = import_module("fakes.toy.feature")
    yield found
    for name in COMMANDS.keys() - before:
        del COMMANDS[name]
    kinds.KINDS[:] = [kind for kind in kinds.KINDS if kind not in found.FEATURE.changes]
    properties.withdraw(*(row for row in found.FEATURE.properties if row in properties.PROPERTIES))
    for name in [name for name in sys.modules if name.startswith("fakes.toy")]:
        del sys.modules[name]


@pytest.fixture
def noted(toy: ModuleType, another) -> Server:
    """Return a server with the feature, and an app with a note."""
    server = another("noted", lambda root: Server(root, features=(*FEATURES, toy.FEATURE)))
    server.deployed()
    assert server.run(["notes:add", "hello", "fix me"]).status == 0
    return server


def rows(server: Server) -> int:
    return server.ctx.store.table(import_module("fakes.toy.table").Notes).count()


def test_its_commands_are_there_with_access_and_help(noted: Server) -> None:
    assert noted.run("notes hello", caller=VIEWER).out == "fix me\n"
    assert "may not run notes:add" in noted.run("notes:add hello more", caller=VIEWER).err
    assert "Usage: notes:add APP TEXT" in noted.run("help notes:add").out
    assert "### `notes:add`" in reference.commands_page()
    assert [row["cause"] for row in json.loads(noted.run("builds:list hello --kind note --format json").out)] == [
        "notes:add"
    ]


def test_its_property_is_set_reported_documented_and_has_its_effect(noted: Server, toy: ModuleType) -> None:
    assert noted.run("notes:set hello max-length 4", caller=DEPLOYER).status == 0
    assert noted.ctx.part(toy.Board).changed == ["hello"]
    assert "a note has at most 4 characters [note-too-long]" in noted.run("notes:add hello longer").err
    assert json.loads(noted.run("notes:report hello --format json").out) == {
        "count": "1", "max-length": "4", "global-max-length": "", "computed-max-length": "4",
    }  # fmt: skip
    assert "| notes | `max-length` |" in reference.settings_page()


def test_its_table_is_made_in_a_database_that_is_there_already(toy: ModuleType, another) -> None:
    before = another("before", Server)
    before.deployed()
    after = another("after", lambda root: Server(root, features=(*FEATURES, toy.FEATURE), like=before.killed(root)))
    assert after.run("notes hello").out == ""


def test_what_it_has_is_copied_and_removed_with_an_app(noted: Server, toy: ModuleType) -> None:
    assert noted.run("apps:clone hello second").status == 0
    assert (noted.run("notes second").out, rows(noted)) == ("fix me\n", 2)
    assert noted.run("apps:destroy --force hello").status == 0
    assert (noted.run("notes second").out, rows(noted)) == ("fix me\n", 1)
    assert noted.ctx.part(toy.Board).ended == ["hello"]


def test_its_loop_and_its_timer_go_on_until_the_daemon_ends(noted: Server, toy: ModuleType) -> None:
    board = noted.ctx.part(toy.Board)
    (loop,) = [one for one in background(noted.ctx) if getattr(one, "name", "") == "counting notes"]
    loop.start()
    eventually(lambda: 1 in board.counted, "the loop")
    assert (noted.root / "notes" / "started").exists()
    assert noted.timers.tick() <= noted.clock.now() + toy.REMINDER
    assert board.reminded == 1
    serve._wind_down(noted.ctx, [loop])
    assert board.stopped.is_set()


def test_doctor_tells_what_it_finds(noted: Server) -> None:
    result = noted.run("doctor hello")
    assert result.status == 1
    assert "notes: somebody wants hello fixed [note-to-fix]" in result.out


def test_the_list_is_in_the_order_of_the_packages_and_has_every_feature() -> None:
    names = [feature.name for feature in FEATURES]
    assert names == [name for name in ORDER if name in names]
    assert set(names) == {*SUBJECTS, "dispatch"}


def test_nothing_but_the_list_knows_many_subjects() -> None:
    known = {
        # The `base.py` of builders is a seam, and so common ground.
        name: {other.split(".")[1] for other, _ in imports(name) if "." in other and not other.endswith(".base")}
        & SUBJECTS - set(name.split(".")[1:2])
        for name in MODULES
    }
    assert {name for name, subjects in known.items() if len(subjects) > MOST_SUBJECTS} == {"paas.dispatch.features"}
    # What knew all of them before there were features.
    for hub in ("daemon.wiring", "daemon.serve", "apps.lifecycle", "server.doctor", "dispatch.property_commands"):
        assert len(known[f"paas.{hub}"]) <= 2, hub
    for hub in ("apps.properties", "jobs.context", "jobs.timers", "core.properties"):
        assert known[f"paas.{hub}"] == set(), hub


def test_only_the_list_imports_what_subjects_say_of_themselves() -> None:
    said = {f"paas.{name}.feature" for name in SUBJECTS}
    assert {name for name in MODULES if said & {other for other, _ in imports(name)}} == {"paas.dispatch.features"}
