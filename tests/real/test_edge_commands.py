"""The edge of a real app, by the commands that a person types: files, routes, ports, pages, passwords, logs."""

from __future__ import annotations

import base64
import http.client
import socket
from collections.abc import Iterator
from pathlib import Path

import ports
import pytest
from instance import Server, eventually
from test_service import app

from paas.schedulers.docker.api import Docker

pytestmark = pytest.mark.real

PAAS_YML = """\
processes:
  api: {command: python3 -u web.py, port: 7000}
  echo: {command: python3 -u echo.py, port: 7, protocol: udp}
edge:
  static: {/assets: public}
  error_pages: /app/pages
"""
ECHO = """\
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("", 7))
while True:
    data, address = server.recvfrom(100)
    server.sendto(data.upper(), address)
"""


@pytest.fixture
def instance(engine: Docker, open_folder: Path) -> Iterator[Server]:
    server = Server(open_folder)
    yield server
    server.close()


def test_an_app_with_all_that_the_edge_can_do(instance: Server, stack: str, tmp_path: Path) -> None:
    code = app(tmp_path / "code", stack, procfile="web: python3 -u web.py\n")
    (code / "paas.yml").write_text(PAAS_YML)
    (code / "echo.py").write_text(ECHO)
    for name, text in {"public/app.js": "let a = 1", "pages/503.html": "<p>our own page"}.items():
        (code / name).parent.mkdir(exist_ok=True)
        (code / name).write_text(text)
    assert instance.git_push(code, "shop").status == 0
    assert instance.paas("ps:scale shop api=1 echo=1").status == 0

    script = instance.get("shop", "/assets/app.js")
    assert (script.body, script.headers["content-type"]) == ("let a = 1", "text/javascript")
    (code / "public" / "app.js").write_text("let a = 2")
    assert instance.git_push(code, "shop").status == 0
    assert instance.get("shop", "/assets/app.js").body == "let a = 2"
    assert instance.ssh("releases:rollback shop").status == 0
    assert instance.get("shop", "/assets/app.js").body == "let a = 1"

    _passes_ports_on(instance)
    _leads_to_another_process(instance)
    _keeps_people_out(instance)
    _tells_what_it_saw(instance)

    assert instance.ssh("ps:stop shop").status == 0
    page = instance.get("shop")
    assert (page.status, page.body) == (503, "<p>our own page")


def _passes_ports_on(instance: Server) -> None:
    tcp, udp = ports.free(2)
    assert instance.ssh(f"ports:add shop tcp:{tcp} api").status == 0
    assert instance.ssh(f"ports:add shop udp:{udp} echo").status == 0
    connection = http.client.HTTPConnection("127.0.0.1", tcp, timeout=10)
    connection.request("GET", "/")
    assert connection.getresponse().read().endswith(b" one")
    connection.close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(1)
        client.connect(("127.0.0.1", udp))

        def answered() -> bytes:
            client.send(b"hello")
            try:
                return client.recv(100)
            except OSError:
                return b""

        assert eventually(answered) == b"HELLO"
    taken = instance.ssh(f"ports:add shop tcp:{instance.http_port} api")
    assert taken.status != 0 and "port-taken" in taken.err
    assert instance.ssh(f"ports:remove shop tcp:{tcp}").status == 0


def _leads_to_another_process(instance: Server) -> None:
    assert instance.ssh("routes:add shop /api api").status == 0
    assert instance.ssh("ps:scale shop api=0").status == 0
    assert instance.get("shop", "/api/x").status == 503
    assert instance.get("shop").status == 200
    assert instance.ssh("ps:scale shop api=1").status == 0
    assert instance.get("shop", "/api/x").status == 200


def _keeps_people_out(instance: Server) -> None:
    assert instance.ssh("auth:add shop ada", stdin="open sesame\n").status == 0
    assert instance.get("shop").status == 401
    basic = base64.b64encode(b"ada:open sesame").decode()
    assert instance.get("shop", headers={"Authorization": f"Basic {basic}"}).status == 200
    assert instance.ssh("auth:remove shop ada").status == 0
    assert instance.ssh('maintenance:on --message "Back soon" shop').status == 0
    assert "<h1>Back" in instance.get("shop").body
    assert instance.ssh("maintenance:off shop").status == 0
    assert instance.get("shop").status == 200


def _tells_what_it_saw(instance: Server) -> None:
    instance.get("shop", "/look-for-me")
    eventually(lambda: '"GET /look-for-me HTTP/1.1" 200 ' in instance.ssh("nginx:access-logs -n 5 shop").out)
    assert instance.ssh("nginx:validate-config").status == 0
    assert "server_name shop.localhost" in instance.ssh("nginx:show-config shop").out
    refused = instance.ssh("snippets:set shop bad", stdin="nonsense on;\n")
    assert refused.status == 1
    assert "of shop" in refused.err and ".bad.snippet:1: nonsense on;" in refused.err
