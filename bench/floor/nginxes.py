"""The platform's edge and a hand-written nginx with equally many live apps, and one change of an app in each."""

from __future__ import annotations

import itertools
import statistics
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from bench import waiting
from bench.floor.hand import HandNginx, free_port
from paas.core.edge.vhost import ProxyOptions, Vhost, VhostState
from paas.proxies.nginx.process import Nginx
from paas.proxies.nginx.proxy import NginxProxy


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # the name that the base class asks for
        body = str(self.connection.getsockname()[1]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *words: object) -> None:
        """Nothing is logged."""


class Pair:
    """Two apps answer with their port; one change switches the route ``changing`` from one to the other."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._apps = [ThreadingHTTPServer(("127.0.0.1", 0), _Answer) for _ in range(2)]
        for app in self._apps:
            Thread(target=app.serve_forever, daemon=True).start()
        self._ports = itertools.cycle([app.server_port for app in self._apps])
        self._hand = HandNginx(folder / "hand")
        (folder / "ours").mkdir()
        self._port = free_port()
        self._proxy = NginxProxy(Nginx(folder / "ours", "127.0.0.1", self._port))

    def _vhost(self, name: str, port: int) -> Vhost:
        options = ProxyOptions(
            client_max_body_size=1 << 20, proxy_buffering=True, proxy_connect_timeout=5, proxy_read_timeout=60,
            proxy_send_timeout=60,
        )  # fmt: skip
        return Vhost(name, name, (f"{name}.localhost",), (port,), VhostState.LIVE, options)

    def measure(self, count: int, repeat: int) -> tuple[float, float]:
        """The median seconds from the call until the changed route serves: ours, and ``nginx -t`` with a reload."""
        others = [f"app{number:03d}" for number in range(count - 1)]
        self._proxy.sync([self._vhost(name, 9) for name in [*others, "changing"]])
        for name in others:
            self._hand.write(name, "127.0.0.1:9", f"{name}.localhost")
        ours, floor = [], []
        for _ in range(repeat + 1):
            port = next(self._ports)
            began = time.perf_counter()
            self._proxy.publish(self._vhost("changing", port))
            ours.append(self._serves(self._port, port) - began)

            began = time.perf_counter()
            self._hand.write("changing", f"127.0.0.1:{port}", "changing.localhost")
            self._hand.reload()
            floor.append(self._serves(self._hand.port, port) - began)
        # The first of each is a warm-up.
        return statistics.median(ours[1:]), statistics.median(floor[1:])

    def _serves(self, edge: int, port: int) -> float:
        address = ("127.0.0.1", edge)
        return waiting.until(lambda: waiting.body(address, "changing.localhost") == str(port), "the changed route")

    def close(self) -> None:
        """Ends all four."""
        self._proxy.stop()
        self._hand.close()
        for app in self._apps:
            app.shutdown()
            app.server_close()
