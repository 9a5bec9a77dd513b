"""What requests meet at the edge, with a real nginx."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from nginx_tools import Answer, App, Edge, edge_at, wait_for

from paas.core.edge import rules as core
from paas.core.edge.address import local
from paas.core.edge.rules import Route
from paas.core.edge.vhost import ProxyOptions, Vhost, VhostState
from paas.core.logs.requests import AccessLog
from paas.edge.errors import EdgeErrors

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def shared_edge(open_folder: Path) -> Iterator[Edge]:
    with edge_at(open_folder) as edge:
        yield edge


@pytest.fixture
def edge(shared_edge: Edge) -> Iterator[Edge]:
    yield shared_edge
    shared_edge.proxy.sync([])


@pytest.fixture
def app() -> Iterator[App]:
    with App() as app:
        yield app


def _is_page(answer: Answer, title: str) -> bool:
    return (
        answer.headers["Content-Type"] == "text/html; charset=utf-8"
        and answer.headers["Cache-Control"] == "no-store"
        and f"<title>{title}</title>" in answer.text
        and f"<code>{answer.headers['X-Request-Id']}</code>" in answer.text
    )


def test_an_unknown_host_gets_a_404_page(edge: Edge, app: App) -> None:
    edge.publish(app)

    for host in ("b.example", "sub.a.example", "127.0.0.1", "localhost:1"):
        answer = edge.get(host=host, path="/picture.png")
        assert answer.status == 404
        assert _is_page(answer, "No app at this address")

    assert app.hits == []


def test_a_request_without_a_host_gets_the_404_page(edge: Edge) -> None:
    with edge.raw("GET / HTTP/1.0\n\n") as client:
        assert client.makefile("rb").readline().split()[1] == b"404"


def test_an_app_without_a_running_web_gets_a_503_page(edge: Edge) -> None:
    edge.publish()
    answer = edge.get(method="POST", body=b"x" * 1000)

    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert _is_page(answer, "The app is not running")


def test_an_app_before_its_first_deploy_gets_a_503_page_that_says_so(edge: Edge) -> None:
    edge.proxy.publish(Vhost("new", "1", ("a.example",), state=VhostState.EMPTY))
    answer = edge.get()

    assert answer.status == 503
    assert _is_page(answer, "Nothing has been deployed here yet")


def test_a_dead_web_gets_a_502_page(edge: Edge, app: App) -> None:
    edge.publish(app)
    app.stop()
    answer = edge.get()

    assert answer.status == 502
    assert "Retry-After" not in answer.headers
    assert _is_page(answer, "The app is not answering")


def test_a_slow_web_gets_a_504_page(edge: Edge, app: App) -> None:
    edge.publish(app, options=ProxyOptions(proxy_read_timeout=1))
    answer = edge.get("/wait")

    assert answer.status == 504
    assert _is_page(answer, "The app took too long")


def test_a_page_for_head_has_no_body(edge: Edge) -> None:
    answer = edge.get(method="HEAD", host="b.example")

    assert answer.status == 404
    assert answer.body == b""


@pytest.mark.parametrize("status", [400, 404, 413, 500, 502, 503, 504])
def test_the_apps_own_errors_pass_untouched(edge: Edge, app: App, status: int) -> None:
    edge.publish(app)
    answer = edge.get(f"/status/{status}")

    assert answer.status == status
    assert answer.text == "the app's own words"
    assert "Cache-Control" not in answer.headers


def test_the_app_learns_who_asked_for_what(edge: Edge, app: App) -> None:
    edge.publish(app)
    headers = edge.get("/a%2Fb//c?d=e%20f", host=f"A.Example:{edge.port}").json()["headers"]

    assert app.hits == ["GET /a%2Fb//c?d=e%20f"]
    assert headers["host"] == headers["x-forwarded-host"] == f"a.example:{edge.port}"
    assert headers["x-forwarded-for"] == headers["x-real-ip"] == "127.0.0.1"
    assert headers["x-forwarded-port"] == str(edge.port)
    assert headers["x-forwarded-proto"] == "http"
    assert "connection" not in headers


def test_what_a_client_claims_of_itself_is_not_passed_on(edge: Edge, app: App) -> None:
    edge.publish(app)
    names = ["Forwarded", "Proxy", "X-Real-IP", "X-Request-Id"]
    names += [f"X-Forwarded-{name}" for name in ("For", "Host", "Port", "Proto", "Prefix", "Scheme", "Server", "Ssl")]

    answer = edge.get(headers=dict.fromkeys(names, "evil"))

    assert "evil" not in answer.json()["headers"].values()


def test_a_host_in_the_request_line_counts_for_all(edge: Edge, app: App) -> None:
    edge.publish(app)

    with edge.raw("GET http://a.example/ HTTP/1.1\nHost: b.example\nConnection: close\n\n") as client:
        answer = client.makefile("rb").read()

    assert b'"host": "a.example"' in answer
    assert b"b.example" not in answer


def test_app_client_and_log_have_the_same_request_id(edge: Edge, app: App) -> None:
    edge.publish(app)
    answers = [edge.get("/?ids") for _ in range(5)]
    ids = [answer.headers.get_all("X-Request-Id") for answer in answers]

    assert [found[0] for found in ids if found] == [answer.json()["headers"]["x-request-id"] for answer in answers]
    assert len({str(found) for found in ids}) == 5
    assert all(re.fullmatch(r"[0-9-]+", found[0]) and len(found) == 1 for found in ids if found)

    wait_for(lambda: sum(line["path"] == "/?ids" for line in edge.log()) == 5, "the access log")
    logged = [line for line in edge.log() if line["path"] == "/?ids"]
    assert sorted([line["request_id"]] for line in logged) == sorted(found or [] for found in ids)
    assert {(line["app"], line["host"], line["status"]) for line in logged} == {("app-1", "a.example", "200")}
    assert all(float(line["seconds"]) >= 0 and line["upstream"].endswith(str(app.port)) for line in logged)


def test_any_request_leaves_a_log_line_that_can_be_read(edge: Edge) -> None:
    for request in ('GET /"\\\t HTTP/1.1\nHost: b.example\nUser-Agent: "\\x\n\n', "nonsense\n\n", "GET /odd\n\n"):
        with edge.raw(request) as client:
            client.shutdown(socket.SHUT_WR)
            client.makefile("rb").read()

    wait_for(lambda: any(line["path"] == "/odd" for line in edge.log()), "the access log")
    assert "uninitialized" not in edge.nginx.error_log.read_text()


def test_a_websocket_passes_both_ways(edge: Edge, app: App) -> None:
    edge.publish(app)
    request = "GET /socket HTTP/1.1\nHost: a.example\nConnection: keep-alive, Upgrade\nUpgrade: websocket\n\n"

    with edge.raw(request) as client:
        stream = client.makefile("rb")
        assert stream.readline().split()[1] == b"101"
        head = list(iter(stream.readline, b"\r\n"))
        assert b"Upgrade: websocket\r\n" in head

        for word in (b"first", b"second"):
            client.sendall(word)
            assert stream.read(len(word)) == word.upper()


def test_an_upgrade_to_http2_is_not_passed_on(edge: Edge, app: App) -> None:
    edge.publish(app)
    headers = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABk"}
    passed = edge.get(headers=headers).json()["headers"]

    assert "upgrade" not in passed
    assert "connection" not in passed


@pytest.mark.parametrize("path", ["/stream", "/closing"])
@pytest.mark.parametrize("buffering", [True, False])
def test_a_streamed_response_arrives_piece_by_piece(edge: Edge, app: App, path: str, buffering: bool) -> None:
    edge.publish(app, options=ProxyOptions(proxy_buffering=buffering))

    with contextlib.closing(edge.connect()) as connection:
        connection.request("GET", path, headers={"Host": "a.example", "Accept-Encoding": "gzip"})
        response = connection.getresponse()
        assert response.readline() + response.readline() == b"data: 1\n\n"
        app.go.set()
        assert response.read() == b"data: 2\n\n"


def test_a_body_without_a_length_gets_one(edge: Edge, app: App) -> None:
    edge.publish(app)
    answer = edge.get("/length", method="POST", body=iter([b"name=", b"ada"]))

    assert answer.body == b"name=ada"


def test_a_slow_upload_reaches_the_app_when_it_is_whole(edge: Edge, app: App) -> None:
    edge.publish(app)

    with edge.raw("POST /name HTTP/1.1\nHost: a.example\nConnection: close\nContent-Length: 4\n\nab") as client:
        # nginx is at it, and the app is free for others.
        wait_for(lambda: any(held and held.clients for held in edge.nginx.held(edge.nginx.workers()).values()), "it")
        assert edge.get("/other").status == 200
        assert app.hits == ["GET /other"]
        client.sendall(b"cd")
        assert client.makefile("rb").read().endswith(b"app")


def test_a_slow_download_holds_no_process(edge: Edge, app: App) -> None:
    edge.publish(app)

    with edge.raw("GET /large HTTP/1.1\nHost: a.example\nConnection: close\n\n") as client:
        # Nobody reads yet, and the app has sent all of it.
        assert app.first_piece.wait(30)
        size = len(client.makefile("rb").read().partition(b"\r\n\r\n")[2])
    assert size == 8 << 20, edge.nginx.error_log.read_text()[-3000:]


def test_a_request_header_that_is_too_large_gets_a_page_and_a_line_of_its_app(edge: Edge, app: App) -> None:
    edge.publish(app)
    before = len(edge.log())
    answer = edge.get(headers={"Cookie": "c" * 20_000})
    assert answer.status == 431
    assert _is_page(answer, "The request header is too large")
    long = edge.get("/" + "x" * 20_000)
    assert (long.status, _is_page(long, "The request header is too large")) == (414, True)
    assert edge.get(host="b.example", headers={"Cookie": "c" * 20_000}).status == 431
    assert app.hits == []

    wait_for(lambda: len(edge.log()) == before + 3, "the access log")
    # The line of the request comes before its host.
    assert sorted((line["status"], line["app"]) for line in edge.log()[before:]) == [
        ("414", ""), ("431", ""), ("431", "app-1"),
    ]  # fmt: skip
    lines = AccessLog("app-1", 1).decode((edge.nginx.prefix / "logs" / "access.log").read_bytes())
    assert "E12" in [line.code for line in lines]


def test_a_header_of_a_response_that_is_too_large_is_told_from_a_crash(edge: Edge, app: App) -> None:
    edge.publish(app)
    errors = EdgeErrors(edge.nginx.error_log, lambda: 3600)

    def codes() -> dict[str, str]:
        log = (edge.nginx.prefix / "logs" / "access.log").read_bytes()
        found = AccessLog("app-1", 1, errors.cause).decode(log)
        coded = {str((line.fields or {})["path"]): line.code for line in found}
        return {path: code for path, code in coded.items() if path.startswith(("/header", "/break"))}

    assert edge.get("/header/17").status == 502
    assert edge.get("/break", method="POST").status == 502
    wait_for(lambda: len(codes()) == 2, "the access log")
    # Each worker writes its own line once the answer is sent, so their order is not fixed.
    assert codes() == {"/header/17": "E11", "/break": "H13"}
    edge.publish(app, options=ProxyOptions(proxy_buffer_size=128 << 10))
    assert edge.get("/header/17").status == 200


@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload_reaches_the_app_while_it_is_sent(edge: Edge, app: App, chunked: bool) -> None:
    edge.publish(app, options=ProxyOptions(proxy_request_buffering=False))
    length = "Transfer-Encoding: chunked" if chunked else "Content-Length: 2000"
    piece = "x" * 1000
    coded = f"3e8\n{piece}\n" if chunked else piece

    with edge.raw(f"POST / HTTP/1.1\nHost: a.example\nConnection: close\n{length}\n\n{coded}") as client:
        assert app.first_piece.wait(10)
        client.sendall((coded + ("0\n\n" if chunked else "")).replace("\n", "\r\n").encode())
        assert b'"size": 2000' in client.makefile("rb").read()


def test_a_body_above_the_limit_gets_a_413_page_and_never_reaches_the_app(edge: Edge, app: App) -> None:
    edge.publish(app, options=ProxyOptions(client_max_body_size=1000))

    assert edge.get(method="POST", body=b"x" * 1000).json()["size"] == 1000
    answer = edge.get("/large", method="POST", body=b"x" * 1001)
    assert answer.status == 413
    assert _is_page(answer, "The upload is too large")
    assert app.hits == ["POST /"]


def test_the_limit_of_a_body_is_100_mib_unless_the_app_says_otherwise(edge: Edge, app: App) -> None:
    edge.publish(app)

    for size, status in ((104_857_601, b"413"), (104_857_600, b"100")):
        request = f"POST / HTTP/1.1\nHost: a.example\nContent-Length: {size}\nExpect: 100-continue\n\n"

        with edge.raw(request) as client:
            assert client.makefile("rb").readline().split()[1] == status


def test_large_response_headers_pass(edge: Edge, app: App) -> None:
    edge.publish(app)

    assert len(edge.get("/cookies").headers.get_all("Set-Cookie") or []) == 10


def test_connections_to_the_app_are_used_again(edge: Edge, app: App) -> None:
    edge.publish(app)

    with contextlib.closing(edge.connect()) as connection:
        for _ in range(50):
            connection.request("GET", "/name", headers={"Host": "a.example"})
            assert connection.getresponse().read() == b"app"

    # After a second of rest, which a busy machine may take, nginx ends one.
    assert app.connections < 10


def test_a_request_that_broke_off_is_repeated_elsewhere_only_if_that_is_safe(edge: Edge) -> None:
    apps = [App(str(number)) for number in range(2)]
    edge.publish(*apps)

    assert edge.get("/break", method="POST", body=b"x").status == 502
    assert [hit for app in apps for hit in app.hits] == ["POST /break"]

    for app in apps:
        app.hits.clear()

    edge.publish(*reversed(apps))
    assert edge.get("/break").status == 502
    assert [app.hits for app in apps] == [["GET /break"], ["GET /break"]]

    for app in apps:
        app.stop()


def test_a_process_that_accepts_nothing_is_passed_over_even_by_a_post(edge: Edge, app: App) -> None:
    dead = App("dead")
    dead.stop()
    edge.publish(dead, app)

    assert [edge.get("/name", method="POST", body=b"x").text for _ in range(6)] == ["app"] * 6


@pytest.mark.parametrize("prefix", ["", "/api"])
def test_a_request_that_fails_takes_no_process_away_from_others(edge: Edge, app: App, prefix: str) -> None:
    apps = [App(str(number)) for number in range(2)]
    both = local(*(one.port for one in apps))
    routes = (Route("/api", both),)
    edge.proxy.publish(
        Vhost("app-1", "1", ("a.example",), both if not prefix else local(app.port), edge=core.Edge(routes=routes))
    )

    # Each worker of nginx counts for itself, and any of them may take a connection.
    for _ in range(4 * (os.cpu_count() or 1)):
        assert edge.get(f"{prefix}/status/broken", method="POST", body=b"x").status == 502
        assert edge.get(f"{prefix}/status/200").status == 200

    for one in apps:
        one.stop()


def test_a_wildcard_takes_the_names_below_it_and_an_exact_name_goes_first(edge: Edge, app: App) -> None:
    other = App("other")
    edge.publish(app, host="*.example")
    edge.publish(other, key="2", host="b.example")

    assert edge.get("/name", host="x.y.example").text == "app"
    assert edge.get("/name", host="B.EXAMPLE.").text == "other"
    assert edge.get("/name", host="example").status == 404
    other.stop()


def test_a_host_name_of_the_longest_kind_is_served(edge: Edge, app: App) -> None:
    host = ".".join(["a" * 63] * 3 + ["b" * 61])
    edge.publish(app, host=host)

    assert edge.get("/name", host=host).text == "app"


def test_nothing_of_the_data_folder_can_be_reached(edge: Edge) -> None:
    edge.publish()

    for path in ("/nginx.conf", "/apps/1.conf", "/../nginx.conf", "/generation", "/@error"):
        assert edge.get(path, host="b.example").status in (400, 404)
        assert edge.get(path).status in (400, 503)
