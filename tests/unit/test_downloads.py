"""Downloads by the real client from a server of the test's own: what is whole, what is stopped, which way it goes."""

from __future__ import annotations

import http.server
import io
import ssl
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from paas.core import egress
from paas.core.access.remote_credentials import Login, RemoteCredentials
from paas.core.egress import Egress, EgressRefused
from paas.core.errors import Cancelled
from paas.core.git import url
from paas.core.secret import Secret
from paas.git.addresses import FetchFailed
from paas.git.remotes import Remotes
from paas.system import https, x509

LOCAL = Egress(egress.networks("127.0.0.0/8,::1"))
MOVED = {"/moved": "https://{}/whole", "/inside": "https://169.254.169.254/latest"}
pytestmark = pytest.mark.real("git")


@dataclass
class Site:
    """The server's address and certificate; ``asked`` are paths with the Authorization that came with them."""

    address: str = ""
    authority: str = ""
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)

    def download(self, path: str, cancelled: threading.Event | None = None, **means: object) -> bytes:
        remote = url.archive(f"https://{self.address}{path}")
        allowed = RemoteCredentials(**{"ca_file": self.authority, "egress": LOCAL, **means})  # type: ignore[arg-type]
        return b"".join(Remotes(Path("/nonexistent")).download(remote, allowed, cancelled or threading.Event()))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    found = Site()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append((self.path, self.headers.get("Authorization")))
            self.send_response(302 if self.path in MOVED else 200)
            if self.path in MOVED:
                self.send_header("Location", MOVED[self.path].format(found.address))
            self.send_header("Content-Length", {"/short": "100", "/drip": "1000000"}.get(self.path, "5"))
            self.end_headers()
            if self.path == "/drip":
                while not found.left.wait(0.02):
                    self.wfile.write(b"x")
            self.wfile.write(b"whole")
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    key = x509.new_key()
    (tmp_path / "key.pem").write_text(key.reveal())
    (tmp_path / "cert.pem").write_text(x509.self_signed(["localhost"], key, time.time()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda request, address: None  # type: ignore[method-assign]
    server.socket = context.wrap_socket(server.socket, server_side=True)
    found.address = f"localhost:{server.server_address[1]}"
    found.authority = str(tmp_path / "cert.pem")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield found
    found.left.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_body_comes_whole_also_past_a_redirect(site: Site) -> None:
    assert site.download("/whole") == b"whole"
    assert site.download("/moved", login=Login("u", Secret("p"))) == b"whole"
    assert site.asked[1:] == [("/moved", "Basic dTpw"), ("/whole", "Basic dTpw")]


@pytest.mark.parametrize(
    ("place", "sent"),
    [
        ("https://a.example/other", True),
        ("https://b.example/x", False),
        ("https://a.example:8443/x", False),
        ("https://x.a.example/x", False),
    ],
)
def test_a_password_is_for_the_host_that_it_was_given_for(place: str, sent: bool) -> None:
    request = urllib.request.Request("https://a.example/x")
    request.add_unredirected_header("Authorization", "Basic dTpw")
    made = https._HttpsOnly().redirect_request(request, io.BytesIO(), 302, "Found", {}, place)
    assert made is not None
    assert made.has_header("Authorization") == sent


def test_it_connects_only_to_what_is_allowed_also_where_it_is_redirected(site: Site) -> None:
    with pytest.raises(EgressRefused, match="does not connect to localhost"):
        site.download("/whole", egress=Egress())
    assert site.asked == []
    with pytest.raises(EgressRefused, match=r"does not connect to 169\.254\.169\.254"):
        site.download("/inside")
    with pytest.raises(EgressRefused):
        # Through a proxy, too, which would connect in its place.
        site.download("/whole", egress=Egress(), proxies={"https_proxy": "http://127.0.0.1:9"})


def test_a_body_that_is_shorter_than_it_was_said_is_none(site: Site) -> None:
    with pytest.raises(FetchFailed) as caught:
        site.download("/short")
    assert caught.value.why == "it ended after 5 of 100 bytes"


def test_a_slow_server_is_left_when_the_time_is_up_or_somebody_cancels(site: Site) -> None:
    with pytest.raises(FetchFailed) as caught:
        site.download("/drip", timeout=0.1)
    assert caught.value.why == "it took too long"

    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(Cancelled):
        site.download("/drip", cancelled)


def test_hosts_of_no_proxy_are_reached_past_the_proxy(site: Site) -> None:
    dead = {"https_proxy": "http://127.0.0.1:9"}
    with pytest.raises(FetchFailed):
        site.download("/whole", proxies=dead)
    assert site.asked == []
    assert site.download("/whole", proxies={**dead, "no_proxy": "example.org,localhost"}) == b"whole"


def test_a_file_that_is_no_certificate_is_told(site: Site, tmp_path: Path) -> None:
    (tmp_path / "ca.txt").write_text("x")
    with pytest.raises(FetchFailed, match="could not be downloaded"):
        site.download("/whole", ca_file=str(tmp_path / "ca.txt"))
