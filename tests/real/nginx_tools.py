"""A small app to stand behind a real nginx, an edge around it, and clients."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol, TypeVar

import ports

from paas.core.edge.address import local
from paas.core.edge.vhost import ProxyOptions, Vhost, VhostState
from paas.core.logs import requests
from paas.proxies.nginx.process import Nginx
from paas.proxies.nginx.processes import find_all, holds, is_ready
from paas.proxies.nginx.proxy import NginxProxy
from paas.proxies.nginx.text import Templates

SECONDS = 60.0


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Return when the condition is true; the test fails after some seconds."""
    deadline = time.monotonic() + SECONDS

    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        threading.Event().wait(0.005)


class App(ThreadingHTTPServer):
    """An app process on a loopback port. ``go`` lets a response that waits for it continue."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, name: str = "app", port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.name = name
        self.port = self.server_port
        self.connections = 0
        self.hits: list[str] = []
        self.first_piece = threading.Event()
        self.go = threading.Event()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def get_request(self) -> tuple[socket.socket, object]:
        self.connections += 1
        return super().get_request()

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients go away in these tests; that is no news."""

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self.go.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: App

    def do_GET(self) -> None:
        self.server.hits.append(f"{self.command} {self.path}")
        kind = self.path.partition("?")[0].strip("/").split("/")

        if kind[0] in ("closing", "large", "length", "header"):
            self._answer(kind)
            return

        if kind[-1] == "broken":
            self.close_connection = True
        elif kind[-2:-1] == ["status"]:
            self._send(int(kind[-1]), b"the app's own words")
        elif kind[0] == "stream":
            self._stream()
        elif kind[0] == "wait":
            self.server.first_piece.set()
            self.server.go.wait(SECONDS)
            self._send(200, self.server.name.encode())
        elif kind[0] == "socket":
            self._echo()
        elif kind[0] == "break":
            self.close_connection = True
        elif kind[0] == "cookies":
            self._send(200, b"", [("Set-Cookie", f"c{number}={'x' * 1000}") for number in range(10)])
        elif kind[0] == "html":
            self._describe("text/html")
        elif kind[0] == "name":
            self._upload()
            self._send(200, self.server.name.encode())
        else:
            self._describe()

    def _answer(self, kind: list[str]) -> None:
        """Answers for tests of what nginx keeps."""
        if kind[0] == "closing":
            self._closing()
        elif kind[0] == "large":
            self._send(200, b"x" * (8 << 20))
            self.server.first_piece.set()
        elif kind[0] == "length":
            self._send(200, self.rfile.read(int(self.headers.get("Content-Length", 0))))
        else:
            self._send(200, b"", [("Set-Cookie", f"c{number}={'x' * 1000}") for number in range(int(kind[1]))])

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""

    def _send(self, status: int, body: bytes, headers: list[tuple[str, str]] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))

        for name, value in headers or []:
            self.send_header(name, value)

        self.end_headers()
        self.wfile.write(body)

    def _describe(self, content_type: str = "") -> None:
        size = self._upload()
        headers = {name.lower(): value for name, value in self.headers.items()}
        text = json.dumps({"method": self.command, "path": self.path, "headers": headers, "size": size})
        more = [("Content-Type", content_type)] if content_type else []
        self._send(200, text.encode(), [("X-Request-Id", "the app's"), *more])

    def _upload(self) -> int:
        size = 0

        if self.headers.get("Transfer-Encoding") == "chunked":
            while length := int(self.rfile.readline(), 16):
                size += len(self.rfile.read(length))
                self.rfile.readline()
                self.server.first_piece.set()

            self.rfile.readline()
            return size

        left = int(self.headers.get("Content-Length", 0))

        while left and (piece := self.rfile.read1(min(left, 65_536))):
            self.server.first_piece.set()
            left -= len(piece)
            size += len(piece)

        return size

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"9\r\ndata: 1\n\n\r\n")
        self.server.go.wait(SECONDS)
        self.wfile.write(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")

    def _closing(self) -> None:
        """A stream that ends with its connection, as of a server that speaks HTTP/1.0."""
        self.close_connection = True
        self.send_response_only(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("X-Accel-Buffering", "no")
        self.end_headers()
        self.wfile.write(b"data: 1\n\n")
        self.server.go.wait(SECONDS)
        self.wfile.write(b"data: 2\n\n")

    def _echo(self) -> None:
        self.send_response_only(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.end_headers()
        self.close_connection = True

        while piece := self.connection.recv(4096):
            self.connection.sendall(piece.upper())


class Answer:
    """A response with its whole body."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


class Edge:
    """A real nginx with its proxy object; ``root`` holds everything of it."""

    def __init__(self, root: Path, port: int | None = None, templates: Templates | None = None) -> None:
        self.root = root
        self.port = port or ports.free(1)[0]
        self.nginx = Nginx(root / "nginx", "127.0.0.1", self.port)
        self.proxy = NginxProxy(self.nginx, templates)

    def publish(self, *apps: App, key: str = "1", options: ProxyOptions | None = None, host: str = "a.example") -> None:
        self.proxy.publish(
            Vhost(
                f"app-{key}",
                key,
                (host,),
                local(*(app.port for app in apps)),
                VhostState.LIVE if apps else VhostState.STOPPED,
                options or ProxyOptions(),
            )
        )

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)

    def get(self, path: str = "/", *, host: str = "a.example", method: str = "GET", **more: object) -> Answer:
        headers = {"Host": host} | dict(more.pop("headers", {}))  # type: ignore[call-overload]

        with contextlib.closing(self.connect()) as connection:
            connection.request(method, path, headers=headers, **more)  # type: ignore[arg-type]
            return Answer(connection.getresponse())

    def raw(self, request: str) -> socket.socket:
        """A connection on which the request was sent, its lines given without carriage returns."""
        client = socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)
        client.sendall(request.replace("\n", "\r\n").encode())
        return client

    def log(self) -> list[Mapping[str, Any]]:
        """The requests in the access log, without one that is being written."""
        lines = (self.nginx.prefix / "logs" / "access.log").read_text().split("\n")[:-1]
        found = [requests.fields(line) for line in lines]
        assert None not in found, lines
        return [row for row in found if row]

    def settled(self) -> frozenset[int]:
        """The workers, once the master has started all of them and none of before is left."""

        def over() -> bool:
            workers = self.nginx.workers()
            # A new one looks like a master until it has said what it is.
            ready = len(workers) == os.cpu_count() and all(map(is_ready, workers))
            return ready and not self.proxy.draining().old_workers

        wait_for(over, "all workers and no old ones")
        return self.nginx.workers()

    def processes(self) -> list[int]:
        return [pid for pid in find_all() if holds(pid, self.nginx.prefix)]


class HasNginx(Protocol):
    nginx: Nginx
    proxy: NginxProxy


Some = TypeVar("Some", bound=HasNginx)


@contextlib.contextmanager
def running(edge: Some) -> Iterator[Some]:
    """Start the edge's nginx, and stop it afterwards."""
    try:
        edge.proxy.start()
        yield edge
    finally:
        edge.nginx.stop(0.5)


@contextlib.contextmanager
def edge_at(root: Path, port: int | None = None, templates: Templates | None = None) -> Iterator[Edge]:
    """Run an edge, and check that nothing of it is left afterwards."""
    edge = Edge(root, port, templates)
    try:
        with running(edge):
            yield edge
    finally:
        assert edge.processes() == []
