"""Old containers leave once nobody needs them, or their time is up."""

import threading

import pytest

from fakes import FakeClock, eventually
from paas.core.edge.address import local
from paas.core.errors import DockerError
from paas.core.model import App
from paas.proxies.base import Switch
from paas.releases.retire import Retirer
from paas.schedulers.base import Unit

APP = App(1, "hello", 0.0, "ada")


def unit(name, *addresses):
    """A container of that name."""
    return Unit(name, "web", (name,), frozenset(), True, frozenset([name]), addresses)


class Engine:
    """Notes what is stopped; containers named ``stuck…`` can't be."""

    def __init__(self):
        self.stopped = []

    def retire(self, app, container_id, grace):
        if container_id.startswith("stuck"):
            raise DockerError("Docker does not answer")
        self.stopped.append((container_id, grace))


class Edge:
    """Workers of before a switch end after so many looks."""

    def __init__(self, looks):
        self.left = looks
        self.asked = set()

    def drained(self, switch, ports):
        self.asked.add(ports)
        self.left -= 1
        return self.left < 0


@pytest.fixture
def make():
    class Made:
        def __init__(self):
            self.engine = Engine()
            self.changes = []

        def retirer(self, looks, clock=None):
            self.edge = Edge(looks)
            return Retirer(self.edge, clock or FakeClock(), lambda: self.changes.append(1))

    return Made()


def test_containers_are_stopped_with_their_grace_once_the_workers_are_gone(make):
    retirer = make.retirer(looks=5)
    units = [unit("a", *local(20_000)), unit("b")]
    retirer.retire(APP, make.engine, units, Switch(frozenset({1})), 60, 7)
    eventually(retirer.idle)
    assert sorted(make.engine.stopped) == [("a", 7), ("b", 7)]
    assert make.edge.asked == {frozenset(local(20_000))}
    assert make.edge.left == -1
    assert make.changes == [1]


def test_workers_that_never_end_do_not_hold_them_for_ever(make):
    retirer = make.retirer(looks=1_000_000)
    retirer.retire(APP, make.engine, [unit("a")], Switch(frozenset({1})), 60, 7)
    eventually(retirer.idle)
    assert make.engine.stopped == [("a", 7)]
    # It looks ten times a second first, and once a second in the end.
    assert 60 <= 1_000_000 - make.edge.left <= 120


def test_without_a_switch_they_go_at_once(make):
    retirer = make.retirer(looks=0)
    retirer.retire(APP, make.engine, [unit("a")], None, 60, 7)
    eventually(retirer.idle)
    assert make.edge.left == 0
    assert make.engine.stopped == [("a", 7)]


def test_nothing_to_retire_is_nothing_to_do(make):
    retirer = make.retirer(looks=0)
    retirer.retire(APP, make.engine, [], None, 60, 7)
    assert retirer.idle()
    assert make.changes == []


def test_one_that_can_not_be_stopped_does_not_hold_the_others(make, caplog):
    retirer = make.retirer(looks=0)
    retirer.retire(APP, make.engine, [unit("stuck1"), unit("a")], None, 60, 7)
    eventually(retirer.idle)
    assert make.engine.stopped == [("a", 7)]
    assert "Could not retire hello stuck1: Docker does not answer" in caplog.text


def test_what_still_drains_is_left_to_the_next_start(make):
    class Blocking(FakeClock):
        def wait(self, event: threading.Event, seconds: float) -> bool:
            return event.wait(60)

    retirer = make.retirer(looks=1_000_000, clock=Blocking())
    retirer.retire(APP, make.engine, [unit("a")], Switch(frozenset({1})), 60, 7)
    assert not retirer.idle()
    retirer.stop()
    eventually(retirer.idle)
    assert make.engine.stopped == []
