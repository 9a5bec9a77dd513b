"""The right to serve a data root: one daemon at a time, and none that has died holds it."""

import subprocess
import sys

import pytest

from paas.daemon.lock import AlreadyServed, Lock

HOLDER = """
import signal, sys
from pathlib import Path
from paas.daemon.lock import Lock
lock = Lock(Path(sys.argv[1]))
print("held", flush=True)
signal.pause()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_daemon_is_refused(tmp_path, holder):
    with pytest.raises(AlreadyServed) as raised:
        Lock(tmp_path)
    assert raised.value.lines() == [
        f"another 'paas serve' runs with the data root {tmp_path}",
        "Use another --root, or stop the other one first. [already-running]",
    ]
    assert (tmp_path / "serve.lock").read_text() == str(holder.pid)


def test_one_that_has_died_holds_nothing(tmp_path, holder):
    holder.kill()
    holder.wait()
    assert Lock(tmp_path)


def test_the_lock_is_taken_over_once_the_other_has_ended(tmp_path, holder):
    assert Lock.take_over(tmp_path)
    assert holder.wait(60) == -15


def test_taking_over_where_nobody_is(tmp_path):
    assert Lock.take_over(tmp_path)
