"""Every property of the edge, set by the command that a person types: seen in an actual response, or, where a response
can't show it, in what nginx has loaded; and one value of each that is refused."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import crossplane
import pytest
from instance import Server
from test_service import app

from paas.core.properties import PROPERTIES, Effect, Scope, find
from paas.dispatch import features
from paas.schedulers.docker.api import Docker

features.load()

APP = """\
import http.server, json, os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/late":
            time.sleep(3)
        said = {name.lower(): value for name, value in self.headers.items()}
        body = json.dumps({**said, "padding": "x" * 2000}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        if self.path == "/long-header":
            self.send_header("X-Long", "y" * 4000)
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
"""
HOST, SECURE = "shop.localhost", "secure.localhost"


class Seen:
    """An answer, with its headers in lower case."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    def told(self, name: str) -> str:
        """What the app was told in that header."""
        return str(json.loads(self.body).get(name, ""))


class World:
    """The instance with the app shop, whose host `SECURE` has a certificate."""

    def __init__(self, instance: Server) -> None:
        self.instance = instance

    def get(
        self,
        path: str = "/",
        *,
        host: str = HOST,
        method: str = "GET",
        body: bytes = b"",
        sent: dict[str, str] | None = None,
    ) -> Seen:
        connection = http.client.HTTPConnection("127.0.0.1", self.instance.http_port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, path, body or None, {"Host": host, **(sent or {})})
            return Seen(connection.getresponse())

    def hsts(self) -> str:
        """The header at the host with a certificate."""
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        plain = socket.create_connection(("127.0.0.1", self.instance.https_port), timeout=60)
        with plain, trusting.wrap_socket(plain, server_hostname=SECURE) as client:
            client.sendall(f"GET / HTTP/1.1\r\nHost: {SECURE}\r\nConnection: close\r\n\r\n".encode())
            response = http.client.HTTPResponse(client)
            response.begin()
            return response.getheader("Strict-Transport-Security") or ""

    def loaded(self, name: str, *, whole: bool = False) -> list[str]:
        """The parameters of the directive in what is served for `HOST`, or with ``whole`` anywhere of the main file."""
        parsed = crossplane.parse(str(self.instance.root / "nginx" / "nginx.conf"), combine=True, check_ctx=False)
        assert parsed["errors"] == []
        blocks = [parsed["config"][0]["parsed"]]
        (http_block,) = [each["block"] for each in blocks[0] if each["directive"] == "http"]
        if not whole:
            blocks = [each["block"] for each in http_block if _serves(each)]
            blocks += [each["block"] for each in http_block if each["directive"] == "upstream"]
        return [" ".join(each["args"]) for block in blocks for each in _all(block) if each["directive"] == name]


def _serves(each: dict[str, Any]) -> bool:
    named = [inner["args"] for inner in each.get("block", ()) if inner["directive"] == "server_name"]
    return each["directive"] == "server" and any(HOST in names for names in named)


def _all(block: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for each in block:
        yield each
        yield from _all(each.get("block") or [])


@dataclass(frozen=True)
class Row:
    """``seen`` says whether the ``value`` counts now; ``before`` are properties without which it would mean nothing."""

    value: str
    seen: Callable[[World], bool]
    refused: str
    before: tuple[tuple[str, str], ...] = ()


def _busy(world: World) -> int:
    """The status of a request while another one is being sent."""
    upload = f"POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n"
    with socket.create_connection(("127.0.0.1", world.instance.http_port), timeout=60) as client:
        client.sendall(upload.encode())
        # Then nginx is at it.
        assert client.recv(1000).startswith(b"HTTP/1.1 100 Continue")
        return world.get().status


def _over_ipv6(world: World) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("::1", world.instance.http_port), timeout=60):
        return True
    return False


def _introduced(world: World) -> bool:
    """Whether a line of the PROXY protocol says whose connection it is."""
    request = f"PROXY TCP4 9.9.9.9 192.0.2.1 40000 80\r\nGET / HTTP/1.0\r\nHost: {HOST}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", world.instance.http_port), timeout=60) as client:
        client.sendall(request.encode())
        return b'"x-real-ip": "9.9.9.9"' in client.makefile("rb").read()


