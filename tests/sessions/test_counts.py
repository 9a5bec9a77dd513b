"""What pushes and commands cost, counted: a guard against what would be slow on a server with many apps.

The numbers are those of today with little room. Who needs more has a look whether that is worth it, and raises them.
"""

from __future__ import annotations

from collections import Counter

import pytest

from fakes import Copies, Server
from fakes.counts import Counts, counting

CROWD = 12


def push(server: Server) -> None:
    server.deployed("hello", {"file": "changed"})


def cost(server: Server, what: str) -> Counts:
    with counting(server) as counts:
        if what == "push":
            push(server)
        else:
            result = server.run(what)
            assert result.status == 0, result.err
        server.quiet()
    return counts


COMMANDS = {
    # What: SQL statements, engine calls, reloads, files.
    "apps:list": (2, 0, 0, 0),
    "ps hello": (3, 2, 0, 0),
    "config:set --no-restart hello A=1": (10, 0, 0, 0),
    # A change writes its log, and the times of the lines beside it.
    "config:set hello A=1": (122, 11, 1, 2),
    "ps:scale hello web=2": (100, 8, 1, 2),
    "ps:restart hello": (100, 9, 1, 2),
    "apps:create other": (28, 0, 1, 2),
    "apps:destroy --force hello": (49, 2, 1, 2),
    # Of the files two are of the work tree: git writes them again as the copy of the template has other inodes.
    "push": (152, 12, 1, 10),
}


@pytest.mark.parametrize("what", COMMANDS)
def test_a_command_costs_no_more_than_it_did(hello, what):
    counts = cost(hello, what)
    statements, engine, reloads, files = COMMANDS[what]
    assert counts.reloads == reloads
    assert len(counts.statements) <= statements, Counter(counts.statements).most_common(12)
    assert len(counts.engine) <= engine, counts.engine
    assert len(counts.files) <= files, counts.files


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """The template of the instance `hello`, with more apps."""
    made = Server(tmp_path_factory.mktemp("crowd") / "root")
    made.deployed("hello", {"Procfile": "web: ./web\nworker: ./work\n"})
    for number in range(CROWD):
        made.run(f"apps:create crowd-{number}")
    made.close()
    return made, Copies(made.root)


@pytest.mark.parametrize("what", [*COMMANDS, "ps:scale hello worker=1", "domains:add hello www.hello.example"])
def test_what_it_costs_does_not_grow_with_the_number_of_apps(hello, crowd, another, what):
    template, copies = crowd
    crowded = another("crowded", lambda root: Server(copies.make(root), like=template, settled=True))
    alone, beside = cost(hello, what), cost(crowded, what)
    assert Counter(beside.engine) == Counter(alone.engine)
    assert beside.reloads == alone.reloads
    assert len(beside.files) <= len(alone.files)
    assert len(beside.statements) <= len(alone.statements)


def test_what_a_push_costs_does_not_grow_with_the_number_of_releases(hello):
    for number in range(14):
        hello.deployed("hello", {"file": str(number)})
    counts = cost(hello, "push")
    # The image that is one too many, and the last few that a container may have held on to.
    assert counts.engine.count("drop_image") <= 3, counts.engine
    assert len(counts.statements) <= COMMANDS["push"][0]


def test_a_repair_of_all_apps_asks_the_engine_as_often_as_that_of_one(hello, crowd, another):
    template, copies = crowd
    crowded = another("crowded", lambda root: Server(copies.make(root), like=template, settled=True))

    def cost_of_repair(server: Server) -> list[str]:
        with counting(server) as counts:
            server.repair()
        return counts.engine

    assert cost_of_repair(crowded) == cost_of_repair(hello)
