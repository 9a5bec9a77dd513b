"""Drains to a real rsyslog, over TCP and TLS, and to a web server over HTTP and HTTPS, which go away and come back."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from instance import Server, eventually, run

pytestmark = pytest.mark.real

CONFIG = """\
global(workDirectory="{folder}" maxMessageSize="2m" {tls})
module(load="imtcp" {driver})
template(name="line" type="string" string="%hostname% %app-name% %procid% %msg%\\n")
input(type="imtcp" port="{port}" address="127.0.0.1")
*.* action(type="omfile" file="{folder}/received" template="line")
"""
CERTIFICATES = 'defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="{0}/ca.pem" ' \
    'defaultNetstreamDriverCertFile="{0}/server.pem" defaultNetstreamDriverKeyFile="{0}/server.key"'
DRIVER = 'StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="anon"'


class Rsyslog:
    """A syslog server of its own, in a folder."""

    def __init__(self, folder: Path, *, tls: bool) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.port = taken.getsockname()[1]
        if tls:
            certificates(folder)
        tls_text, driver = (CERTIFICATES.format(folder), DRIVER) if tls else ("", "")
        (folder / "rsyslog.conf").write_text(
            CONFIG.format(folder=folder, port=self.port, tls=tls_text, driver=driver)
        )
        self._program: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once it accepts connections."""
        program = shutil.which("rsyslogd", path="/usr/sbin:/sbin:/usr/bin")
        assert program, "rsyslog is not installed: scripts/install-deps rsyslog"
        argv = [program, "-n", "-f", str(self.folder / "rsyslog.conf"), "-i", str(self.folder / "pid")]
        self._program = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        eventually(self._accepts)

    def _accepts(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        """It writes down what it has, and ends."""
        if self._program is not None:
            self._program.terminate()
            self._program.wait(60)
            self._program = None

    def texts(self, source: str) -> list[str]:
        """What came of the source, in order."""
        path = self.folder / "received"
        # Without the line that is being written.
        lines = path.read_text(errors="replace").split("\n")[:-1] if path.exists() else []
        return [line.split(" ", 3)[3].strip() for line in lines if line.split(" ")[1:2] == [source]]


def certificates(folder: Path) -> None:
    """An authority, and a server's certificate for 127.0.0.1 by it."""
    for words in (
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout {0}/ca.key -out {0}/ca.pem",
        "req -newkey rsa:2048 -nodes -subj /CN=server -addext subjectAltName=IP:127.0.0.1 -keyout {0}/server.key "
        "-out {0}/server.csr",
        "x509 -req -in {0}/server.csr -CA {0}/ca.pem -CAkey {0}/ca.key -CAcreateserial -days 2 -copy_extensions copy "
        "-out {0}/server.pem",
    ):
        run("openssl", *words.format(folder).split())


@pytest.fixture(params=["tcp", "tls"])
def rsyslog(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rsyslog]:
    """A syslog server that runs."""
    server = Rsyslog(tmp_path, tls=request.param == "tls")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def speaker(instance: Server, stack: str, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """An instance with the app ``speaker``: its worker writes what it reads from a named pipe in its container."""
    code = tmp_path_factory.mktemp("speaker")
    (code / "Dockerfile").write_text(f"FROM {stack}\nRUN mkfifo /in\n")
    (code / "Procfile").write_text("worker: while true; do cat /in; done\n")
    pushed = instance.git_push(code, "speaker")
    assert pushed.status == 0, pushed.err
    assert instance.paas("ps:scale speaker worker=1").status == 0
    assert instance.paas("ps:set speaker stop-timeout-seconds 1").status == 0
    return instance


def say(server: Server, *texts: str) -> None:
    listed = subprocess.run(
        ["docker", "ps", "-q", "--filter", f"label=paas.instance={server.instance()}",
         "--filter", "label=paas.process=worker"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    # The newest is first: those of before a restart may still be there.
    container = listed.stdout.split()[0]
    data = "".join(f"{text}\n" for text in texts).encode()
    subprocess.run(["docker", "exec", "-i", container, "sh", "-c", "cat > /in"], input=data, check=True)


def _sent(server: Server) -> int:
    """How many lines the drain has sent, by its own count."""
    (drain,) = json.loads(server.paas("logs:drain list speaker --format json").out)
    return int(drain["sent"])


def test_rsyslog_has_every_line_although_it_was_away_and_the_server_killed(speaker: Server, rsyslog: Rsyslog) -> None:
    tls = (rsyslog.folder / "ca.pem").exists()
    scheme, trust = ("syslog+tls", f"--ca-file {rsyslog.folder}/ca.pem") if tls else ("syslog+tcp", "")
    added = speaker.paas(f"logs:drain add speaker {scheme}://127.0.0.1:{rsyslog.port} {trust}")
    assert added.status == 0, added.err
    say(speaker, "one", "grüße", "x" * 100_000)
    eventually(lambda: len(rsyslog.texts("app")) == 3)
    # What has arrived and is not recorded yet would be sent once more.
    eventually(lambda: _sent(speaker) >= 3)

    rsyslog.stop()
    say(speaker, *(f"away {number}" for number in range(1000)))
    eventually(lambda: "refused" in speaker.paas("logs:drain list speaker").out)
    speaker.kill9()
    say(speaker, "while nobody looked")
    speaker.start()
    assert speaker.paas("ps:restart speaker").status == 0
    say(speaker, "after")
    rsyslog.start()

    eventually(lambda: "after" in rsyslog.texts("app"))
    away = [f"away {number}" for number in range(1000)]
    assert rsyslog.texts("app") == ["one", "grüße", "x" * 100_000, *away, "while nobody looked", "after"]
    assert any("ps:restart by" in text for text in rsyslog.texts("platform"))
    number = speaker.paas("logs:drain list speaker").out.split()[0]
    assert speaker.paas(f"logs:drain remove speaker {number}").status == 0


class Collector:
    """A web server that takes batches, once it `start`s; with ``fails`` it answers 503."""

    def __init__(self, folder: Path, *, tls: bool) -> None:
        self.folder = folder
        self.lines: list[str] = []
        self.fails = False
        self.refused = 0
        self.port = 0
        self._tls = tls
        self._server: ThreadingHTTPServer | None = None
        if tls:
            certificates(folder)

    def start(self) -> None:
        """It listens, on the port of before if there was one."""
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                fails = collector.fails
                collector.refused += fails
                self.send_response(503 if fails else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()
                if not fails:
                    rows = [json.loads(line) for line in body.splitlines()]
                    collector.lines += [row["text"] for row in rows if row["source"] == "app"]

            def log_message(self, *arguments: object) -> None:
                pass

        ThreadingHTTPServer.allow_reuse_address = True
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        if self._tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Nobody listens any more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@pytest.fixture(params=["http", "https"])
def collector(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Collector]:
    """A web server that runs."""
    server = Collector(tmp_path, tls=request.param == "https")
    server.start()
    yield server
    server.stop()


def test_a_web_server_has_every_line_although_it_failed_and_was_away(speaker: Server, collector: Collector) -> None:
    tls = (collector.folder / "ca.pem").exists()
    scheme, trust = ("https", f"--ca-file {collector.folder}/ca.pem") if tls else ("http", "")
    added = speaker.paas(f"logs:drain add speaker {scheme}://127.0.0.1:{collector.port}/tök {trust}")
    assert added.status == 0, added.err
    say(speaker, "one", "10%\r20%")
    eventually(lambda: len(collector.lines) == 2)

    collector.fails = True
    say(speaker, "while it fails")
    eventually(lambda: collector.refused)
    collector.stop()
    say(speaker, *(f"away {number}" for number in range(1000)))
    eventually(lambda: "refused" in speaker.paas("logs:drain list speaker").out)
    collector.fails = False
    collector.start()

    say(speaker, "after")
    eventually(lambda: "after" in collector.lines)
    away = [f"away {number}" for number in range(1000)]
    assert collector.lines == ["one", "10%\r20%", "while it fails", *away, "after"]
    (drain,) = json.loads(speaker.paas("logs:drain list speaker --format json").out)
    assert (drain["dropped"], drain["gaps"]) == (0, 0)
    assert speaker.paas(f"logs:drain remove speaker {drain['id']}").status == 0
