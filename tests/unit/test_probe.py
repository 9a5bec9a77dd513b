"""Looking at sockets: the tests' own."""

import contextlib
import os
import socket
import subprocess
import threading

import pytest

from paas.core.containers.tcp_table import Listener
from paas.core.health.outcome import BODY_LIMIT, Answer
from paas.system.probe import Probe

HOME = "127.0.0.1"


@contextlib.contextmanager
def answering(answer):
    """A server that gives the same bytes to whoever comes, or for None keeps silent; yields its port and what came."""
    received = []
    connections = []

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connections.append(connection)
                received.append(connection.recv(65536))
                if answer is not None:
                    # A client may have gone with its answer half read.
                    with contextlib.suppress(ConnectionError):
                        connection.sendall(answer)
                    connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], received
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(60)
    for connection in connections:
        connection.close()


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_the_listeners_of_a_process_are_those_of_its_network():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert Listener(port, True) in Probe().listeners(os.getpid())
    assert Listener(port, True) not in Probe().listeners(os.getpid())


def test_a_process_that_has_ended_has_none():
    process = subprocess.Popen(["true"])
    process.wait()
    assert Probe().listeners(process.pid) == frozenset()


@pytest.mark.parametrize("status", [200, 404, 503])
def test_the_status_of_an_answer(status):
    with answering(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status) as (port, received):
        assert Probe().get(HOME, port, "/health", {"Host": "www.example.org", "X-Test": "1"}, 5) == Answer(status)
    request = received[0].decode()
    assert request.startswith("GET /health HTTP/1.1\r\n")
    assert "Host: www.example.org\r\n" in request
    assert request.count("Host:") == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, "no answer within 0.05 s"),
        (b"garbage\r\n\r\n", "it answers something that is not HTTP/1.1"),
        # What a gRPC server says first.
        (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + bytes(18), "it answers HTTP/2, not HTTP/1.1"),
        (b"", "Remote end closed connection without response"),
    ],
)
def test_why_there_is_no_answer(answer, reason):
    with answering(answer) as (port, _):
        assert Probe().get(HOME, port, "/", {"Host": "x"}, 0.05) == reason


def test_preliminary_answers_come_before_the_one_that_counts():
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </s.css>; rel=preload\r\n\r\n"
    with answering(hints * 2 + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") as (port, _):
        assert Probe().get(HOME, port, "/", {"Host": "x"}, 5, body=True) == Answer(200, "ok", early=True)


@pytest.mark.parametrize("piece", [b"x", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_an_answer_without_an_end_is_not_waited_for(piece):
    gone = threading.Event()

    def serve():
        connection, _ = listener.accept()
        # One piece after the other, and none of them ends the headers, until the client has had enough.
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            while not gone.wait(0.001):
                connection.sendall(piece)

    with socket.create_server((HOME, 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        looks = []
        look = threading.Thread(
            target=lambda: looks.append(Probe().get(HOME, listener.getsockname()[1], "/", {"Host": "x"}, 0.05)),
            daemon=True,
        )
        look.start()
        look.join(20)
        gone.set()
        thread.join(60)
    assert looks == ["no answer within 0.05 s"]


@pytest.mark.parametrize(
    ("body", "seen"), [(b"all \xff ok", "all \ufffd ok"), (b"x" * (BODY_LIMIT + 70_000), None)]
)
def test_the_body_is_read_up_to_a_limit_where_it_is_wanted(body, seen):
    with answering(b"HTTP/1.1 200 OK\r\n\r\n" + body) as (port, _):
        assert Probe().get(HOME, port, "/", {"Host": "x"}, 5) == Answer(200)
        found = Probe().get(HOME, port, "/", {"Host": "x"}, 5, body=True)
    assert found.body == seen if seen else BODY_LIMIT <= len(found.body) < len(body)


def test_nobody_listens():
    assert Probe().get(HOME, closed_port(), "/", {"Host": "x"}, 1) == "[Errno 111] Connection refused"


def test_whether_a_port_is_free():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert not Probe().port_is_free(listener.getsockname()[1])
    assert Probe().port_is_free(listener.getsockname()[1] if listener.fileno() >= 0 else closed_port())


def test_routes_are_networks_with_masks():
    for network, mask in Probe().routed_networks():
        assert 0 < mask < 1 << 32
        assert network & mask == network
