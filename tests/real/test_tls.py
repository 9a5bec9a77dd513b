"""HTTPS with real clients, and certificates from a real authority: pebble, which refuses three of ten good nonces."""

from __future__ import annotations

import re
import shlex
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from acme_tools import Pebble, pebble_at
from browser import Browser, browser
from instance import Result, Server, eventually
from load import Load
from test_service import app

from fakes.pki import Made

pytestmark = pytest.mark.real("docker", "git", "nginx", "ssh", "pebble", "curl", "openssl")

HOST = "www.shop.test"


@pytest.fixture(scope="module")
def authority(instance: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    """The authority, which the instance knows and has an account with."""
    with pebble_at(tmp_path_factory.mktemp("authority") / "pebble", instance.http_port) as pebble:
        pebble.hook(instance.root / "hooks" / "dns-zone")
        for line in (
            f"settings:set dns-server {pebble.dns}",
            # Loopback is no address at which the world finds a name.
            "settings:set public-addresses 127.0.0.1",
            f"letsencrypt:set --global server {pebble.directory}",
            f"letsencrypt:set --global server-ca-file {pebble.ca_file}",
            "letsencrypt:set --global dns-provider zone",
            "letsencrypt:set --global email ops@shop.test",
        ):
            assert instance.paas(line).status == 0
        yield pebble


@pytest.fixture(scope="module")
def shop(instance: Server, authority: Pebble, stack: str, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """The instance with the app shop at www.shop.test, which got its certificate without being asked to."""
    code = app(tmp_path_factory.mktemp("code") / "shop", stack)
    text = (code / "web.py").read_text()
    headers = '"|".join(f"{k}={v}" for k, v in self.headers.items()).encode()'
    (code / "web.py").write_text(text.replace('(os.environ["PAAS_RELEASE"] + " one").encode()', headers))
    assert instance.paas("apps:create shop").status == 0
    assert instance.paas(f"domains:add shop {HOST} shop.test").status == 0
    # Before anything was deployed: the edge answers challenges by itself.
    eventually(lambda: _enabled(instance, "shop"))
    assert instance.paas("redirect:add shop shop.test www.shop.test").status == 0
    pushed = instance.git_push(code, "shop")
    assert pushed.status == 0, pushed.err
    assert f"https://{HOST}:{instance.https_port}" in pushed.err
    return instance


def _enabled(server: Server, name: str) -> bool:
    report = server.paas(f"certs:report {name}").out
    return "Ssl enabled:" in report and "true" in report and not re.search(r"plain hostnames: +\S*test", report)


def _curl(server: Server, authority: Pebble, *words: str, host: str = HOST) -> Result:
    ports = (server.http_port, server.https_port)
    places = [word for port in ports for word in ("--resolve", f"{host}:{port}:127.0.0.1")]
    done = subprocess.run(
        ["curl", "-sS", "--max-time", "20", "--cacert", str(authority.root_file), *places, *words],
        capture_output=True, check=False,
    )  # fmt: skip
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def _s_client(server: Server, name: str, *words: str) -> str:
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{server.https_port}", "-servername", name, *words],
        input=b"", capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    # With h2 the server speaks first, and not in letters.
    return (done.stdout + done.stderr).decode(errors="replace")


def test_a_browser_gets_https_without_a_step(shop: Server, authority: Pebble) -> None:
    answer = _curl(shop, authority, "-i", f"https://{HOST}:{shop.https_port}/")
    head, _, body = answer.out.partition("\r\n\r\n")
    assert head.splitlines()[0] == "HTTP/2 200 "
    assert "\r\nstrict-transport-security: max-age=15724800" in head
    assert "X-Forwarded-Proto=https" in body
    assert f"X-Forwarded-Port={shop.https_port}" in body
    assert f"Host={HOST}:{shop.https_port}" in body

    for method, code in (("GET", 301), ("POST", 308)):
        moved = _curl(shop, authority, "-i", "-X", method, f"http://{HOST}:{shop.http_port}/a?b=%20c")
        assert moved.out.startswith(f"HTTP/1.1 {code} ")
        assert f"\r\nLocation: https://{HOST}:{shop.https_port}/a?b=%20c\r\n" in moved.out
        assert "Strict-Transport-Security" not in moved.out, "over HTTP it means nothing (RFC 6797, 7.2)"

    for scheme, port in (("http", shop.http_port), ("https", shop.https_port)):
        apex = _curl(shop, authority, "-i", f"{scheme}://shop.test:{port}/x?y", host="shop.test")
        assert re.search(rf"(?i)\r\nlocation: https://{HOST}:{shop.https_port}/x\?y\r\n", apex.out), apex


@pytest.fixture
def window(shop: Server, authority: Pebble, tmp_path: Path) -> Iterator[Browser]:
    intermediate = tmp_path / "intermediate.pem"
    intermediate.write_bytes(authority.ask("/intermediates/0"))
    with browser(tmp_path / "profile", intermediate) as window:
        yield window


@pytest.mark.real("chromium")
def test_chromium_is_sent_to_https_and_speaks_h2(shop: Server, window: Browser) -> None:
    window.open(f"http://{HOST}:{shop.http_port}/a?b")
    moved, page = window.loaded
    assert (moved["status"], moved["protocol"]) == (301, "http/1.1")
    assert (page["status"], page["protocol"]) == (200, "h2")
    assert page["url"] == window.look("location.href") == f"https://{HOST}:{shop.https_port}/a?b"
    assert page["securityDetails"]["issuer"].startswith("Pebble Intermediate")
    # It remembers Strict-Transport-Security: no request over HTTP leaves it any more.
    window.open(f"http://{HOST}:{shop.https_port}/c")
    assert [(one["status"], one["url"]) for one in window.loaded] == [
        (307, f"http://{HOST}:{shop.https_port}/c"),
        (200, f"https://{HOST}:{shop.https_port}/c"),
    ]


@pytest.mark.real("chromium")
def test_error_pages_in_light_and_dark_on_phone_and_desktop(shop: Server, window: Browser) -> None:
    message = "We are moving to a new machine, which takes until five o'clock; your <b>cart</b> waits for you."
    assert shop.paas("apps:create plain").status == 0
    assert shop.paas("apps:create moving").status == 0
    assert shop.paas(shlex.join(["maintenance:on", "moving", "--message", message])).status == 0
    pages = {
        f"http://nobody.test:{shop.http_port}/": (404, "No app at this address"),
        f"http://plain.localhost:{shop.http_port}/": (503, ""),
        f"http://moving.localhost:{shop.http_port}/": (503, message),
    }
    for url, (status, title) in pages.items():
        for width, height in ((390, 844), (1280, 800)):
            for scheme, back, text in (
                ("light", "rgb(246, 247, 249)", "rgb(28, 35, 48)"),
                ("dark", "rgb(18, 21, 27)", "rgb(238, 241, 246)"),
            ):
                window.be(width, height, scheme)
                window.open(url)
                assert window.loaded[-1]["status"] == status
                assert title in (window.look("document.title"), "")
                assert window.look("document.querySelector('h1').textContent") == window.look("document.title")
                assert window.look("getComputedStyle(document.body).backgroundColor") == back
                assert window.look("getComputedStyle(document.body).color") == text
                assert window.look("document.documentElement.scrollWidth") == width, "nothing is cut off"
                assert window.look("document.querySelector('main').offsetWidth") == min(544, width - 40)
                footer = window.look("document.querySelector('footer').innerText")
                assert re.fullmatch(r"Request [0-9]+(-[0-9]+){3}", footer)


def test_hosts_have_their_own_certificates_and_unknown_ones_none(shop: Server, authority: Pebble) -> None:
    own = Made.root(time.time()).leaf(time.time(), "own.example")
    assert shop.paas("domains:add shop own.example").status == 0
    added = shop.paas("certs:add shop", stdin=own.key + own.crt)
    assert added.status == 0, added.err

    trusted = _s_client(shop, HOST, "-CAfile", str(authority.root_file), "-verify_hostname", HOST, "-alpn", "h2")
    assert "Verify return code: 0 (ok)" in trusted
    assert "ALPN protocol: h2" in trusted
    assert "subject=CN = own.example" in _s_client(shop, "own.example")
    assert "unrecognized name" in _s_client(shop, "unknown.example")
    assert "unrecognized name" in _s_client(shop, "shop.localhost"), "it has no certificate"
    assert "no protocols available" in _s_client(shop, HOST, "-tls1_1") or "alert" in _s_client(shop, HOST, "-tls1_1")

    # With the session of the other name, a client gets no further than without.
    wrong = _curl(shop, authority, "-o", "/dev/null", "-w", "%{http_code}", "-H", "Host: unknown.example",
                  f"https://{HOST}:{shop.https_port}/")  # fmt: skip
    assert wrong.out == "404"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed(shop: Server, authority: Pebble, version: ssl.TLSVersion) -> None:
    trust = ssl.create_default_context(cafile=str(authority.root_file))
    trust.minimum_version = trust.maximum_version = version

    def visit(session: ssl.SSLSession | None) -> tuple[bool | None, ssl.SSLSession | None]:
        plain = socket.create_connection(("127.0.0.1", shop.https_port), timeout=10)
        with trust.wrap_socket(plain, server_hostname=HOST, session=session) as client:
            client.sendall(f"GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
            while client.recv(65536):
                pass
            return client.session_reused, client.session

    reused, session = visit(None)
    assert not reused
    assert visit(session)[0]


def test_no_request_is_lost_when_a_certificate_is_renewed(shop: Server, authority: Pebble) -> None:
    trust = ssl.create_default_context(cafile=str(authority.root_file))
    before = _serial(shop)
    with Load(shop.https_port, HOST, tls=trust) as load:
        eventually(lambda: load.total() > 30)
        renewed = shop.paas("letsencrypt:enable shop --force")
        seen = load.total()
        eventually(lambda: load.total() > seen + 30)
    assert renewed.status == 0, renewed.err
    assert load.failures() == {}
    assert _serial(shop) != before
    assert len(list((shop.root / "nginx" / "certificates").iterdir())) == 3, "what nobody serves any more is gone"
    modes = {path.stat().st_mode & 0o777 for path in (shop.root / "nginx" / "certificates").iterdir()}
    assert modes == {0o600}


def _serial(server: Server) -> str:
    text = _s_client(server, HOST)
    return _serial_of(text[text.index("-----BEGIN") : text.index("-----END")] + "-----END CERTIFICATE-----\n")


def _serial_of(pem: str) -> str:
    command = ["openssl", "x509", "-noout", "-serial"]
    done = subprocess.run(command, input=pem, capture_output=True, text=True, check=True)
    return done.stdout.strip().partition("=")[2].lower()


def test_a_wildcard_is_proven_by_dns(shop: Server, authority: Pebble) -> None:
    assert shop.paas("apps:create wild").status == 0
    assert shop.paas("domains:add wild *.wild.test").status == 0
    enabled = shop.paas("letsencrypt:enable wild")
    assert "*.wild.test" in enabled.err
    eventually(lambda: _enabled(shop, "wild"))
    answer = _curl(shop, authority, "-i", f"https://any.wild.test:{shop.https_port}/", host="any.wild.test")
    assert "Nothing has been deployed here yet" in answer.out, answer
    calls = (shop.root / "hooks" / "calls").read_text().splitlines()
    assert calls == ["present _acme-challenge.wild.test", "cleanup _acme-challenge.wild.test"]


@pytest.mark.parametrize(
    ("domain", "words"),
    [
        ("*.wrong.test", "the authority could not validate the domain"),
        ("*.refused.test", "the zone says no"),
    ],
)
def test_a_proof_that_fails_is_told_and_changes_nothing(shop: Server, domain: str, words: str) -> None:
    name = domain.split(".")[1]
    assert shop.paas(f"apps:create {name}").status == 0
    assert shop.paas(f"letsencrypt:set {name} enabled false").status == 0
    assert shop.paas(f"domains:add {name} {domain}").status == 0
    refused = shop.paas(f"letsencrypt:enable {name}")
    assert refused.status == 1
    assert words in refused.err
    assert "failed" in shop.paas("letsencrypt:list").out
    assert shop.get(name, host=f"any.{name}.test").status == 503, "over HTTP it is served as before"


def test_a_revoked_certificate_is_not_served(shop: Server, authority: Pebble) -> None:
    assert shop.paas("apps:create gone").status == 0
    assert shop.paas("domains:add gone gone.test").status == 0
    eventually(lambda: _enabled(shop, "gone"))
    serial = _serial_of(shop.paas("certs:show gone crt").out)
    assert authority.status(serial) == "Valid"
    revoked = shop.paas("letsencrypt:revoke gone")
    assert revoked.status == 0, revoked.err
    assert authority.status(serial) == "Revoked"
    assert "unrecognized name" in _s_client(shop, "gone.test")


class Handshakes:
    """Visits a host every 150 ms, and counts what came of it by the serial number of the certificate, or the error."""

    def __init__(self, server: Server, authority: Pebble, host: str) -> None:
        self.seen: list[str] = []
        self._address = ("127.0.0.1", server.https_port)
        self._host = host
        self._trust = ssl.create_default_context(cafile=str(authority.root_file))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._over.wait(0.15):
            self.seen.append(self._visit())

    def _visit(self) -> str:
        try:
            with socket.create_connection(self._address, timeout=10) as plain, self._trust.wrap_socket(
                plain, server_hostname=self._host
            ) as client:
                found = client.getpeercert()
                return str(found["serialNumber"]) if found else ""
        except OSError as error:
            return str(error)

    def __enter__(self) -> Handshakes:
        # A host has a placeholder until the authority's certificate is there.
        eventually(lambda: re.fullmatch("[0-9A-F]+", self._visit()))
        self._thread.start()
        eventually(lambda: self.seen)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def more(self, number: int) -> None:
        """Waits until that many more visits are over."""
        before = len(self.seen)
        eventually(lambda: len(self.seen) >= before + number)


@pytest.mark.parametrize("down", [False, True], ids=["authority up", "authority down"])
def test_a_domain_that_moves_is_never_without_its_certificate(
    instance: Server, tmp_path: Path, shop: Server, authority: Pebble, down: bool
) -> None:
    host = "down.moving.test" if down else "up.moving.test"
    for line in ("apps:create first", "apps:create second", f"domains:add first {host}"):
        shop.paas(line)
    eventually(lambda: _enabled(shop, "first"))
    with Handshakes(shop, authority, host) as visits:
        if down:
            nowhere = authority.directory.replace("/dir", "/down")
            assert shop.paas(f"letsencrypt:set --global server {nowhere}").status == 0
        for line in (
            f"domains:remove first {host}",
            f"domains:add second {host}",
            f"domains:remove second {host}",
            f"redirect:add first {host} www.shop.test",
            "apps:destroy first --force",
            f"domains:add second {host}",
            "letsencrypt:auto-renew second",
        ):
            done = shop.paas(line)
            assert done.status == 0 or down, done.err
            visits.more(3)
            assert len(set(visits.seen)) == 1, (line, visits.seen)
        assert shop.paas(f"letsencrypt:set --global server {authority.directory}").status == 0
        assert shop.paas("apps:destroy second --force").status == 0
        visits.more(3)
    assert len(set(visits.seen)) == 1, visits.seen
