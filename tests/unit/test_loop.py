"""The thread that does the same again and again."""

import logging
import threading

import pytest

from fakes.times import FakeClock
from paas.core.errors import PaasError
from paas.jobs.locks import Broadcast
from paas.jobs.loop import Loop
from paas.system.clock import Clock

SECONDS = 20


class Work:
    """Counts its calls, and does what the test says at each."""

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.calls = 0
        self.called = threading.Semaphore(0)

    def __call__(self):
        self.calls += 1
        self.called.release()
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def test_it_goes_on_whatever_fails_and_ends_when_it_is_stopped():
    work = Work(PaasError("no room"), ValueError("a fault"), None)
    loop = Loop("keeping", work, FakeClock(), 1.0)
    loop.start()
    for _ in range(5):
        assert work.called.acquire(timeout=SECONDS)
    loop.stop()
    (thread,) = [one for one in threading.enumerate() if one.name == "keeping"] or [None]
    if thread is not None:
        thread.join(SECONDS)
        assert not thread.is_alive()


def test_an_error_is_logged_once_until_it_changes_or_is_over(caplog):
    errors = [PaasError("no room"), PaasError("no room"), PaasError("no engine"), None, PaasError("no engine")]
    loop = Loop("keeping", Work(*errors), FakeClock(), 1.0)
    with caplog.at_level(logging.ERROR):
        for _ in errors:
            loop.once()
    assert [record.getMessage() for record in caplog.records] == [
        "keeping failed: no room ()", "keeping failed: no engine ()", "keeping failed: no engine ()",
    ]  # fmt: skip


def test_a_fault_is_logged_with_where_it_is(caplog):
    loop = Loop("keeping", Work(ValueError("a fault"), ValueError("a fault")), FakeClock(), 1.0)
    loop.once()
    loop.once()
    (record,) = caplog.records
    assert (record.getMessage(), record.exc_info is not None) == ("keeping failed with an internal error", True)


@pytest.mark.parametrize(
    ("outcome", "pause"), [(None, 60.0), (2.5, 2.5), (PaasError("no room"), 5.0), (ValueError(), 5.0)]
)
def test_the_work_says_when_it_is_due_again(outcome, pause):
    assert Loop("keeping", Work(outcome), FakeClock(), 60.0, retry=5.0).once() == pause


def test_it_is_woken_before_its_time_and_one_that_is_late_is_not_lost():
    happened = Broadcast()
    wake = happened.sets(threading.Event())
    work = Work()
    loop = Loop("keeping", work, Clock(), 3600.0, wake=wake)
    loop.start()
    assert work.called.acquire(timeout=SECONDS)
    happened.notify()
    assert work.called.acquire(timeout=SECONDS)
    loop.stop()


def test_one_that_begins_later_does_nothing_when_it_is_stopped_first():
    work = Work()
    loop = Loop("keeping", work, Clock(), 3600.0, later=True)
    loop.start()
    loop.stop()
    for thread in threading.enumerate():
        if thread.name == "keeping":
            thread.join(SECONDS)
    assert work.calls == 0
