"""Logs over a connection to the engine that breaks."""

import socket
import threading

import docker
import pytest

from paas.core.errors import DockerError
from paas.schedulers.docker.api import Docker

LINE = b"2026-01-01T00:00:00.000000001Z one\n"
ANSWERS = {
    "/json": b'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 24\r\n\r\n{"Config":{"Tty":false}}',
    "/logs": b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"%x\r\n" % (8 + len(LINE)) + b"\x01\0\0\0" + len(LINE).to_bytes(4, "big") + LINE + b"\r\n",
}  # fmt: skip


@pytest.fixture
def engine():
    """One that ends each connection after its answer; of a log it has told only the begin by then."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            with client:
                asked = b""
                while b"\r\n\r\n" not in asked:
                    asked += client.recv(4096)
                path = asked.split()[1].partition(b"?")[0].decode()
                client.sendall(ANSWERS[path[path.rindex("/") :]])

    thread = threading.Thread(target=serve)
    thread.start()
    found = Docker("instance")
    found.__dict__["_api"] = api = docker.APIClient(f"tcp://127.0.0.1:{listening.getsockname()[1]}", version="1.41")
    yield found
    api.close()
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(60)


def test_what_is_read_to_its_end_and_breaks_off_is_not_the_whole(engine):
    read = []
    with pytest.raises(DockerError) as caught, engine.follow("c", None, follow=False) as lines:
        read += lines
    assert caught.value.code == "engine-down"
    with pytest.raises(DockerError):
        engine.logs("c", None)


def test_who_follows_sees_an_end(engine):
    with engine.follow("c", None) as lines:
        assert list(lines) == [LINE]
