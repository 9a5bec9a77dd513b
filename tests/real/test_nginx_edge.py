"""Each property of the edge as a client meets it, with a real nginx in front of a small app."""

from __future__ import annotations

import base64
import contextlib
import gzip
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import ports
import pytest
from nginx_tools import Answer, App, Edge, edge_at, wait_for

from paas.core.edge import rules as core
from paas.core.edge.address import local
from paas.core.edge.proxy_options import ProxyOptions
from paas.core.edge.rules import (
    AccessRule,
    Cache,
    Files,
    Forwarded,
    Header,
    Maintenance,
    RateLimits,
    Route,
    Snippet,
    Stream,
    User,
)
from paas.core.edge.server_options import ServerOptions
from paas.core.edge.tls import Tls
from paas.core.edge.vhost import Vhost, VhostState
from paas.core.errors import InvalidValue, ProxyError
from paas.core.secret import Secret
from paas.edge.password import hashed

pytestmark = pytest.mark.real

LOCAL, ELSEWHERE = "127.0.0.1", "192.0.2.7"


@pytest.fixture(scope="module")
def shared_edge(open_folder: Path) -> Iterator[Edge]:
    with edge_at(open_folder) as edge:
        yield edge


@pytest.fixture
def edge(shared_edge: Edge) -> Iterator[Edge]:
    yield shared_edge
    shared_edge.proxy.sync([], ServerOptions())


@pytest.fixture
def app() -> Iterator[App]:
    with App() as app:
        yield app


def publish(edge: Edge, app: App, options: ProxyOptions | None = None, *, key: str = "1", **parts: Any) -> None:
    host = "a.example" if key == "1" else f"{key}.example"
    vhost = Vhost(f"app-{key}", key, (host,), local(app.port), VhostState.LIVE, options or ProxyOptions())
    edge.proxy.publish(Vhost(**{**vars(vhost), "edge": core.Edge(**parts)}))


def has_title(answer: Answer, title: str) -> bool:
    return f"<title>{title}</title>" in answer.text and answer.headers["X-Request-Id"] in answer.text


def test_a_password_is_asked_for_and_hidden_from_the_app(edge: Edge, app: App) -> None:
    publish(edge, app, users=(User("ada", Secret(hashed(Secret("open: sesame")))),))

    asked = edge.get()
    assert asked.status == 401
    assert asked.headers["WWW-Authenticate"] == 'Basic realm="app-1"'
    assert has_title(asked, "A password is needed")
    for word, status in (("ada:wrong", 401), ("bob:open: sesame", 401), ("ada:open: sesame", 200)):
        basic = f"Basic {base64.b64encode(word.encode()).decode()}"
        answer = edge.get(headers={"Authorization": basic})
        assert answer.status == status
    assert "authorization" not in answer.json()["headers"]
    assert answer.json()["headers"]["host"] == "a.example"

    users = edge.nginx.prefix / "apps" / "1.users"
    assert users.stat().st_mode & 0o007 == 0
    publish(edge, app)
    assert not users.exists()
    assert edge.get(headers={"Authorization": "Bearer x"}).json()["headers"]["authorization"] == "Bearer x"


@pytest.mark.parametrize(
    ("rules", "status"),
    [
        ((AccessRule(LOCAL, False),), 403),
        ((AccessRule(ELSEWHERE, True),), 403),
        ((AccessRule(ELSEWHERE, False),), 200),
        ((AccessRule("127.0.0.0/8", True),), 200),
        ((AccessRule(LOCAL, False), AccessRule("127.0.0.0/8", True)), 403),
    ],
)
def test_networks_are_let_in_or_kept_out(edge: Edge, app: App, rules: tuple[AccessRule, ...], status: int) -> None:
    publish(edge, app, rules=rules)
    answer = edge.get()

    assert answer.status == status
    assert status == 200 or has_title(answer, "Access denied")


