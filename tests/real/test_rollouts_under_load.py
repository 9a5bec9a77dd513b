"""Every kind of rollout under load: no request fails, and open WebSockets live out the drain time."""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import listings
import pytest
from instance import LABEL, SOURCES, Server, eventually
from load import Load
from test_service import app

from paas.proxies.nginx.process import Nginx

pytestmark = pytest.mark.real

DRAIN_SECONDS = 4
SOCKETS = 500
DEPLOYS = int(os.environ.get("PAAS_TEST_DEPLOYS", "15"))
DOWNLOAD = 64 * 2**20
"""Bytes: more than nginx and the sockets between hold."""

APP = '''\
"""Answers with its release; a WebSocket (RFC 6455) is held open and echoes nothing, and closed with 1001 at the end."""
import base64, hashlib, http.server, os, signal, sys
sockets = set()
def leave(*_):
    for one in list(sockets):
        one.sendall(bytes([0x88, 2, 1001 >> 8, 1001 & 255]))
    os._exit(0)
signal.signal(signal.SIGTERM, leave)
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        key = self.headers.get("Sec-WebSocket-Key")
        if key:
            digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.send_header("Sec-WebSocket-Accept", base64.b64encode(digest).decode())
            self.end_headers()
            sockets.add(self.connection)
            self.rfile.read(1)
            sockets.discard(self.connection)
            return
        if self.path == "/download":
            self.send_response(200)
            self.send_header("Content-Length", str(64 * 2**20))
            # Without it the whole answer would wait in a file of nginx, and the app would be done at once.
            self.send_header("X-Accel-Buffering", "no")
            self.end_headers()
            for _ in range(64):
                self.wfile.write(bytes(2**20))
            return
        body = f"{os.environ['PAAS_RELEASE']} TEXT {os.environ.get('COLOUR', '')}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer.daemon_threads = True
http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
'''


