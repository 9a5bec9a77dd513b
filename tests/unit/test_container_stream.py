"""The connection with a process in a container: frames, ends of input, a slow side, a client that goes away."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import SECONDS, eventually
from paas.core.errors import Disconnected
from paas.schedulers.container_stream import CHUNK, ContainerStream, carry, unframe

Pair = tuple[socket.socket, socket.socket]


def frame(stream: int, data: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=50))), st.lists(st.integers(1, 20), min_size=1))
def test_frames_are_told_apart_however_they_arrive(frames: list[tuple[int, bytes]], cuts: list[int]) -> None:
    wire = b"".join(frame(stream, data) for stream, data in frames)

    def chunks() -> Iterator[bytes]:
        at = turn = 0
        while at < len(wire):
            size = cuts[turn % len(cuts)]
            yield wire[at : at + size]
            at, turn = at + size, turn + 1

    got = list(unframe(chunks()))
    for wanted in (1, 2):
        sent = b"".join(data for stream, data in frames if stream == wanted)
        assert b"".join(data for stream, data in got if stream == wanted) == sent
    # The order between the two streams is kept.
    assert b"".join(data for _, data in got) == b"".join(data for _, data in frames)


def test_a_long_frame_is_passed_on_as_it_arrives() -> None:
    parts = iter([frame(1, b"x" * 1000)[:100], b"x" * 500])
    assert [len(data) for _, data in unframe(parts)] == [92, 500]


@pytest.fixture
def client() -> Iterator[Pair]:
    """The two ends of a client's input."""
    pair = socket.socketpair()
    yield pair
    for end in pair:
        end.close()


@pytest.fixture
def process() -> Iterator[Pair]:
    """The two ends of a process's connection."""
    pair = socket.socketpair()
    yield pair
    for end in pair:
        end.close()


def in_background(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_what_came_with_the_headers_comes_first(process: Pair) -> None:
    inner, outer = process
    stream = ContainerStream(outer, terminal=True, early=b"first ")
    inner.sendall(b"second")
    inner.close()
    assert b"".join(data for _, data in stream.output(threading.Event())) == b"first second"


def test_the_end_of_the_input_reaches_the_process_and_its_output_goes_on(client: Pair, process: Pair) -> None:
    keyboard, stdin = client
    inner, outer = process
    got: list[tuple[int, bytes]] = []
    stream = ContainerStream(outer, terminal=False)
    thread = in_background(lambda: carry(stdin, stream, lambda *one: got.append(one), threading.Event()))
    keyboard.sendall(b"question")
    keyboard.shutdown(socket.SHUT_WR)
    assert (inner.recv(100), inner.recv(100)) == (b"question", b"")
    inner.sendall(frame(2, b"answer"))
    inner.close()
    thread.join(SECONDS)
    assert got == [(2, b"answer")]


def test_with_a_terminal_the_end_of_the_input_is_not_told(client: Pair, process: Pair) -> None:
    keyboard, stdin = client
    inner, outer = process
    thread = in_background(
        lambda: carry(stdin, ContainerStream(outer, terminal=True), lambda *one: None, threading.Event())
    )
    keyboard.sendall(b"\x04")
    keyboard.close()
    assert inner.recv(100) == b"\x04"
    inner.settimeout(0.05)
    with pytest.raises(TimeoutError):
        inner.recv(100)
    inner.close()
    thread.join(SECONDS)
    assert not thread.is_alive()


def test_the_end_of_the_process_does_not_wait_for_a_silent_client(client: Pair, process: Pair) -> None:
    inner, outer = process
    stream = ContainerStream(outer, terminal=False)
    thread = in_background(lambda: carry(client[1], stream, lambda *one: None, threading.Event()))
    inner.close()
    thread.join(SECONDS)
    assert not thread.is_alive()


def test_a_process_that_reads_nothing_stops_its_client(client: Pair, process: Pair) -> None:
    keyboard, stdin = client
    inner, outer = process
    stream = ContainerStream(outer, terminal=False)
    thread = in_background(lambda: carry(stdin, stream, lambda *one: None, threading.Event()))
    keyboard.setblocking(False)
    sent = 0

    def full() -> bool:
        nonlocal sent
        try:
            sent += keyboard.send(b"x" * CHUNK)
        except BlockingIOError:
            return True
        return False

    eventually(full)
    # What is on its way is what the kernel's buffers and one read hold.
    assert sent < 8 * CHUNK
    inner.close()
    thread.join(SECONDS)
    assert not thread.is_alive()


def test_a_client_that_goes_away_is_noticed_although_nothing_is_written(client: Pair, process: Pair) -> None:
    gone = threading.Event()
    told: list[bool] = []
    stream = ContainerStream(process[1], terminal=False)

    def work() -> None:
        try:
            carry(client[1], stream, lambda *one: None, gone)
        except Disconnected:
            told.append(True)

    thread = in_background(work)
    client[0].shutdown(socket.SHUT_WR)
    gone.set()
    thread.join(SECONDS)
    assert told == [True]
