"""Sending to servers that answer, refuse, stall, hang up, and come back."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from fakes import eventually
from paas.core import egress
from paas.core.egress import Egress
from paas.core.logs import drain
from paas.core.logs.line import LogLine
from paas.logs.drains import receivers
from paas.logs.drains.receivers import NotSent, Refused

TIME = "2026-01-01T00:00:00.000000000Z"
LINES = [LogLine(TIME, "app", "web.1", b"text %d" % number, 1, "hello") for number in (1, 2)]
LOCAL = Egress(egress.networks("127.0.0.0/8"))
OK = b"HTTP/1.1 204 No Content\r\n\r\n"


@contextmanager
def serving(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that handles each connection with the function, until it returns."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            try:
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        serve(connection)
            except OSError:
                return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(60)


def request(connection: socket.socket) -> tuple[bytes, bytes]:
    """One HTTP request: its head and its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            return b"", b""
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    [length] = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
    while len(body) < length:
        body += connection.recv(65536)
    return head, body


def to(port: int, scheme: str = "http", form: str = "json", path: str = "/in") -> receivers.DrainReceiver:
    target = drain.target(f"{scheme}://127.0.0.1:{port}" + (path if scheme == "http" else ""))
    return receivers.receiver(target, form, "", lambda: LOCAL)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receivers, "SECONDS", 0.2)


def test_batches_are_posted_over_one_connection():
    seen = []

    def serve(connection: socket.socket) -> None:
        while (found := request(connection)) != (b"", b""):
            seen.append(found)
            connection.sendall(OK)

    with serving(serve) as port:
        receiver = to(port)
        receiver.send(LINES)
        receiver.send(LINES[:1])
        receiver.close()
    heads, bodies = zip(*seen, strict=True)
    assert heads[0].startswith(b"POST /in HTTP/1.1\r\n") and b"application/x-ndjson" in heads[0]
    assert [json.loads(row)["text"] for row in bodies[0].splitlines()] == ["text 1", "text 2"]
    assert len(bodies[1].splitlines()) == 1


def test_logplex_is_what_heroku_sends():
    seen = []

    def serve(connection: socket.socket) -> None:
        seen.append(request(connection))
        connection.sendall(OK)

    with serving(serve) as port:
        receiver = to(port, form="logplex")
        receiver.send(LINES)
        receiver.close()
    [(head, body)] = seen
    assert b"Content-Type: application/logplex-1" in head and b"Logplex-Msg-Count: 2" in head
    frame = b"<190>1 2026-01-01T00:00:00.000000Z hello app web.1 - - text 1\n"
    assert body.startswith(b"%d %s" % (len(frame), frame))


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 5\r\n\r\nlater", NotSent, "the receiver answered 503"),
        (b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", NotSent, "the receiver answered 401"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n", NotSent, "the receiver answered 302"),
        (b"HTTP/1.1 400 Bad\r\nContent-Length: 9\r\n\r\nb\x1bd\r\nsecret", Refused, "the receiver answered 400"),
        (b"220 internal.example ESMTP\r\n\r\n", NotSent, "the receiver's answer is not HTTP"),
        (b"", NotSent, ""),
    ],
)
def test_an_answer_that_is_no_success(answer, kind, says):
    def serve(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(answer)

    with serving(serve) as port:
        receiver = to(port)
        with pytest.raises(kind) as caught:
            receiver.send(LINES)
        assert type(caught.value) is kind
        # Not a word of what it said.
        assert caught.value.what == says or (not says and "closed connection" in caught.value.what)
        receiver.close()


@pytest.mark.parametrize("scheme", ["http", "syslog+tcp"])
def test_it_connects_only_to_what_is_allowed_at_that_time(scheme):
    allowed = [Egress(), LOCAL]

    with serving(lambda connection: connection.sendall(OK)) as port:
        target = drain.target(f"{scheme}://127.0.0.1:{port}")
        receiver = receivers.receiver(target, "json" if scheme == "http" else "syslog", "", lambda: allowed.pop(0))
        with pytest.raises(NotSent, match=r"does not connect to 127\.0\.0\.1: 127\.0\.0\.1: loopback"):
            receiver.send(LINES)
        with suppress(NotSent):
            receiver.send(LINES)
        assert allowed == []
        receiver.close()


def test_a_server_that_stalls_and_comes_back():
    stalled = threading.Event()
    seen = []

    def serve(connection: socket.socket) -> None:
        seen.append(request(connection))
        if len(seen) == 1:
            stalled.wait(60)
        else:
            connection.sendall(OK)

    with serving(serve) as port:
        receiver = to(port)
        with pytest.raises(NotSent, match="timed out"):
            receiver.send(LINES)
        stalled.set()
        receiver.send(LINES)
        receiver.close()
    assert len(seen) == 2


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n"])
def test_an_answer_that_comes_byte_by_byte_has_an_end(monkeypatch, answer):
    monkeypatch.setattr(receivers, "REQUEST_SECONDS", 0.2)
    hung_up = threading.Event()

    def serve(connection):
        request(connection)
        try:
            connection.sendall(answer)
            connection.settimeout(0.01)
            for _ in range(5000):
                connection.sendall(b"x")
                with suppress(TimeoutError):
                    if not connection.recv(1):
                        break
        finally:
            hung_up.set()

    with serving(serve) as port:
        receiver = to(port)
        with pytest.raises(NotSent, match="takes too long to answer"):
            receiver.send(LINES)
        assert hung_up.wait(60)


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for scheme in ("http", "syslog+tcp"):
        with pytest.raises(NotSent, match="refused"):
            to(port, scheme, "syslog" if scheme != "http" else "json").send(LINES)


def test_syslog_goes_over_one_connection_and_a_new_one_after_a_hang_up():
    received: list[bytes] = []
    connections = []
    hang_up, gone = threading.Event(), threading.Event()

    def serve(connection: socket.socket) -> None:
        connections.append(connection)
        data = b""
        while (len(connections) > 1 or data.count(b"text 2") < 2) and (chunk := connection.recv(65536)):
            data += chunk
        received.append(data)
        hang_up.wait(60)
        connection.close()
        gone.set()

    with serving(serve) as port:
        receiver = to(port, "syslog+tcp", "syslog")
        receiver.send(LINES)
        receiver.send(LINES)
        hang_up.set()
        assert gone.wait(60)
        # Nothing is written into a connection that is dead.
        receiver.send(LINES)
        receiver.close()
        eventually(lambda: len(received) == 2)
    assert received[0].count(b"text 1") == 2
    assert received[1].count(b"text 1") == 1
    assert len(connections) == 2


def test_a_syslog_server_that_reads_nothing_is_noticed():
    over = threading.Event()

    def serve(connection: socket.socket) -> None:
        over.wait(60)

    with serving(serve) as port:
        receiver = to(port, "syslog+tcp", "syslog")
        many = [LINES[0]._replace(text=b"x" * 1_000_000)] * 30
        with pytest.raises(NotSent):
            receiver.send(many)
        over.set()
        receiver.close()


def test_a_certificate_that_nobody_vouches_for_is_refused():
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)

    with serving(serve) as port, pytest.raises(NotSent):
        to(port, "syslog+tls", "syslog").send(LINES)
