"""HTTPS at a real nginx alone: certificates that it does not take, their files, and OCSP."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import ports
import pytest
from instance import eventually
from nginx_tools import App, running

from fakes.pki import Made
from paas.core.edge.address import local
from paas.core.edge.redirects import Redirect
from paas.core.edge.rules import Edge, Maintenance
from paas.core.edge.tls import Credential, Tls
from paas.core.edge.vhost import Vhost, VhostState
from paas.core.errors import ProxyError
from paas.core.secret import Secret
from paas.proxies.nginx.process import Nginx
from paas.proxies.nginx.proxy import NginxProxy

pytestmark = pytest.mark.real("nginx", "openssl")

NOW = time.time()
ROOT = Made.root(NOW)


class SecureEdge:
    """A real nginx with its proxy object, on two ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.plain_port, self.port = ports.free(2)
        self.folder = folder / "nginx"
        self.nginx = Nginx(self.folder, "127.0.0.1", self.plain_port, https_port=self.port)
        self.proxy = NginxProxy(self.nginx)
        self.trust = ssl.create_default_context(cadata=ROOT.crt)

    def publish(self, key: str, port: int, credential: Credential | None) -> None:
        tls = Tls((credential,) if credential else ())
        self.proxy.publish(Vhost(f"app-{key}", key, (f"{key}.example",), local(port), tls=tls))

    def peer(self, host: str) -> str:
        """The serial number of the certificate that a client gets, in hex."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as plain, self.trust.wrap_socket(
            plain, server_hostname=host
        ) as client:
            found = client.getpeercert()
            assert found
            return str(found["serialNumber"]).lower()

    def files(self) -> set[str]:
        return {path.name for path in (self.folder / "certificates").iterdir()}


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureEdge]:
    with running(SecureEdge(tmp_path_factory.mktemp("edge"))) as edge:
        yield edge


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with App() as app:
        yield app.port


def _credential(made: Made, *hosts: str, **more: bool) -> Credential:
    return Credential(made.crt, Secret(made.key), hosts, **more)


def _serial(made: Made) -> str:
    digits = f"{made.certificate.serial_number:x}"
    return digits.zfill(len(digits) + len(digits) % 2)


def test_a_certificate_that_nginx_refuses_breaks_nothing(edge: SecureEdge, port: int) -> None:
    good, other = ROOT.leaf(NOW, "a.example"), ROOT.leaf(NOW, "b.example")
    edge.publish("a", port, _credential(good, "a.example"))
    edge.publish("b", port, _credential(other, "b.example"))
    files = edge.files()
    assert len(files) == 2

    # As if the database had been damaged: commands check more than this.
    broken = Credential(good.crt.replace("M", "?", 1), Secret(other.key), ("b.example",))
    mismatched = Credential(good.crt, Secret(other.key), ("b.example",))
    for credential in (broken, mismatched):
        with pytest.raises(ProxyError, match="nginx refuses the configuration of app-b"):
            edge.publish("b", port, credential)
        assert edge.files() == files
        assert edge.peer("a.example") == _serial(good)
        assert edge.peer("b.example") == _serial(other)


def test_http_at_the_port_for_https_gets_a_page_that_says_so(edge: SecureEdge, port: int) -> None:
    edge.publish("a", port, _credential(ROOT.leaf(NOW, "a.example"), "a.example"))
    for host in ("a.example", "unknown.example"):
        client = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=10)
        with contextlib.closing(client):
            client.request("GET", "/", headers={"Host": host})
            answer = client.getresponse()
            assert (answer.status, "<title>This port speaks HTTPS</title>" in answer.read().decode()) == (400, True)


def test_files_of_keys_come_and_go_with_what_is_served(edge: SecureEdge, port: int) -> None:
    edge.proxy.sync([])
    assert edge.files() == set()
    old, new = ROOT.leaf(NOW, "a.example"), ROOT.leaf(NOW, "a.example")
    edge.publish("a", port, _credential(old, "a.example"))
    [path] = (edge.folder / "certificates").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    edge.publish("a", port, _credential(new, "a.example"))
    assert not path.exists()
    assert edge.peer("a.example") == _serial(new)

    # Somebody else's edge over the same folder, as after a restart of the daemon, changes nothing.
    again = NginxProxy(edge.nginx)
    again.sync([Vhost("app-a", "a", ("a.example",), local(port), tls=Tls((_credential(new, "a.example"),)))])
    assert edge.peer("a.example") == _serial(new)
    assert len(edge.files()) == 1


def _wild(edge: SecureEdge, port: int) -> Made:
    """App a with a wildcard and its certificate, as every test of hosts below it needs."""
    wild = ROOT.leaf(NOW, "*.wild.example")
    tls = Tls((_credential(wild, "*.wild.example"),))
    edge.proxy.publish(Vhost("app-a", "a", ("*.wild.example",), local(port), tls=tls))
    assert edge.peer("some.wild.example") == _serial(wild)
    return wild


@pytest.mark.parametrize(
    "neighbour",
    [
        Vhost("app-b", "b", ("api.wild.example",), local(1)),
        Vhost("app-b", "b", ("api.wild.example", "_"), local(1), edge=Edge(maintenance=Maintenance("Soon"))),
        Vhost("app-b", "b", ("api.wild.example",), state=VhostState.STOPPED),
        Vhost("app-b", "b", ("*.api.wild.example", "api.wild.example"), state=VhostState.EMPTY),
        Vhost("app-b", "b", ("b.example",), local(1), redirects=(Redirect("api.wild.example", "b.example"),)),
        Vhost("app-b", "b", (), state=VhostState.STOPPED, unserved=("api.wild.example",)),
        Vhost("paas_dashboard", "dashboard", ("api.wild.example",), socket="/run/web.sock"),
    ],
    ids=["live", "maintenance", "stopped", "empty", "redirect", "disabled", "dashboard"],
)
def test_a_host_without_a_certificate_is_not_answered_by_the_wildcard_of_another_app(
    edge: SecureEdge, port: int, neighbour: Vhost
) -> None:
    wild = _wild(edge, port)
    key = neighbour.key if neighbour.key != "dashboard" else "d"
    edge.proxy.publish(replace(neighbour, app="app-b", key=key))
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        edge.peer("api.wild.example")
    assert edge.peer("other.wild.example") == _serial(wild)

    # A browser that has a connection to the wildcard's app may use it for every name that the certificate covers.
    client = http.client.HTTPSConnection("127.0.0.1", edge.port, context=edge.trust, timeout=10)
    with contextlib.closing(client):
        plain = socket.create_connection(("127.0.0.1", edge.port), timeout=10)
        client.sock = edge.trust.wrap_socket(plain, server_hostname="other.wild.example")
        client.request("GET", "/", headers={"Host": "api.wild.example"})
        answer = client.getresponse()
        assert (answer.status, "not served over HTTPS" in answer.read().decode()) == (421, True)

    # With a certificate of its own it is served again, and once nobody has it the wildcard covers it.
    own = ROOT.leaf(NOW, "api.wild.example")
    edge.proxy.publish(Vhost("app-b", key, ("api.wild.example",), local(port),
                             tls=Tls((_credential(own, "api.wild.example"),))))  # fmt: skip
    assert edge.peer("api.wild.example") == _serial(own)
    edge.proxy.withdraw(key)
    assert edge.peer("api.wild.example") == _serial(wild)


def test_a_disabled_host_is_not_answered_by_the_wildcard_of_another_app_over_http(edge: SecureEdge, port: int) -> None:
    _wild(edge, port)

    def title(host: str) -> bool:
        client = http.client.HTTPConnection("127.0.0.1", edge.plain_port, timeout=10)
        with contextlib.closing(client):
            client.request("GET", "/", headers={"Host": host})
            answer = client.getresponse()
            return (answer.status, "No app at this address" in answer.read().decode()) == (404, True)

    assert not title("api.wild.example")
    edge.proxy.publish(Vhost("app-b", "b", (), state=VhostState.STOPPED, unserved=("api.wild.example", "_")))
    assert title("api.wild.example")
    assert not title("other.wild.example")
    edge.proxy.withdraw("b")
    assert not title("api.wild.example")


@contextlib.contextmanager
def _responder(folder: Path, port: int, leaf: Made) -> Iterator[None]:
    """An OCSP responder that knows the leaf."""
    for name, text in (("root.crt", ROOT.crt), ("root.key", ROOT.key)):
        (folder / name).write_text(text)
    end = leaf.certificate.not_valid_after_utc.strftime("%y%m%d%H%M%SZ")
    (folder / "index").write_text(f"V\t{end}\t\t{_serial(leaf).upper()}\tunknown\t/CN=ocsp.example\n")
    program = subprocess.Popen(
        ["openssl", "ocsp", "-index", "index", "-port", str(port), "-rsigner", "root.crt", "-rkey", "root.key", "-CA",
         "root.crt", "-ndays", "1"],
        cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        # nginx that finds nobody there asks again after five minutes only.
        eventually(lambda: _listens(port))
        yield
    finally:
        program.terminate()
        program.wait(10)


def _listens(port: int) -> bool:
    """Whether somebody listens on the port, for which there is no need to connect; see proc(5)."""
    tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]
    rows = [row.split() for table in tables if table.exists() for row in table.read_text().splitlines()]
    return any(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)


def test_the_answer_of_an_ocsp_responder_is_stapled(edge: SecureEdge, port: int, tmp_path: Path) -> None:
    [responder] = ports.free(1)
    leaf = ROOT.leaf(NOW, "ocsp.example", ocsp=f"http://127.0.0.1:{responder}")
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{edge.port}", "-servername", "ocsp.example", "-status"]

    def stapled() -> bool:
        done = subprocess.run(command, input="", capture_output=True, text=True, check=False, timeout=60)
        return "Cert Status: good" in done.stdout

    with _responder(tmp_path, responder, leaf):
        chain = leaf.crt + ROOT.crt
        edge.publish("ocsp", port, Credential(chain, Secret(leaf.key), ("ocsp.example",), stapling=True))
        # nginx asks after the first client came, who gets none yet.
        eventually(stapled)
