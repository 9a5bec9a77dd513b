"""Connections that outlive changes of the edge: whose they are, for how long, and what is told when they are cut."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from nginx_tools import App, Edge, edge_at, wait_for

from paas.core.edge import rules as core
from paas.core.edge.address import local
from paas.core.edge.server_options import ServerOptions
from paas.core.edge.vhost import Vhost
from paas.core.logs.requests import AccessLog
from paas.edge.errors import EdgeErrors

pytestmark = pytest.mark.real("nginx")

SOCKETS = 500
CHANGES = int(os.environ.get("PAAS_TEST_CHANGES", "15"))
UPGRADE = "GET /socket HTTP/1.1\nHost: {host}\nConnection: Upgrade\nUpgrade: websocket\n\n"


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    with edge_at(tmp_path) as edge:
        yield edge


def websocket(edge: Edge, host: str = "a.example") -> socket.socket:
    client = edge.raw(UPGRADE.format(host=host))
    assert client.recv(4096).startswith(b"HTTP/1.1 101")
    return client


def alive(client: socket.socket) -> bool:
    client.sendall(b"ping")
    return client.recv(16) == b"PING"


def ended(client: socket.socket) -> bool:
    """Whether the other side closes it, within the time that the socket waits."""
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def clients(edge: Edge) -> int:
    return sum(held.clients for held in edge.nginx.held(edge.nginx.workers()).values() if held)


def change(edge: Edge, app: App, turn: int) -> None:
    """A change of an app, as its deploys make it."""
    parts = core.Edge(keepalive=1 + turn % 2)
    edge.proxy.publish(Vhost("app-2", "2", ("b.example",), local(app.port), edge=parts))


def lines(edge: Edge, seconds: float) -> list[tuple[str, str]]:
    """Code and status of each request in the log of app 1."""
    errors = EdgeErrors(edge.nginx.error_log, lambda: seconds)
    found = AccessLog("app-1", 1, errors.cause).decode((edge.nginx.prefix / "logs" / "access.log").read_bytes())
    return [(line.code, str((line.fields or {})["status"])) for line in found]


def test_sockets_and_a_download_outlive_the_changes_of_other_apps(edge: Edge, new_app: Callable[[str], App]) -> None:
    app, other = new_app("app"), new_app("other")
    edge.publish(app)
    change(edge, other, 1)
    base = len(edge.settled())
    sockets = [websocket(edge) for _ in range(SOCKETS)]
    download = edge.raw("GET /stream HTTP/1.1\nHost: a.example\n\n")
    begin = b""
    while b"data: 1" not in begin:
        begin += download.recv(4096)

    for turn in range(CHANGES):
        change(edge, other, turn)
        # Those of the other app retire at once, whoever else goes on.
        wait_for(lambda: edge.proxy.drained(edge.proxy.draining(), local(other.port)), "nobody to need the other app")

    assert all(map(alive, sockets))
    assert len(edge.nginx.workers()) <= 2 * base
    old = edge.proxy.draining()
    assert not edge.proxy.drained(old, local(app.port))
    assert edge.proxy.waiting().clients == SOCKETS + 1

    app.go.set()
    assert b"data: 2" in download.recv(4096)
    for client in [download, *sockets]:
        client.close()
    assert len(edge.settled()) == base
    assert edge.proxy.drained(old, local(app.port))


def test_a_request_that_is_still_sent_keeps_the_old_processes(edge: Edge, new_app: Callable[[str], App]) -> None:
    old, new, other = new_app("old"), new_app("new"), new_app("other")
    edge.publish(old)
    edge.publish(other, key="2", host="b.example")
    stays = websocket(edge, "b.example")
    client = edge.raw("POST /name HTTP/1.1\nHost: a.example\nContent-Length: 6\nConnection: close\n\nab")
    wait_for(lambda: clients(edge) == 1 + 1, "the client")

    switch = edge.proxy.publish(Vhost("app-1", "1", ("a.example",), local(new.port)))
    assert not edge.proxy.drained(switch, local(old.port))
    client.sendall(b"cdef")
    assert client.makefile("rb").read().endswith(b"old")
    wait_for(lambda: edge.proxy.drained(switch, local(old.port)), "the old process not to be needed")
    assert alive(stays)
    assert not edge.proxy.drained(switch)


def test_the_oldest_workers_are_ended_when_there_are_too_many(edge: Edge, new_app: Callable[[str], App]) -> None:
    app, other = new_app("app"), new_app("other")
    told: list[dict[int, int]] = []
    edge.proxy._old._cut = lambda connections: told.append(dict(connections))
    edge.proxy.sync([], ServerOptions(generations=1))
    edge.publish(app)
    sockets: list[socket.socket] = []
    most = os.cpu_count() or 1

    for turn in range(most + 2):
        sockets.append(websocket(edge))
        change(edge, other, turn)

    assert ended(sockets[0])
    assert len(edge.proxy.draining().old_workers) == most
    assert alive(sockets[-1])
    assert told and set().union(*told) == {app.port}
    # Two that end at once are told of together.
    assert edge.proxy.waiting().ended == sum(count for one in told for count in one.values())
    assert edge.proxy.waiting().most == most


@pytest.mark.parametrize("kind", ["socket", "download", "upload"])
def test_what_is_cut_when_the_time_is_up_has_a_code_of_its_own(
    edge: Edge, new_app: Callable[[str], App], kind: str
) -> None:
    app, other = new_app("app"), new_app("other")
    seconds = 3
    edge.proxy.sync([], ServerOptions(drain_seconds=seconds))
    edge.publish(app)
    if kind == "socket":
        client = websocket(edge)
    elif kind == "download":
        client = edge.raw("GET /stream HTTP/1.1\nHost: a.example\n\n")
        client.recv(4096)
    else:
        client = edge.raw("POST /name HTTP/1.1\nHost: a.example\nContent-Length: 6\n\nab")
        wait_for(lambda: clients(edge) == 1, "the client")
    left = edge.raw("GET /stream HTTP/1.1\nHost: a.example\n\n")
    left.recv(4096)
    left.close()
    wait_for(lambda: ("H27", "200") in lines(edge, seconds), "the request that its client gave up")

    change(edge, other, 1)
    while client.recv(4096):
        pass

    def logged() -> list[tuple[str, str]]:
        return [line for line in lines(edge, seconds) if line[0] != "H27"]

    wait_for(logged, "the access log")
    assert logged() == [("H24", {"socket": "101", "download": "200", "upload": "000"}[kind])]


def test_a_client_that_leaves_an_old_worker_was_not_cut(edge: Edge, new_app: Callable[[str], App]) -> None:
    app, other = new_app("app"), new_app("other")
    edge.publish(app)
    whole = threading.Thread(target=lambda: edge.get("/wait"))
    left = edge.raw("GET /stream HTTP/1.1\nHost: a.example\n\n")
    whole.start()
    assert app.first_piece.wait(10)
    left.recv(4096)
    change(edge, other, 1)
    app.go.set()
    whole.join()
    left.close()
    edge.settled()
    wait_for(lambda: len(lines(edge, 3600)) == 2, "the access log")
    assert "H24" not in {code for code, _ in lines(edge, 3600)}
