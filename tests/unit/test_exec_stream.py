"""The output and the end of a command that runs in a container: a stream of frames, and what the engine says of it."""

import os
import signal
import socket
import struct
import subprocess

import pytest

from paas.drivers import exec_stream


def frame(text, kind=1):
    return struct.pack(">BxxxL", kind, len(text)) + text


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
    assert exec_stream.run(ours, lambda: next(states), 5) == (3, "out err\n")
    assert ours.fileno() == -1


def test_only_the_first_of_much_output_is_kept(stream):
    ours, theirs = stream
    theirs.sendall(frame(b"x" * 5000) + frame(b"y" * 5000))
    theirs.close()
    status, output = exec_stream.run(ours, lambda: {"Running": False, "ExitCode": 0}, 5)
    assert (status, output) == (0, "x" * exec_stream.OUTPUT_LIMIT)


def test_a_command_that_does_not_end_is_killed(stream):
    ours, theirs = stream
    theirs.sendall(frame(b"begun"))
    command = subprocess.Popen(["sleep", "1000"])
    try:
        state = {"Running": True, "Pid": command.pid}
        assert exec_stream.run(ours, lambda: state, 0.02) == (None, "begun")
        assert command.wait(60) == -signal.SIGKILL
    finally:
        command.kill()


def test_what_may_not_be_killed_is_logged(stream, monkeypatch, caplog):
    def refuse(pid, number):
        raise PermissionError(1, "not permitted")

    monkeypatch.setattr(os, "kill", refuse)
    assert exec_stream.run(stream[0], lambda: {"Running": True, "Pid": 7}, 0.0) == (None, "")
    assert "(pid 7) goes on after its time" in caplog.text
