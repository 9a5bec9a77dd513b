"""What is read of processes in /proc."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from paas.proxies.nginx.processes import heeds

BLOCKS = """\
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
print("blocked", flush=True)
sys.stdin.readline()
signal.signal(signal.SIGHUP, lambda *_: None)
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGHUP])
print("open", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def busy() -> Iterator[subprocess.Popen[str]]:
    """A process that blocks SIGHUP until it reads a line."""
    argv = [sys.executable, "-c", BLOCKS]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as one:
        assert one.stdout is not None
        assert one.stdout.readline() == "blocked\n"
        yield one
        one.kill()


def test_a_process_that_blocks_a_signal_does_not_heed_it(busy: subprocess.Popen[str]) -> None:
    assert busy.stdin is not None and busy.stdout is not None
    assert not heeds(busy.pid, signal.SIGHUP)
    assert heeds(busy.pid, signal.SIGUSR1)

    os.kill(busy.pid, signal.SIGHUP)
    assert not heeds(busy.pid, signal.SIGHUP)

    busy.stdin.write("\n")
    busy.stdin.flush()
    assert busy.stdout.readline() == "open\n"
    assert heeds(busy.pid, signal.SIGHUP)


def test_one_that_is_gone_is_not_waited_for(busy: subprocess.Popen[str]) -> None:
    busy.kill()
    busy.wait()
    assert heeds(busy.pid, signal.SIGHUP)
