"""Turns: one after another, in the order of asking."""

import threading
from contextlib import contextmanager

import pytest

from fakes import SECONDS, eventually
from paas.core.errors import Cancelled
from paas.jobs.locks import Broadcast, FifoLock, PublishLock, Slots

NEVER = threading.Event()


class Runner:
    """Enters a context in a thread and stays there until it is told to leave."""

    def __init__(self, context):
        self._context = context
        self.inside = threading.Event()
        self._leave = threading.Event()
        self.error = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            with self._context:
                self.inside.set()
                self._leave.wait(SECONDS)
        except Cancelled as error:
            self.error = error

    def leave(self):
        self._leave.set()
        self.join()

    def join(self):
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()


def test_turns_are_taken_in_the_order_of_asking():
    turns = FifoLock()
    told = []
    first = Runner(turns.hold(1, "first", told.append, NEVER))
    assert first.inside.wait(SECONDS)
    others = []
    for number in range(3):
        others.append(Runner(turns.hold(1, f"waiting {number}", told.append, NEVER)))
        eventually(lambda: len(told) == len(others))
    assert [str(holder) for holder in told] == ["first"] * 3
    assert turns.holder(1) == "first"
    first.leave()
    for runner in others:
        assert runner.inside.wait(SECONDS)
        assert sum(other.inside.is_set() for other in others) == others.index(runner) + 1
        runner.leave()
    assert turns.holder(1) is None


def test_turns_at_other_keys_are_free():
    turns = FifoLock()
    first = Runner(turns.hold(1, "first", print, NEVER))
    assert first.inside.wait(SECONDS)
    with turns.hold(2, "second", pytest.fail, NEVER):
        pass
    first.leave()


def test_whoever_waits_can_be_cancelled_and_the_next_one_comes():
    turns = FifoLock()
    told = []
    cancelled = threading.Event()
    first = Runner(turns.hold(1, "same words", told.append, NEVER))
    assert first.inside.wait(SECONDS)
    second = Runner(turns.hold(1, "same words", told.append, cancelled))
    eventually(lambda: len(told) == 1)
    third = Runner(turns.hold(1, "same words", told.append, NEVER))
    eventually(lambda: len(told) == 2)
    cancelled.set()
    second.join()
    assert second.error.what == "cancelled while waiting for another deployment"
    first.leave()
    assert third.inside.wait(SECONDS)
    third.leave()


def test_slots_are_as_many_as_the_limit_says_at_that_moment():
    limit = [1]
    slots = Slots(lambda: limit[0])
    told = []
    first = Runner(slots.take(told.append, NEVER))
    assert first.inside.wait(SECONDS)
    second = Runner(slots.take(told.append, NEVER))
    third = Runner(slots.take(told.append, NEVER))
    eventually(lambda: len(told) == 2)
    assert sorted(told) == [1, 2]
    limit[0] = 3
    for runner in (second, third):
        assert runner.inside.wait(SECONDS)
    for runner in (first, second, third):
        runner.leave()
    with slots.take(pytest.fail, NEVER):
        pass


def test_whoever_waits_for_a_slot_can_be_cancelled():
    slots = Slots(lambda: 1)
    cancelled = threading.Event()
    told = []
    first = Runner(slots.take(told.append, NEVER))
    assert first.inside.wait(SECONDS)
    second = Runner(slots.take(told.append, cancelled))
    eventually(lambda: told)
    cancelled.set()
    second.join()
    assert second.error.what == "cancelled while waiting for a build slot"
    first.leave()
    with slots.take(pytest.fail, NEVER):
        pass


def test_routing_is_one_at_a_time_for_an_app_or_one_for_all():
    routing = PublishLock()
    one, two = Runner(routing.of(1)), Runner(routing.of(2))
    assert one.inside.wait(SECONDS) and two.inside.wait(SECONDS)
    again, whole = Runner(routing.of(1)), Runner(routing.of_all())
    one.leave()
    # Whether the next one of the app or the one of all comes first is open; both come, never together.
    two.leave()
    eventually(lambda: again.inside.is_set() or whole.inside.is_set())
    first, second = (again, whole) if again.inside.is_set() else (whole, again)
    assert not second.inside.is_set()
    first.leave()
    assert second.inside.wait(SECONDS)
    second.leave()


def test_those_who_wait_for_a_broadcast_are_woken():
    broadcast = Broadcast()
    seen = broadcast.count()
    assert broadcast.wait(seen, 0) == seen
    counts = []
    waiting = threading.Thread(target=lambda: counts.append(broadcast.wait(seen, SECONDS)), daemon=True)
    waiting.start()
    broadcast.notify()
    waiting.join(SECONDS)
    assert counts == [seen + 1]
    assert broadcast.wait(seen, SECONDS) == seen + 1


def test_build_slots_are_given_in_the_order_of_asking():
    slots = Slots(lambda: 1)
    entered = []
    runners = []

    def waits(number):
        @contextmanager
        def context():
            with slots.take(lambda before: told.append(number), NEVER):
                entered.append(number)
                yield

        return context()

    told = []
    for number in range(6):
        runners.append(Runner(waits(number)))
        eventually(lambda: len(entered) + len(told) == len(runners))
    for count, runner in enumerate(runners, 1):
        assert runner.inside.wait(SECONDS)
        assert entered == list(range(count))
        runner.leave()
