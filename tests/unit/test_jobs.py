"""Jobs: their logs, their ends, and those who watch."""

import logging
import threading
from pathlib import Path

import pytest

from fakes import SECONDS, FakeClock, eventually
from paas.core.errors import Cancelled, Disconnected, InvalidValue, NoSuchApp, PaasError, disk_full
from paas.core.jobs.journal import Step
from paas.core.model import DeploymentStatus
from paas.jobs.jobs import Jobs
from paas.jobs.log import JobLog
from paas.store import Store
from paas.system.reserve import Reserve

NEVER = threading.Event()


@pytest.fixture
def office(tmp_path):
    """Jobs with their store and one app."""

    class Office:
        store = Store(tmp_path)
        clock = FakeClock()
        app = store.apps.create("hello", actor="ada", now=1.0)
        jobs = Jobs(store, clock, tmp_path, Reserve(tmp_path / "reserve"), lambda: 1, lambda: 20)

        @classmethod
        def run(cls, work, watch=lambda data: None, gone=NEVER):
            return cls.jobs.run(cls.app, kind="push", actor="ada", cause="git push", work=work, watch=watch, gone=gone)

        @classmethod
        def last(cls):
            return cls.store.deployments.last(cls.app)

    yield Office
    Office.jobs.stop(SECONDS)
    eventually(Office.jobs.idle)
    Office.store.close()


def test_a_log_is_followed_by_those_who_come_early_and_late(tmp_path):
    log = JobLog(tmp_path / "1.log")
    log.write(b"one\n")
    texts = [bytearray() for _ in range(3)]
    threads = [threading.Thread(target=log.follow, args=(text.extend, NEVER), daemon=True) for text in texts]
    for thread in threads:
        thread.start()
    eventually(lambda: all(text == b"one\n" for text in texts))
    log.write(b"two\n")
    log.close()
    for thread in threads:
        thread.join(SECONDS)
    late = bytearray()
    log.follow(late.extend, NEVER)
    assert [*texts, late] == [b"one\ntwo\n"] * 4
    assert (tmp_path / "1.log").read_bytes() == b"one\ntwo\n"


def test_a_log_that_finds_no_room_says_what_is_missing_once_there_is_some(tmp_path):
    log = JobLog(tmp_path / "1.log")
    log.write(b"one\n")
    room, log._file = log._file, Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115
    log._file.truncate = log._file.seek = lambda size: 0
    log.write(b"two\n")
    log.write(b"three\n")
    log._file.close()
    log._file = room
    log.close(b"the end\n")
    assert (tmp_path / "1.log").read_bytes() == b"one\n\n[10 bytes are missing here: the disk was full]\nthe end\n"


def test_whoever_has_gone_stops_following(tmp_path):
    log = JobLog(tmp_path / "1.log")
    gone = threading.Event()
    gone.set()
    log.write(b"one\n")
    with pytest.raises(Disconnected):
        log.follow(lambda data: None, gone)
    log.close()


def test_the_result_of_a_job_is_given_back_and_its_log_shown(office):
    shown = bytearray()

    def work(job):
        job.out.step("working")
        return 42

    assert office.run(work, watch=shown.extend) == 42
    assert shown == b"-----> working\n"
    assert office.last().status is DeploymentStatus.SUCCEEDED
    assert office.jobs.idle()


def test_an_error_of_a_job_is_raised_and_recorded_with_its_code(office):
    def work(job):
        raise InvalidValue("no", code="special")

    with pytest.raises(InvalidValue, match="no"):
        office.run(work)
    assert (office.last().status, office.last().error) == (DeploymentStatus.FAILED, "special")


def test_a_fault_is_logged_and_told_without_details(office, caplog):
    def work(job):
        raise ZeroDivisionError("secret detail")

    with caplog.at_level(logging.ERROR), pytest.raises(PaasError) as raised:
        office.run(work)
    assert raised.value.lines() == [
        "internal server error",
        "The server's log has the details. [internal]",
    ]
    assert "secret detail" in caplog.text
    assert (office.last().status, office.last().error) == (DeploymentStatus.FAILED, "internal")
    assert office.run(lambda job: "next") == "next"


