"""The queue of builds: so many at a time, first come first served, and everybody knows their place."""

import threading

import pytest

from fakes import eventually
from paas.core.errors import Cancelled
from paas.jobs.locks import Slots

NEVER = threading.Event()


class Build:
    def __init__(self, slots, order, name):
        self.told, self.cancelled, self.go = [], threading.Event(), threading.Event()
        self.error = None
        self._work = (slots, order, name)
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        slots, order, name = self._work
        try:
            with slots.take(self.told.append, self.cancelled):
                order.append(name)
                self.go.wait(60)
        except Cancelled as error:
            self.error = error


def test_they_are_let_in_in_the_order_of_asking_and_told_their_place():
    limit, order = [1], []
    slots = Slots(lambda: limit[0])
    builds = []
    for number in range(4):
        builds.append(Build(slots, order, number))
        eventually(lambda: order == [0] and (number == 0 or builds[-1].told == [number]))  # noqa: B023

    builds[1].cancelled.set()
    builds[1].thread.join()
    assert isinstance(builds[1].error, Cancelled)
    eventually(lambda: (builds[2].told, builds[3].told) == ([2, 1], [3, 2]))

    builds[0].go.set()
    eventually(lambda: order == [0, 2])
    # A changed setting counts at once.
    limit[0] = 2
    eventually(lambda: order == [0, 2, 3])
    for build in builds:
        build.go.set()
        build.thread.join()
    with slots.take(lambda before: pytest.fail("nobody is before"), NEVER):
        pass