def test_maintenance_is_shown_to_all_but_those_who_work_on_it(edge: Edge, app: App) -> None:
    message = "Back at 5 o'clock; <b>$app</b> {}\\ äöü \u4f60"
    publish(edge, app, maintenance=Maintenance(message))
    answer = edge.get(method="POST", body=b"x")

    assert answer.status == 503
    assert answer.headers["Retry-After"] == "120"
    assert "Back at 5 o&#x27;clock; &lt;b&gt;&#36;app&lt;/b&gt; {}&#92; äöü \u4f60" in answer.text
    assert app.hits == []

    def coded() -> list[dict[str, str]]:
        return [line for line in edge.log() if line["code"]]

    wait_for(coded, "the access log")
    assert [(line["code"], line["app"], line["app_id"]) for line in coded()] == [("H80", "app-1", "1")]

    publish(edge, app, maintenance=Maintenance("", ("127.0.0.0/8",)), keepalive=0)
    assert edge.get().status == 200
    assert edge.get("/status/503").text == "the app's own words"
    app.stop()
    assert has_title(edge.get(), "The app is not answering")


def test_maintenance_holds_for_an_app_that_does_not_run(edge: Edge) -> None:
    part = core.Edge(maintenance=Maintenance("Soon"))
    edge.proxy.publish(Vhost("app-1", "1", ("a.example",), (), VhostState.STOPPED, edge=part))

    assert has_title(edge.get(), "Soon")


def test_too_many_requests_of_one_address_get_a_429_page(edge: Edge, app: App) -> None:
    publish(edge, app, limits=RateLimits(per_minute=1, burst=2))
    answers = [edge.get() for _ in range(5)]

    assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
    assert has_title(answers[-1], "Too many requests")
    publish(edge, app, limits=RateLimits(per_minute=60_000, burst=0))
    assert edge.get().status == 200


def test_too_many_connections_of_one_address_get_a_429_page(edge: Edge, app: App) -> None:
    publish(edge, app, limits=RateLimits(connections=1))
    waiting = threading.Thread(target=lambda: edge.get("/wait"))
    waiting.start()
    assert app.first_piece.wait(10)

    assert edge.get().status == 429
    app.go.set()
    waiting.join()
    wait_for(lambda: edge.get().status == 200, "the end of the first request")


def test_headers_take_the_place_of_the_apps_own(edge: Edge, app: App) -> None:
    value = "a \"b\"; c='d' {$app} ${uri} \\ %20"
    publish(edge, app, headers=(Header("X-Own", value), Header("X-Frame-Options", "DENY"), Header("Set-Cookie", "a=1")))

    for path, status in (("/", 200), ("/status/404", 404), ("/cookies", 200)):
        answer = edge.get(path)
        assert answer.status == status
        assert answer.headers["X-Own"] == value
        assert answer.headers.get_all("Set-Cookie") == ["a=1"]
        assert len(answer.headers.get_all("X-Request-Id") or []) == 1


def test_what_is_said_of_the_client_can_come_from_a_proxy_in_front(edge: Edge, app: App) -> None:
    publish(
        edge,
        app,
        forwarded=Forwarded("$proxy_add_x_forwarded_for", "443", "$http_x_forwarded_proto", "on"),
    )
    passed = edge.get(headers={"X-Forwarded-For": ELSEWHERE, "X-Forwarded-Proto": "https"}).json()["headers"]

    assert passed["x-forwarded-for"] == f"{ELSEWHERE}, {LOCAL}"
    assert (passed["x-forwarded-port"], passed["x-forwarded-proto"]) == ("443", "https")
    assert passed["x-forwarded-ssl"] == "on"
    assert passed["x-forwarded-host"] == "a.example"


