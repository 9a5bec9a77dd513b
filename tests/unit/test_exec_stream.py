"""The output and the end of a command that runs in a container: a stream of frames, and what the engine says of it."""

import os
import re
import signal
import socket
import struct
import subprocess
from pathlib import Path

import pytest

from paas.schedulers.docker import exec_stream


def frame(text, kind=1):
    return struct.pack(">BxxxL", kind, len(text)) + text


def never(pid):
    pytest.fail("it was killed")


@pytest.fixture
def stream():
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


def test_both_outputs_are_joined_and_the_status_follows(stream):
    ours, theirs = stream
    theirs.sendall(frame(b"out ") + frame(b"err\n", 2) + frame(b""))
    theirs.close()
    states = iter([{"Running": True, "Pid": 1}, {"Running": False, "ExitCode": 3}])
    assert exec_stream.outcome(ours, lambda: next(states), 5, never) == (3, "out err\n")
    assert ours.fileno() == -1


def test_only_the_first_of_much_output_is_kept(stream):
    ours, theirs = stream
    theirs.sendall(frame(b"x" * 5000) + frame(b"y" * 5000))
    theirs.close()
    status, output = exec_stream.outcome(ours, lambda: {"Running": False, "ExitCode": 0}, 5, never)
    assert (status, output) == (0, "x" * exec_stream.OUTPUT_LIMIT)


class Engine:
    """Where one command runs: ``commands`` has those that were started, the first with its output as a stream."""

    def __init__(self, stream, pid):
        self.stream, self.pid, self.commands = stream, pid, []

    def exec_create(self, container_id, argv, **options):
        self.commands.append(argv)
        return {"Id": len(self.commands)}

    def exec_start(self, made, *, socket=False, detach=False):
        assert socket != detach
        return self.stream

    def exec_inspect(self, made):
        return {"Running": True, "Pid": self.pid}


def test_nothing_is_killed_before_the_command_has_begun(stream):
    # 0 would be the group of the server itself.
    states = iter([{"Running": True, "Pid": 0}, {"Running": True, "Pid": 0}, {"Running": True, "Pid": 7}])
    killed = []
    assert exec_stream.outcome(stream[0], lambda: next(states), 0.0, killed.append) == (None, "")
    assert killed == [7]


def test_a_command_that_never_begins_is_given_up(stream, monkeypatch):
    monkeypatch.setattr(exec_stream, "START_SECONDS", 0.0)
    assert exec_stream.outcome(stream[0], lambda: {"Running": True, "Pid": 0}, 0.0, never) == (None, "")


@pytest.mark.parametrize("group", [True, False])
def test_a_command_that_does_not_end_is_killed(stream, group):
    ours, theirs = stream
    theirs.sendall(frame(b"begun"))
    command = subprocess.Popen(["sleep", "1000"], start_new_session=group)
    try:
        engine = Engine(ours, command.pid)
        assert exec_stream.run(engine, "c", ["check"], 0.02) == (None, "begun")
        assert command.wait(60) == -signal.SIGKILL
        assert engine.commands == [["check"]]
    finally:
        command.kill()


def test_what_this_process_may_not_kill_is_killed_from_inside(stream, monkeypatch):
    def refuse(pid, number):
        raise PermissionError(1, "not permitted")

    monkeypatch.setattr(os, "kill", refuse)
    monkeypatch.setattr(os, "killpg", refuse)
    engine = Engine(stream[0], os.getpid())
    assert exec_stream.run(engine, "c", ["check"], 0.0) == (None, "")
    status = Path("/proc/self/status").read_text()
    inner = re.search(r"^NSpid:.*?(\d+)$", status, re.MULTILINE)
    assert engine.commands[1:] == [["sh", "-c", f"kill -s KILL -- -{inner[1]} || kill -s KILL {inner[1]}"]]
