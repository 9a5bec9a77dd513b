"""What connections cost that outlive changes of the edge: ``python -m bench.edge_generations [SOCKETS [CHANGES]]``.

A private nginx on loopback, no containers. WebSockets of one app stay open while another app changes: all of them
opened before, so that one generation of workers waits, or some after each change, so that each generation has some.
"""

from __future__ import annotations

import http.server
import shutil
import socket
import socketserver
import sys
import tempfile
import threading
import time
from pathlib import Path

from bench.nginx_growth import _free_port, _resident
from paas.core.edge.rules import Edge
from paas.core.edge.server_options import ServerOptions
from paas.core.edge.vhost import Vhost
from paas.proxies.nginx.process import Nginx
from paas.proxies.nginx.proxy import NginxProxy

UPGRADE = b"GET / HTTP/1.1\r\nHost: sockets.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


class _App(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Upgrades the connection, and sends back what comes."""
        self.send_response_only(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.end_headers()
        self.close_connection = True
        while piece := self.connection.recv(4096):
            self.connection.sendall(piece)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 1024


def measure(sockets: int, changes: int, *, each: bool) -> dict[str, float]:
    """The figures; ``each``: as many sockets are opened after each change."""
    root = Path(tempfile.mkdtemp(prefix="paas-bench-"))
    nginx = Nginx(root / "nginx", "127.0.0.1", _free_port())
    proxy = NginxProxy(nginx)
    app = _Server(("127.0.0.1", 0), _App)
    threading.Thread(target=app.serve_forever, daemon=True).start()
    held: list[socket.socket] = []
    try:
        proxy.sync([Vhost("sockets", "1", ("sockets.example",), (app.server_port,))], ServerOptions(generations=1000))
        _change(proxy, 0)
        before = _processes(nginx), _memory(nginx)
        held += _opened(nginx, 0 if each else sockets)
        full = _memory(nginx)
        began = time.perf_counter()
        for number in range(1, changes + 1):
            _change(proxy, number)
            held += _opened(nginx, sockets // changes if each else 0)
        took = (time.perf_counter() - began) / changes
        alive = sum(map(_alive, held))
        waiting = proxy.waiting()
        during = _processes(nginx), _memory(nginx)
        for one in held:
            one.close()
        while proxy.draining().old_workers:
            time.sleep(0.05)
        return {
            "sockets": len(held), "changes": changes, "alive": alive, "ms each": took * 1000,
            "processes before": before[0], "during": during[0], "after": _processes(nginx),
            "old workers": waiting.workers, "MB idle": before[1], "MB full": full, "MB during": during[1],
            "MB after": _memory(nginx),
        }  # fmt: skip
    finally:
        nginx.stop(0.5)
        app.shutdown()
        shutil.rmtree(root)


def _change(proxy: NginxProxy, number: int) -> None:
    other = Vhost("other", "2", ("other.example",), (20_000 + number % 2,), edge=Edge(keepalive=1 + number % 2))
    proxy.publish(other)


def _opened(nginx: Nginx, count: int) -> list[socket.socket]:
    host, _, port = nginx.address.rpartition(":")
    found = [socket.create_connection((host, int(port)), timeout=10) for _ in range(count)]
    for one in found:
        one.sendall(UPGRADE)
        if not one.recv(4096).startswith(b"HTTP/1.1 101"):
            raise RuntimeError("the WebSocket was not opened")
    return found


def _alive(one: socket.socket) -> bool:
    try:
        one.sendall(b"ping")
        return one.recv(4) == b"ping"
    except OSError:
        return False


def _processes(nginx: Nginx) -> int:
    return 1 + len(nginx.workers())


def _memory(nginx: Nginx) -> float:
    return sum(_resident(pid) for pid in [nginx.master() or 0, *nginx.workers()])


def main(words: list[str]) -> None:
    """Prints a table."""
    sockets, changes = (int(word) for word in [*words, "500", "100"][:2]) if len(words) != 1 else (int(words[0]), 100)
    for each in (False, True):
        print("opened after each change" if each else "all opened before")
        for name, value in measure(sockets, changes, each=each).items():
            print(f"  {name:>17}: {value:,.1f}")


if __name__ == "__main__":
    main(sys.argv[1:])