def test_a_client_that_goes_away_leaves_the_job_alone(office):
    gone, go_on = threading.Event(), threading.Event()

    def work(job):
        job.out.step("begun")
        go_on.wait(SECONDS)
        job.out.step("done")

    with pytest.raises(Disconnected):
        office.run(work, watch=lambda data: gone.set(), gone=gone)
    assert office.jobs.under_way(office.app) == ["git push by ada"]
    go_on.set()
    eventually(office.jobs.idle)
    assert office.last().status is DeploymentStatus.SUCCEEDED


def test_a_step_is_journaled_before_it_begins_and_timed(office):
    def work(job):
        with job.step(Step.BUILD, "Built"):
            assert office.last().step == "build"
            assert office.store.deployments.steps(job.id) == [("build", None)]
            office.clock.wait(NEVER, 0.25)
        with job.step(Step.RECORD):
            pass

    shown = bytearray()
    office.run(work, watch=shown.extend)
    assert shown == b"-----> Built in 0.2 s\n"
    assert office.store.deployments.steps(office.last().id) == [("build", 0.25), ("record", 0.0)]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0004, "0 ms"), (0.0944, "94 ms"), (0.095, "0.1 s"), (12.34, "12.3 s")]
)
def test_short_times_are_milliseconds(office, seconds, text):
    def work(job):
        with job.step(Step.BUILD, "Built"):
            office.clock.wait(NEVER, seconds)

    shown = bytearray()
    office.run(work, watch=shown.extend)
    assert shown.decode() == f"-----> Built in {text}\n"


def test_a_cancelled_job_ends_at_its_next_step_unless_there_is_no_way_back(office):
    def work(job):
        job.cancelled.set()
        with job.step(Step.RETIRE, cancellable=False):
            pass
        with job.step(Step.BUILD):
            pytest.fail("it went on")

    with pytest.raises(Cancelled):
        office.run(work)
    assert office.last().status is DeploymentStatus.CANCELLED
    assert office.last().step == "retire"


def test_stopping_waits_for_what_cleans_up(office):
    begun = threading.Event()
    ends = []

    def work(job):
        begun.set()
        assert job.cancelled.wait(SECONDS)
        ends.append("cleaned up")
        job.check()

    job = office.jobs.start(office.app, kind="push", actor="ada", cause="git push", work=work)
    assert begun.wait(SECONDS)
    office.jobs.stop(SECONDS)
    assert ends == ["cleaned up"]
    assert isinstance(job.error, Cancelled)
    with pytest.raises(Cancelled):
        office.run(lambda job: job.check())


def test_a_job_knows_the_app_as_it_is_when_its_turn_comes(office):
    go_on = threading.Event()
    names = []
    first, second = (
        office.jobs.start(office.app, kind="x", actor="ada", cause="x", work=work)
        for work in (lambda job: go_on.wait(SECONDS), lambda job: names.append(job.app.name))
    )
    office.store.apps.rename(office.app, "hallo")
    go_on.set()
    assert first.done.wait(SECONDS) and second.done.wait(SECONDS)
    assert names == ["hallo"]


def test_a_job_of_an_app_that_is_gone_does_not_begin(office):
    office.store.apps.create("other", actor="ada", now=1.0)
    office.run(lambda job: office.store.apps.delete(job.app))
    job = None
    go_on = threading.Event()
    other = office.store.apps.get("other")
    office.jobs.start(other, kind="x", actor="ada", cause="x", work=lambda job: go_on.wait(SECONDS))
    job = office.jobs.start(other, kind="x", actor="ada", cause="x", work=lambda job: pytest.fail("it began"))
    office.store.apps.delete(other)
    go_on.set()
    assert job.done.wait(SECONDS)
    assert job.error.what == "the app was destroyed in the meantime"


def test_the_end_of_a_job_is_recorded_from_the_reserve(office, monkeypatch):
    finish, spent = office.store.deployments.finish, []

    def full(*words):
        if not spent:
            raise disk_full("the database")
        finish(*words)

    monkeypatch.setattr(office.store.deployments, "finish", full)
    monkeypatch.setattr(Reserve, "spend", lambda self: spent.append(self))
    assert office.run(lambda job: 1) == 1
    assert (office.last().status, len(spent)) == (DeploymentStatus.SUCCEEDED, 1)


def test_no_job_is_started_for_an_app_that_is_gone(office):
    office.store.apps.delete(office.app)
    with pytest.raises(NoSuchApp, match="destroyed in the meantime"):
        office.run(lambda job: pytest.fail("it began"))
    assert office.jobs.idle()