def _challenge(world: World) -> bool:
    return world.get("/.well-known/acme-challenge/token").body.startswith(b"token.")


def _loaded(name: str, value: str, **how: bool) -> Callable[[World], bool]:
    """For what no response shows, such as how long somebody may be silent."""
    return lambda world: value in world.loaded(name, **how)


EMAIL = ("letsencrypt email", "ops@example.org")
RATE = ("limit rate", "1r/m")
PROXIES = ("nginx trusted-proxies", "127.0.0.1")
ROWS = {
    "letsencrypt email": Row("ops@example.org", _challenge, "nobody"),
    "letsencrypt enabled": Row("false", lambda world: not _challenge(world), "perhaps", (EMAIL,)),
    "limit burst": Row("0", lambda world: 429 in {world.get().status for _ in range(3)}, "100001", (RATE,)),
    "limit connections": Row("1", lambda world: _busy(world) == 429, "65536"),
    "limit rate": Row("1r/m", lambda world: 429 in {world.get().status for _ in range(25)}, "1r/h"),
    "nginx access-log-path": Row("off", _loaded("access_log", "off"), "/etc/passwd"),
    "nginx bind-address-ipv6": Row("::1", _over_ipv6, "127.0.0.1"),
    "nginx brotli": Row(
        "true", lambda world: world.get(sent={"Accept-Encoding": "br"}).headers.get("content-encoding") == "br", "2"
    ),
    "nginx cache-for": Row(
        "7s", _loaded("proxy_cache_valid", "200 301 302 7s"), "0s", (("nginx cache-paths", "/img"),)
    ),
    "nginx cache-paths": Row("/img", lambda world: "x-cache" in world.get("/img/a").headers, "/img;"),
    "nginx client-body-timeout": Row("7s", _loaded("client_body_timeout", "7s"), "2d"),
    "nginx client-header-timeout": Row("7s", _loaded("client_header_timeout", "7s", whole=True), "0"),
    "nginx client-max-body-size": Row(
        "1k", lambda world: world.get(method="POST", body=b"x" * 2000).status == 413, "1x"
    ),
    "nginx gzip": Row(
        "false", lambda world: "content-encoding" not in world.get(sent={"Accept-Encoding": "gzip"}).headers, "maybe"
    ),
    "nginx hsts": Row("false", lambda world: not world.hsts(), "0.5"),
    "nginx hsts-include-subdomains": Row("true", lambda world: "includeSubDomains" in world.hsts(), "x"),
    "nginx hsts-max-age": Row("77", lambda world: world.hsts() == "max-age=77", "77s"),
    "nginx hsts-preload": Row("true", lambda world: "preload" in world.hsts(), "x"),
    "nginx https-redirect": Row("false", lambda world: world.get(host=SECURE).status == 200, "302"),
    "nginx keepalive-timeout": Row("0s", lambda world: world.get().headers["connection"] == "close", "2d"),
    "nginx large-client-header-buffers": Row(
        "4 2k", lambda world: world.get(sent={"X-Long": "x" * 3000}).status == 431, "4"
    ),
    "nginx lingering-timeout": Row("7s", _loaded("lingering_timeout", "7s"), "0s"),
    "nginx old-generations": Row(
        "3",
        lambda world: world.instance.paas("nginx:report --global --nginx-global-old-generations").out.strip() == "3",
        "0",
    ),
    "nginx proxy-buffer-size": Row("1k", lambda world: world.get("/long-header").status == 502, "1"),
    "nginx proxy-buffering": Row("false", _loaded("proxy_buffering", "off"), "sometimes"),
    "nginx proxy-buffers": Row("16 8k", _loaded("proxy_buffers", "16 8192"), "16"),
    "nginx proxy-busy-buffers-size": Row("48k", _loaded("proxy_busy_buffers_size", "49152"), "65m"),
    "nginx proxy-connect-timeout": Row("7s", _loaded("proxy_connect_timeout", "7s"), "76s"),
    "nginx proxy-keepalive": Row("7", _loaded("keepalive", "7"), "2000"),
    "nginx proxy-max-temp-file-size": Row("64k", _loaded("proxy_max_temp_file_size", "65536"), "1x"),
    "nginx proxy-read-timeout": Row("1s", lambda world: world.get("/late").status == 504, "1w"),
    "nginx proxy-request-buffering": Row("false", _loaded("proxy_request_buffering", "off"), "1k"),
    "nginx proxy-send-timeout": Row("7s", _loaded("proxy_send_timeout", "7s"), "0s"),
    "nginx security-headers": Row("true", lambda world: "x-frame-options" in world.get().headers, "DENY"),
    "nginx send-timeout": Row("7s", _loaded("send_timeout", "7s"), "seven"),
    "nginx trusted-proxies": Row(
        "127.0.0.1", lambda world: world.get(sent={"X-Forwarded-For": "9.9.9.9"}).told("x-real-ip") == "9.9.9.9",
        "0.0.0.0/0",
    ),
    "nginx trusted-proxies-headers": Row(
        "host", lambda world: world.get(sent={"X-Forwarded-Host": "b.example"}).told("x-forwarded-host") == "b.example",
        "for", (PROXIES,),
    ),
    "nginx trusted-proxies-protocol": Row("proxy-protocol", _introduced, "proxy", (PROXIES,)),
    "nginx underscore-in-headers": Row("true", lambda world: world.get(sent={"x_y": "z"}).told("x_y") == "z", "x_y"),
    "nginx worker-shutdown-timeout": Row("7m", _loaded("worker_shutdown_timeout", "420s", whole=True), "0s"),
    "nginx x-forwarded-for-value": Row(
        "$http_x_forwarded_for",
        lambda world: world.get(sent={"X-Forwarded-For": "9.9.9.9"}).told("x-forwarded-for") == "9.9.9.9", "$host",
    ),
    "nginx x-forwarded-port-value": Row("4711", lambda world: world.get().told("x-forwarded-port") == "4711", "99999"),
    "nginx x-forwarded-proto-value": Row("https", lambda world: world.get().told("x-forwarded-proto") == "https", "ws"),
    "nginx x-forwarded-ssl": Row("on", lambda world: world.get().told("x-forwarded-ssl") == "on", "true"),
}  # fmt: skip