@pytest.mark.parametrize("encoding", ["gzip", "br"])
def test_text_is_compressed_for_those_who_take_it(edge: Edge, app: App, encoding: str) -> None:
    if encoding == "br" and not edge.proxy.has("brotli"):
        pytest.skip("this nginx has no brotli")
    publish(edge, app, ProxyOptions(gzip=encoding == "gzip", brotli=encoding == "br"))
    padding = {"X-Padding": "x" * 4000}

    answer = edge.get("/html", headers={"Accept-Encoding": encoding, **padding})
    assert answer.headers["Content-Encoding"] == encoding
    assert answer.headers["Vary"] == "Accept-Encoding"
    if encoding == "gzip":
        assert b"x" * 4000 in gzip.decompress(answer.body)
    assert edge.get("/html", headers=padding).headers["Content-Encoding"] is None
    publish(edge, app, ProxyOptions(gzip=False))
    assert edge.get("/html", headers={"Accept-Encoding": encoding, **padding}).headers["Content-Encoding"] is None


@pytest.mark.parametrize("strip", [False, True])
def test_a_prefix_goes_to_other_ports_with_or_without_itself(edge: Edge, app: App, strip: bool) -> None:
    other = App("other")
    publish(edge, app, routes=(Route("/api", local(other.port), strip),))

    for path in ("/api", "/api/", "/api/a?b=c", "/apis", "/"):
        edge.get(path, headers={"X-Forwarded-Prefix": "/evil"})
    inside = ["GET /", "GET /", "GET /a?b=c"] if strip else ["GET /api", "GET /api/", "GET /api/a?b=c"]
    assert other.hits == inside
    assert app.hits == ["GET /apis", "GET /"]
    headers = edge.get("/api/x").json()["headers"]
    assert headers.get("x-forwarded-prefix") == ("/api" if strip else None)
    assert headers["host"] == "a.example"

    publish(edge, app, routes=(Route("/api", (), strip),))
    assert edge.get("/api/x").status == 503
    other.stop()


def test_what_is_below_a_cached_path_is_asked_for_once_in_a_release(edge: Edge, app: App) -> None:
    for version in (1, 2):
        publish(edge, app, cache=Cache(("/assets", "/icon.png"), 60, version))
        answers = [edge.get("/assets/a.css?v=1") for _ in range(3)]
        states = [(answer.status, answer.headers["X-Cache"]) for answer in answers]
        assert states == [(200, "MISS"), (200, "HIT"), (200, "HIT")]
    edge.get("/icon.png")
    edge.get("/icon.png")
    edge.get("/other")
    edge.get("/other")

    assert app.hits == ["GET /assets/a.css?v=1"] * 2 + ["GET /icon.png"] + ["GET /other"] * 2
    assert [edge.get("/assets/x", method="POST").status for _ in range(2)] == [200, 200]
    assert app.hits[-2:] == ["POST /assets/x"] * 2


def test_an_answer_to_somebody_with_a_password_is_for_nobody_else(edge: Edge, app: App) -> None:
    publish(edge, app, cache=Cache(("/assets",), 60))
    secret = {"Authorization": "Bearer abc"}
    asked = [edge.get("/assets/me", headers=secret), edge.get("/assets/me"), edge.get("/assets/me", headers=secret)]
    assert [answer.headers["X-Cache"] for answer in asked] == ["BYPASS", "MISS", "BYPASS"]
    assert ["authorization" in answer.json()["headers"] for answer in asked] == [True, False, True]

    # The edge's own passwords don't reach the app, which says the same to everybody then.
    publish(edge, app, cache=Cache(("/assets",), 60, 2), users=(User("ada", Secret(hashed(Secret("x")))),))
    ada = {"Authorization": "Basic " + base64.b64encode(b"ada:x").decode()}
    assert [edge.get("/assets/me", headers=ada).headers["X-Cache"] for _ in range(2)] == ["MISS", "HIT"]


@pytest.mark.parametrize("taken", [{"routes": 1}, {"cache": 1}, {"files": 1}])
def test_no_prefix_of_an_app_hides_the_challenges(edge: Edge, app: App, taken: dict[str, int], folder: Path) -> None:
    parts: dict[str, Any] = {
        "routes": (Route("/.well-known", local(app.port)),),
        "cache": Cache(("/.well-known",)),
        "files": Files(str(folder), ("/.well-known",)),
    }
    vhost = Vhost("app-1", "1", ("a.example",), local(app.port), tls=Tls(thumbprint="print"))
    edge.proxy.publish(replace(vhost, edge=core.Edge(**{name: parts[name] for name in taken})))
    answer = edge.get("/.well-known/acme-challenge/some-token")
    assert (answer.status, answer.text) == (200, "some-token.print")
    assert edge.get("/.well-known/acme-challenge/so/me").status == 404
    assert app.hits == []
    assert edge.get("/.well-known/other").json()["path"] == "/.well-known/other"


