"""Proxies in front of a real nginx: what the trusted ones say counts, for every kind of host, and nothing else."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import ports
import pytest
from nginx_tools import Answer, App, running, wait_for

from fakes.pki import Made
from paas.core.edge.address import local
from paas.core.edge.redirects import Redirect
from paas.core.edge.rules import AccessRule, Cache, Edge, Maintenance, RateLimits
from paas.core.edge.server_options import ServerOptions
from paas.core.edge.tls import Credential, Tls
from paas.core.edge.trusted_proxies import PROXY, TrustedProxies
from paas.core.edge.vhost import Vhost, VhostState
from paas.core.logs import requests
from paas.core.secret import Secret
from paas.proxies.nginx.process import Nginx
from paas.proxies.nginx.proxy import NginxProxy

pytestmark = pytest.mark.real("nginx")

PROXY_ADDRESS, STRANGER = "127.0.0.7", "127.0.0.1"
VISITOR, OTHER = "203.0.113.9", "203.0.113.10"
NOW = time.time()
ROOT = Made.root(NOW)
TRUST = ssl.create_default_context(cadata=ROOT.crt)
LEAF = ROOT.leaf(NOW, "secure.example")
SECURED = Tls((Credential(LEAF.crt, Secret(LEAF.key), ("secure.example",)),), hsts="max-age=60", thumbprint="print")
TRUSTED = TrustedProxies(("127.0.0.7",))


class Front:
    """A real nginx with its ports, and clients with an address of their own in front of it."""

    def __init__(self, root: Path) -> None:
        self.plain, self.tls = ports.free(2)
        self.nginx = Nginx(root / "nginx", "127.0.0.1", self.plain, https_port=self.tls)
        self.proxy = NginxProxy(self.nginx)

    def serve(self, *vhosts: Vhost, trusted: TrustedProxies | None = TRUSTED) -> None:
        self.proxy.sync(vhosts, ServerOptions(trusted=trusted))

    def get(
        self,
        name: str,
        path: str = "/",
        *,
        come: str = PROXY_ADDRESS,
        tls: bool = False,
        line: str = "",
        method: str = "GET",
        **said: str,
    ) -> Answer:
        """Asks from the address ``come``, after the ``line`` of the PROXY protocol; ``said`` are X-Forwarded-…"""
        connection = http.client.HTTPConnection(name, timeout=10)
        with contextlib.closing(connection):
            plain = socket.create_connection(
                ("127.0.0.1", self.tls if tls else self.plain), timeout=10, source_address=(come, 0)
            )
            plain.sendall(line.encode())
            connection.sock = TRUST.wrap_socket(plain, server_hostname=name) if tls else plain
            headers = {f"X-Forwarded-{what.title()}": value for what, value in said.items()}
            connection.request(method, path, headers={"Host": name, **headers})
            return Answer(connection.getresponse())

    def log(self) -> list[dict[str, object]]:
        lines = self.proxy.logs().access.read_text().splitlines()
        return [dict(zip(requests.FIELDS, json.loads(one), strict=True)) for one in lines]


@pytest.fixture(scope="module")
def front(open_folder: Path) -> Iterator[Front]:
    with running(Front(open_folder)) as made:
        yield made


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with App() as app:
        yield app


def _vhost(app: App, edge: Edge | None = None, **more: object) -> Vhost:
    return replace(Vhost("shop", "1", ("a.example",), local(app.port), edge=edge or Edge()), **more)  # type: ignore[arg-type]


def _told(answer: Answer) -> dict[str, str]:
    headers: dict[str, str] = answer.json()["headers"]
    return {name: value for name, value in headers.items() if name.startswith(("x-forwarded", "x-real"))}


def test_the_visitor_is_whom_a_trusted_proxy_says_and_nobody_else(front: Front, app: App) -> None:
    front.serve(_vhost(app))
    spoofed = {"for": f"6.6.6.6, {VISITOR}", "proto": "https", "host": "evil.example", "port": "1"}
    told = _told(front.get("a.example", **spoofed))
    assert (told["x-real-ip"], told["x-forwarded-for"]) == (VISITOR, VISITOR)
    assert (told["x-forwarded-proto"], told["x-forwarded-port"], told["x-forwarded-host"]) == (
        "https", "443", "a.example"
    )  # fmt: skip

    told = _told(front.get("a.example", come=STRANGER, **spoofed))
    assert (told["x-real-ip"], told["x-forwarded-for"]) == (STRANGER, STRANGER)
    assert (told["x-forwarded-proto"], told["x-forwarded-port"], told["x-forwarded-host"]) == (
        "http", str(front.plain), "a.example"
    )  # fmt: skip
    wait_for(lambda: {VISITOR, STRANGER} <= {line["client"] for line in front.log()}, "the log")

    # Without any in front, nobody is believed.
    front.serve(_vhost(app), trusted=None)
    assert _told(front.get("a.example", **spoofed))["x-real-ip"] == PROXY_ADDRESS


def test_headers_that_proxies_set_themselves_are_believed_where_they_are_named(front: Front, app: App) -> None:
    front.serve(_vhost(app), trusted=replace(TRUSTED, headers=frozenset({"host", "port"})))
    said = {"proto": "https", "host": "www.example:444", "port": "444"}
    told = _told(front.get("a.example", **said))
    assert (told["x-forwarded-proto"], told["x-forwarded-host"], told["x-forwarded-port"]) == (
        "http", "www.example:444", "444"
    )  # fmt: skip
    told = _told(front.get("a.example", host="a b;", port="x", proto="ws"))
    assert (told["x-forwarded-host"], told["x-forwarded-port"]) == ("a.example", "80")
    told = _told(front.get("a.example", come=STRANGER, **said))
    assert (told["x-forwarded-host"], told["x-forwarded-port"]) == ("a.example", str(front.plain))


def test_access_rules_are_for_visitors(front: Front, app: App) -> None:
    front.serve(_vhost(app, Edge(rules=(AccessRule("203.0.113.0/24", allow=True),))))
    assert front.get("a.example", **{"for": VISITOR}).status == 200
    assert front.get("a.example", **{"for": "198.51.100.1"}).status == 403
    assert front.get("a.example", come=STRANGER, **{"for": VISITOR}).status == 403


def test_limits_and_maintenance_are_for_visitors(front: Front, app: App) -> None:
    front.serve(_vhost(app, Edge(limits=RateLimits(per_minute=1, burst=0))))
    answers = [front.get("a.example", **{"for": who}).status for who in (VISITOR, VISITOR, OTHER)]
    assert answers == [200, 429, 200]

    front.serve(_vhost(app, Edge(maintenance=Maintenance(allow=(VISITOR,)))))
    assert front.get("a.example", **{"for": VISITOR}).status == 200
    assert front.get("a.example", **{"for": OTHER}).status == 503
    assert front.get("a.example", come=STRANGER, **{"for": VISITOR}).status == 503


def test_https_may_end_at_the_proxy(front: Front, app: App) -> None:
    front.serve(_vhost(app, hosts=("secure.example",), tls=SECURED))
    came = front.get("secure.example", proto="https")
    assert (came.status, came.headers["Strict-Transport-Security"]) == (200, "max-age=60")
    assert _told(came)["x-forwarded-proto"] == "https"

    sent = front.get("secure.example", "/x?y", proto="http")
    assert (sent.status, sent.headers["Location"]) == (301, "https://secure.example/x?y")
    assert front.get("secure.example", method="POST", proto="http").status == 308
    # TLS up to the proxy and from the proxy on, for a visitor who came without.
    assert front.get("secure.example", tls=True, proto="http").headers["Location"] == "https://secure.example/"
    assert front.get("secure.example", tls=True, proto="https").status == 200
    assert front.get("secure.example", tls=True).status == 200

    spoofed = front.get("secure.example", "/x", come=STRANGER, proto="https")
    assert (spoofed.status, spoofed.headers["Location"]) == (301, f"https://secure.example:{front.tls}/x")
    token = front.get("secure.example", "/.well-known/acme-challenge/abc", come=STRANGER)
    assert (token.status, token.text) == (200, "abc.print")

    # An app that does not run is not sent in a circle, either.
    front.serve(_vhost(app, hosts=("secure.example",), tls=SECURED, state=VhostState.STOPPED))
    assert front.get("secure.example", proto="https").status == 503
    assert front.get("secure.example", proto="http").status == 301

    # What is kept for one scheme is not shown for the other.
    front.serve(_vhost(app, Edge(cache=Cache(("/img",)))))
    assert front.get("a.example", "/img/a", proto="https").headers["X-Cache"] == "MISS"
    assert front.get("a.example", "/img/a", proto="http").headers["X-Cache"] == "MISS"


def test_redirects_of_hosts_keep_the_scheme_of_the_visitor(front: Front, app: App) -> None:
    redirects = (Redirect("www.a.example", "a.example"), Redirect("www.secure.example", "secure.example"))
    front.serve(_vhost(app, hosts=("a.example", "secure.example"), redirects=redirects, tls=SECURED))
    assert front.get("www.a.example", "/x", proto="https").headers["Location"] == "https://a.example/x"
    assert front.get("www.a.example", "/x").headers["Location"] == "http://a.example/x"
    assert front.get("www.secure.example").headers["Location"] == "https://secure.example/"
    strange = front.get("www.a.example", come=STRANGER, proto="https").headers["Location"]
    assert strange == f"http://a.example:{front.plain}/"
    strange = front.get("www.secure.example", come=STRANGER).headers["Location"]
    assert strange == f"https://secure.example:{front.tls}/"


@pytest.mark.parametrize("tls", [False, True])
def test_the_proxy_protocol(front: Front, app: App, tls: bool) -> None:
    edge = Edge(rules=(AccessRule("203.0.113.0/24", allow=True), AccessRule(STRANGER, allow=True)))
    vhost = _vhost(app, edge, hosts=("secure.example",), tls=replace(SECURED, redirect=False))
    front.serve(vhost, trusted=replace(TRUSTED, protocol=PROXY))
    line = f"PROXY TCP4 {VISITOR} 192.0.2.1 40000 443\r\n"
    spoofed = {"for": "6.6.6.6", "proto": "ws" if tls else "https"}
    told = _told(front.get("secure.example", tls=tls, line=line, **spoofed))
    assert (told["x-real-ip"], told["x-forwarded-for"], told["x-forwarded-port"]) == (VISITOR, VISITOR, "443")
    assert told["x-forwarded-proto"] == ("https" if tls else "http"), "a visitor wrote that header"
    assert front.get("secure.example", tls=tls, line=line.replace(VISITOR, "198.51.100.1")).status == 403

    # Anybody can write such a line; whose word does not count is who came.
    told = _told(front.get("secure.example", tls=tls, line=line, come=STRANGER))
    assert told["x-real-ip"] == STRANGER
    with pytest.raises((http.client.HTTPException, OSError)):
        front.get("secure.example", tls=tls)

    front.serve(vhost, trusted=None)
    assert front.get("secure.example", tls=tls, come=STRANGER).status == 200


def test_for_a_server_that_only_its_proxies_reach_the_last_word_counts(front: Front, app: App) -> None:
    front.serve(_vhost(app), trusted=TrustedProxies(("all",)))
    assert _told(front.get("a.example", **{"for": f"6.6.6.6, {VISITOR}"}))["x-real-ip"] == VISITOR


@dataclass(frozen=True)
class Dashboard:
    """What stands for the dashboard: it tells what it was told."""

    path: str

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                head = http.client.parse_headers(self.rfile) if self.rfile.readline() else {}
                body = json.dumps({"headers": {name.lower(): value for name, value in dict(head).items()}}).encode()
                self.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
                self.wfile.write(body)

        with socketserver.ThreadingUnixStreamServer(self.path, Handler) as server:
            Path(self.path).chmod(0o666)
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
            yield
            server.shutdown()


def test_the_dashboard_knows_how_its_visitors_came(front: Front, open_folder: Path) -> None:
    path = str(open_folder / "web.sock")
    with Dashboard(path).running():
        front.serve(Vhost("paas_dashboard", "dashboard", ("paas.example",), socket=path))
        told = _told(front.get("paas.example", **{"for": VISITOR, "proto": "https"}))
        assert (told["x-real-ip"], told["x-forwarded-proto"]) == (VISITOR, "https")
        told = _told(front.get("paas.example", come=STRANGER, **{"for": "127.0.0.2", "proto": "https"}))
        assert (told["x-real-ip"], told["x-forwarded-proto"]) == (STRANGER, "http")
