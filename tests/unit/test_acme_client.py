"""Authorities that speak nonsense: whatever they answer, a person is told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from paas.certs.acme_client import AcmeAccount, AcmeClient
from paas.core.errors import IssuanceFailed
from paas.core.secret import Secret
from paas.system import x509


class _Authority(ThreadingHTTPServer):
    body = b""


class _Handler(BaseHTTPRequestHandler):
    server: _Authority

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    do_HEAD = do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def authority() -> Iterator[_Authority]:
    server = _Authority(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b'"x"', b"<html>", b"\xff", b'{"newNonce": 7}'])
def test_a_directory_that_is_none_is_told_as_an_error(authority: _Authority, body: bytes) -> None:
    authority.body = body
    key = x509.new_key()
    server = f"http://127.0.0.1:{authority.server_port}/directory"
    with pytest.raises(IssuanceFailed, match="sent an invalid response") as told:
        AcmeClient().issue(AcmeAccount(server, "a@example.org", key), x509.signing_request(["a.example"], key))
    assert server in told.value.why


def _told(server: str, key: Secret) -> IssuanceFailed:
    with pytest.raises(IssuanceFailed) as told:
        AcmeClient().issue(AcmeAccount(server, "a@example.org", key), x509.signing_request(["a.example"], key))
    return told.value


def test_an_authority_that_is_down_is_told_by_its_place(authority: _Authority) -> None:
    key = x509.new_key()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    told = _told(f"https://localhost:{port}/dir", key)
    assert (told.what, told.why) == (f"cannot connect to localhost:{port}", "Connection refused")
    assert _told("https://nowhere.invalid/dir", key).what == "cannot connect to nowhere.invalid:443"

    told = _told(f"https://127.0.0.1:{authority.server_port}/dir", key)
    unreachable = f"cannot connect to 127.0.0.1:{authority.server_port}"
    assert told.what in ("the TLS certificate of the authority is not trusted", unreachable)
    for part in ("HTTPSConnectionPool", "Max retries", "object at 0x"):
        assert part not in told.what + told.why