@pytest.fixture(scope="module")
def folder(open_folder: Path) -> Path:
    files = open_folder / "files"
    for name, text in {
        "assets/app.js": "let a",
        "index.html": "<p>home",
        "docs/index.html": "<p>docs",
        ".errors/502.html": "<p>our own words",
    }.items():
        (files / name).parent.mkdir(parents=True, exist_ok=True)
        (files / name).write_text(text)
    return files


def test_static_folders_are_served_by_the_edge_and_the_rest_by_the_app(edge: Edge, app: App, folder: Path) -> None:
    publish(edge, app, files=Files(str(folder), ("/assets",)))

    answer = edge.get("/assets/app.js")
    assert (answer.text, answer.headers["Content-Type"]) == ("let a", "text/javascript")
    assert edge.get("/assets/app.js", headers={"If-None-Match": answer.headers["ETag"]}).status == 304
    assert app.hits == []
    for path in ("/assets/none.js", "/assets/", "/index.html", "/assets/..%2f.errors/502.html", "/.errors/502.html"):
        assert edge.get(path).json()["path"] == path


def test_a_whole_site_can_be_static_behind_its_guards(edge: Edge, app: App, folder: Path) -> None:
    publish(edge, app, files=Files(str(folder), ("/",)), headers=(Header("X-Own", "1"),))
    assert [edge.get(path).text for path in ("/", "/docs/", "/assets/app.js")] == ["<p>home", "<p>docs", "let a"]
    assert edge.get("/").headers["X-Own"] == "1"
    assert edge.get("/none").json()["path"] == "/none"

    publish(edge, app, files=Files(str(folder), ("/", "/assets")), rules=(AccessRule(LOCAL, False),))
    assert [edge.get(path).status for path in ("/", "/assets/app.js", "/none")] == [403, 403, 403]


def test_an_apps_own_error_pages(edge: Edge, app: App, folder: Path) -> None:
    publish(edge, app, files=Files(str(folder), (), (502,)), limits=RateLimits(per_minute=2, burst=1))
    app.stop()
    for method in ("GET", "POST"):
        answer = edge.get("/x", method=method)
        assert (answer.status, answer.text) == (502, "<p>our own words")
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-store"
    assert has_title(edge.get(), "Too many requests")
    assert edge.get("/.edge-errors/502.html", host="other.example").status == 404


def test_a_snippet_counts_and_a_wrong_one_is_named_with_app_file_and_line(edge: Edge, app: App) -> None:
    publish(edge, app, key="2")
    teapot = 'location = /tea {\n    return 418 "{{ app }} on {{ ports[0] }}";\n}'
    publish(edge, app, snippets=(Snippet("teapot", teapot),))
    assert edge.get("/tea").text == f"app-1 on {app.port}"
    before = (edge.nginx.prefix / "apps" / "1.conf").read_bytes()
    generation = edge.nginx.generation()

    with pytest.raises(ProxyError) as refused:
        publish(edge, app, snippets=(Snippet("bad", "# a comment\nproxy_pas http://x;"),))
    assert "of app-1" in refused.value.what
    assert "apps/1.bad.snippet:2: proxy_pas http://x;" in refused.value.why
    with pytest.raises(InvalidValue, match="app-1") as wrong:
        publish(edge, app, snippets=(Snippet("bad", "\n\n{{ nothing }}"),))
    assert "bad.conf.j2:3" in wrong.value.why
    for text in ("} server { listen 1;", "upstream app-2 { server 127.0.0.1:1; }"):
        with pytest.raises(ProxyError, match="of app-1"):
            publish(edge, app, snippets=(Snippet("bad", text),))

    assert (edge.nginx.prefix / "apps" / "1.conf").read_bytes() == before
    assert edge.nginx.generation() == generation
    assert not list((edge.nginx.prefix / "apps").glob("*bad*"))
    assert (edge.get("/tea").status, edge.get(host="2.example").status) == (418, 200)