class WebSocket:
    """One open WebSocket; ``closed`` is when it was closed, by the monotonic clock, None while it is open."""

    def __init__(self, port: int, host: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        assert self._socket.recv(4096).startswith(b"HTTP/1.1 101")
        self.closed: float | None = None
        self.received = b""
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()

    def _wait(self) -> None:
        self._socket.settimeout(None)
        try:
            while data := self._socket.recv(4096):
                self.received += data
        except OSError:
            pass  # A reset is an end, too.
        self.closed = time.monotonic()

    def close(self) -> None:
        """Closes it from this side."""
        with suppress(OSError):  # It may have been reset.
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()


class Download:
    """A client that has begun to read a large answer and takes the rest when it is told to."""

    def __init__(self, port: int, host: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._connection.request("GET", "/download", headers={"Host": host})
        self._answer = self._connection.getresponse()
        self._received = len(self._answer.read(4096))

    def __enter__(self) -> Download:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def more(self) -> None:
        """Take a little, as a slow client does: enough that it is not taken for one that does not read."""
        self._received += len(self._answer.read(2**18))

    def finish(self) -> int:
        """Read to the end, and return how many bytes came in all."""
        with suppress(http.client.IncompleteRead):  # The number says it.
            while piece := self._answer.read(2**16):
                self._received += len(piece)
        return self._received


@pytest.fixture(scope="module")
def code(instance: Server, stack: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The app ``live`` with two web containers and a short drain time."""
    folder = app(tmp_path_factory.mktemp("code"), stack)
    (folder / "web.py").write_text(APP)
    assert instance.git_push(folder, "live").status == 0
    assert instance.paas(f"checks:set live wait-to-retire {DRAIN_SECONDS}s").status == 0
    assert instance.paas("ps:scale live web=2").status == 0
    return folder


def test_no_request_fails_in_fifty_rollouts(instance: Server, code: Path) -> None:
    def succeed(line: str) -> None:
        result = instance.paas(line)
        assert result.status == 0, result.err

    sockets = [WebSocket(instance.http_port, "live.localhost") for _ in range(20)]
    with Load(instance.http_port, "live.localhost", rate=60) as load:
        for number in range(20):
            (code / "web.py").write_text(APP.replace("TEXT", f"text {number}"))
            pushed = instance.git_push(code, "live")
            assert pushed.status == 0, pushed.err
        for number in range(20):
            succeed(f"ps:scale live web={2 + number % 3}")
        for _ in range(5):
            succeed("releases:rollback live")
        for number in range(5):
            succeed(f"config:set live COLOUR={number}")

    assert load.failures() == {}
    assert load.steady(), load.seen
    assert instance.get("live").body.endswith(" 4")
    for one in sockets:
        one.close()


def test_websockets_live_out_the_drain_time_and_no_longer(instance: Server, code: Path) -> None:
    sockets = [WebSocket(instance.http_port, "live.localhost") for _ in range(20)]
    argv = [sys.executable, "-m", "paas", f"--root={instance.root}", "ps:restart", "live"]
    began, switched = time.monotonic(), 0.0
    with subprocess.Popen(argv, cwd=SOURCES, stderr=subprocess.PIPE, text=True) as restart:
        assert restart.stderr is not None
        for line in restart.stderr:
            if "Switched the proxy" in line:
                switched = time.monotonic()
    assert restart.returncode == 0
    assert switched
    eventually(lambda: all(one.closed is not None for one in sockets))

    # nginx's old workers got their time after the one moment, and some while before the other.
    assert min(one.closed or 0 for one in sockets) - began >= DRAIN_SECONDS
    assert max(one.closed or 0 for one in sockets) - switched < DRAIN_SECONDS + 30
    # The app had its SIGTERM before that, and said 1001 Going Away.
    assert {one.received for one in sockets} == {bytes([0x88, 2, 1001 >> 8, 1001 & 255])}
    eventually(lambda: all(row["state"] == "running" for row in json.loads(instance.paas("ps live --format json").out)))


def _of_other(server: Server) -> list[str]:
    names = [row["Names"][0] for row in listings.containers(f"{LABEL}={server.instance()}")]
    return [name for name in names if name.startswith("/other.")]


def test_connections_of_one_app_neither_end_nor_wait_for_the_rollouts_of_another(
    instance: Server, code: Path, stack: str, tmp_path: Path
) -> None:
    other = app(tmp_path / "other", stack)
    assert instance.git_push(other, "other").status == 0
    # So long nobody waits here: only what the app itself has open keeps its containers.
    assert instance.paas("checks:set other wait-to-retire 1h").status == 0
    # The sockets are idle, and many rollouts take longer than the 60 seconds that this is allowed for.
    assert instance.paas("nginx:set live proxy-read-timeout 1h").status == 0
    edge = Nginx(instance.root / "nginx", "127.0.0.1", instance.http_port)
    eventually(lambda: not edge.finishing())
    before = peak = len(edge.workers())
    sockets = [WebSocket(instance.http_port, "live.localhost") for _ in range(SOCKETS)]
    with Download(instance.http_port, "live.localhost") as download:
        for _ in range(DEPLOYS):
            assert instance.paas("ps:restart other").status == 0
            download.more()
            peak = max(peak, len(edge.workers()))
            eventually(lambda: len(_of_other(instance)) == 1)
        received = download.finish()

    failed = [one for one in sockets if one.closed is not None]
    print(f"{DEPLOYS} deploys: {len(failed)} of {SOCKETS} sockets failed, {received} bytes of {DOWNLOAD} came")
    print(f"workers: {before} before, at most {peak}, at the end {len(edge.workers())}")
    assert failed == []
    assert received == DOWNLOAD
    # Workers that nobody needs any more go at once: there is one old set with the connections, and one that accepts.
    assert peak <= 3 * before
    for one in sockets:
        one.close()
    eventually(lambda: len(edge.workers()) == before)
    assert instance.paas("apps:destroy other --force").status == 0


def test_ten_apps_pushed_at_once_all_deploy(instance: Server, code: Path, stack: str, tmp_path: Path) -> None:
    names = [f"app{number}" for number in range(10)]
    results: dict[str, tuple[int, str]] = {}

    def push(name: str) -> None:
        done = instance.git_push(app(tmp_path / name, stack, name), name)
        results[name] = (done.status, done.err)

    threads = [threading.Thread(target=push, args=(name,)) for name in names]
    with Load(instance.http_port, "live.localhost", rate=20) as load:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert {name: status for name, (status, _) in results.items()} == dict.fromkeys(names, 0), results
    assert [instance.get(name).body for name in names] == [f"v1 {name}" for name in names]
    assert load.failures() == {}