def test_every_property_of_the_edge_is_looked_at() -> None:
    assert {row.name for row in PROPERTIES if row.effect is Effect.PROXY} == ROWS.keys()


@pytest.fixture(scope="module")
def instance(engine: Docker, open_folder: Path) -> Iterator[Server]:
    server = Server(open_folder)
    yield server
    server.close()


@pytest.fixture(scope="module")
def world(instance: Server, stack: str, tmp_path_factory: pytest.TempPathFactory) -> World:
    code = app(tmp_path_factory.mktemp("code") / "shop", stack)
    (code / "web.py").write_text(APP)
    pushed = instance.git_push(code, "shop")
    assert pushed.status == 0, pushed.err
    assert instance.paas(f"domains:add shop {SECURE}").status == 0
    made = instance.paas(f"certs:generate shop {SECURE}")
    assert made.status == 0, made.err
    return World(instance)


def _set(world: World, name: str, value: str) -> str:
    """Sets it for the app, or for the server where it is the server's alone; what was said if it was refused."""
    namespace, key = name.split()
    where = "--global" if find(namespace, key).scope is Scope.GLOBAL else "shop"
    done = world.instance.paas(f"{namespace}:set {where} {key} '{value}'")
    return done.err if done.status else ""


@pytest.mark.real
@pytest.mark.parametrize("name", ROWS)
def test_a_property_counts_at_once_and_a_wrong_value_is_refused(world: World, name: str) -> None:
    row = ROWS[name]
    try:
        for other, value in row.before:
            assert _set(world, other, value) == ""
        assert name.split()[1] in _set(world, name, row.refused)
        assert not row.seen(world)
        assert _set(world, name, row.value) == ""
        assert row.seen(world)
    finally:
        for other, _ in (*row.before, (name, "")):
            assert _set(world, other, "") == ""