def test_what_nginx_finds_only_after_the_last_file_is_blamed_on_the_right_app(edge: Edge, app: App) -> None:
    late = (Snippet("late", "proxy_busy_buffers_size 16m;"),)
    fine = Vhost("app-2", "2", ("2.example",), local(app.port))
    with pytest.raises(ProxyError, match="of app-1") as refused:
        edge.proxy.sync([Vhost("app-1", "1", ("a.example",), local(app.port), edge=core.Edge(snippets=late)), fine])

    assert "proxy_busy_buffers_size" in refused.value.why
    assert (edge.get(host="2.example").status, edge.get().status) == (200, 404)


@pytest.mark.parametrize(("buffer", "buffers", "busy"), [(1, (2, 4), 4), (16, (8, 16), 16), (8, (3, 4), 8)])
def test_buffers_of_any_size_that_fit_each_other_are_taken(
    edge: Edge, app: App, buffer: int, buffers: tuple[int, int], busy: int
) -> None:
    count, each = buffers
    sizes = {"proxy_buffer_size": buffer * 1024, "proxy_busy_buffers_size": busy * 1024}
    publish(edge, app, ProxyOptions(proxy_buffers=(count, each * 1024), **sizes))
    assert edge.get().status == 200


def test_times_and_sizes_of_one_app_count(edge: Edge, app: App) -> None:
    publish(edge, app, ProxyOptions(client_body_timeout=1, keepalive_timeout=0, proxy_buffer_size=1024))

    assert edge.get("/cookies").status == 502
    assert edge.get().headers["Connection"] == "close"
    upload = "POST / HTTP/1.1\nHost: a.example\nContent-Length: 10\n\nx"
    with edge.raw(upload) as client, pytest.raises(ConnectionResetError):
        client.recv(1)


def test_idle_connections_to_the_app_are_kept_unless_it_says_none(edge: Edge, app: App) -> None:
    # After a second of rest, which a busy machine may take, nginx ends a kept one.
    for keepalive, fewest, most in ((64, 1, 5), (0, 20, 20)):
        app.connections = 0
        publish(edge, app, keepalive=keepalive)
        with contextlib.closing(edge.connect()) as client:
            for _ in range(20):
                client.request("GET", "/name", headers={"Host": "a.example"})
                client.getresponse().read()
        assert fewest <= app.connections <= most


def test_an_app_without_an_access_log_leaves_no_line(edge: Edge, app: App) -> None:
    publish(edge, app, access_log=False)
    publish(edge, app, key="2")
    edge.get("/unseen")
    edge.get("/seen", host="2.example")

    wait_for(lambda: any(line["path"] == "/seen" for line in edge.log()), "the access log")
    assert not any(line["path"] == "/unseen" for line in edge.log())


def test_what_holds_for_the_server_is_seen_by_all_apps(edge: Edge, app: App) -> None:
    live = Vhost("app-1", "1", ("a.example",), local(app.port))
    under = {"X_Under": "1"}
    assert "x_under" not in (edge.proxy.sync([live]) and edge.get(headers=under).json()["headers"])

    edge.proxy.sync([live], ServerOptions(1, underscores_in_headers=True, listen_ipv6="::1"))
    assert edge.get(headers=under).json()["headers"]["x_under"] == "1"
    with socket.create_connection(("::1", edge.port), timeout=10) as client:
        client.sendall(b"GET /name HTTP/1.0\r\nHost: a.example\r\n\r\n")
        assert client.makefile("rb").read().endswith(b"app")
    with edge.raw("GET / HTTP/1.1\nHost: a.example\n") as client, pytest.raises(ConnectionResetError):
        client.recv(1)

    with pytest.raises(ProxyError):
        edge.proxy.sync([live], ServerOptions(listen_ipv6="2001:db8::1"))
    assert edge.get("/name").text == "app"
    with socket.create_connection(("::1", edge.port), timeout=10):
        pass


def _echo(protocol: str) -> tuple[socket.socket, threading.Thread]:
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
    server.bind((LOCAL, 0))
    if protocol == "tcp":
        server.listen()

    def serve() -> None:
        with contextlib.suppress(OSError):
            if protocol == "udp":
                data, address = server.recvfrom(100)
                server.sendto(data.upper(), address)
            else:
                client, _ = server.accept()
                with client:
                    client.sendall(client.recv(100).upper())

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return server, thread


def _needs_stream(edge: Edge) -> None:
    if not edge.proxy.has("stream"):
        pytest.skip("this nginx passes no ports on")


def _opened(table: Path) -> str:
    """The addresses that are listened on; see proc(5) for the states."""
    rows = [row.split() for row in table.read_text().splitlines()]
    return "".join(f"{row[1]} " for row in rows if row[3] in ("0A", "07"))


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_port_is_passed_on_and_closed_again(edge: Edge, app: App, protocol: str) -> None:
    _needs_stream(edge)
    server, thread = _echo(protocol)
    with server:
        [port] = ports.free(1)
        publish(edge, app, streams=(Stream(protocol, LOCAL, port, local(server.getsockname()[1])),))
        kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
        with socket.socket(socket.AF_INET, kind) as client:
            client.settimeout(10)
            client.connect((LOCAL, port))
            client.sendall(b"hello")
            assert client.recv(100) == b"HELLO"
        thread.join(10)
        assert not (edge.nginx.prefix / "apps" / "2.stream").exists()

    publish(edge, app)
    listening = f":{port:04X} "
    table = Path(f"/proc/net/{protocol}")
    wait_for(lambda: listening not in _opened(table), "the port to be closed")
    assert edge.get("/name").text == "app"


def test_a_port_that_another_program_has_leaves_all_as_it_was(edge: Edge, app: App) -> None:
    _needs_stream(edge)
    publish(edge, app)
    with socket.socket() as other:
        other.bind((LOCAL, 0))
        other.listen()
        with pytest.raises(ProxyError, match="changed for app-1"):
            publish(edge, app, streams=(Stream("tcp", LOCAL, other.getsockname()[1], local(app.port)),))

    assert not (edge.nginx.prefix / "apps" / "1.stream").exists()
    assert edge.get("/name").text == "app"


def test_a_grpc_app_is_taken_with_all_of_its_parts(edge: Edge, app: App) -> None:
    users = (User("a", Secret(hashed(Secret("b")))),)
    parts = core.Edge(users=users, rules=(AccessRule(LOCAL, True),), files=Files("/srv", ("/",)))
    for one in (core.Edge(), parts):
        edge.proxy.publish(Vhost("app-1", "1", ("a.example",), local(app.port), edge=one, grpc=True))
        assert "grpc_pass grpc://app-1;" in edge.proxy.config("1")
        assert "proxy_pass" not in edge.proxy.config("1")


def test_nginx_says_of_all_files_whether_they_are_right(edge: Edge, app: App) -> None:
    users = (User("a", Secret(hashed(Secret("b")))),)
    publish(edge, app, rules=(AccessRule(LOCAL, True),), limits=RateLimits(60, 5, 5), users=users)

    assert edge.proxy.validate() == (0, "")
    assert "allow 127.0.0.1;" in edge.proxy.config("1")
    assert "$6$" not in edge.proxy.config("1")
    assert "http {" in edge.proxy.config(None)
    (edge.nginx.prefix / "apps" / "9.conf").write_text("nonsense;")
    status, words = edge.proxy.validate()
    (edge.nginx.prefix / "apps" / "9.conf").unlink()
    assert status == 1 and 'unknown directive "nonsense"' in words
