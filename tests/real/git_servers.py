"""Git servers of the tests' own, on loopback: git's http-backend over TLS with a private authority, and an sshd."""

from __future__ import annotations

import base64
import http.server
import os
import socket
import ssl
import subprocess
import threading
from pathlib import Path
from typing import Any

from instance import run


class Https:
    """``git http-backend`` for the repositories below a folder, and plain files, with a certificate of ``ca.pem``.

    ``password`` is what the user ``bot`` has to give; empty lets everybody in. ``seen`` has what was asked for.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        self.root = root
        self.password = ""
        self.redirect = ""
        self.moved: dict[str, str] = {}
        self.seen: list[tuple[str, bool]] = []
        self.authority = folder / "ca.pem"
        _certificate(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem", folder / "server.key")
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.address = f"localhost:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def url(self, path: str) -> str:
        """The address of what is at the path."""
        return f"https://{self.address}/{path}"

    def close(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()


def _certificate(folder: Path) -> None:
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    run(
        *("openssl", "req", "-x509", *key, "-keyout", str(folder / "ca.key"), "-out", str(folder / "ca.pem")),
        *("-subj", "/CN=Test authority", "-days", "2"),
    )
    run(
        *("openssl", "req", *key, "-keyout", str(folder / "server.key"), "-out", str(folder / "csr")),
        *("-subj", "/CN=localhost"),
    )
    (folder / "ext").write_text("subjectAltName=DNS:localhost\n")
    run(
        *("openssl", "x509", "-req", "-in", str(folder / "csr"), "-CA", str(folder / "ca.pem"), "-days", "2"),
        *("-CAkey", str(folder / "ca.key"), "-CAcreateserial", "-extfile", str(folder / "ext")),
        *("-out", str(folder / "server.pem")),
    )


def _handler(site: Https) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def _serve(self) -> None:
            given = self.headers.get("Authorization", "")
            site.seen.append((self.path, bool(given)))
            old = next((path for path in site.moved if self.path.startswith(path)), "")
            if old:
                self._answer(301, b"", {"Location": site.moved[old] + self.path.removeprefix(old)})
            elif site.redirect:
                self._answer(302, b"", {"Location": site.redirect})
            elif site.password and given != "Basic " + base64.b64encode(f"bot:{site.password}".encode()).decode():
                self._answer(401, b"", {"WWW-Authenticate": 'Basic realm="git"'})
            elif (site.root / self.path.lstrip("/")).is_file():
                self._answer(200, (site.root / self.path.lstrip("/")).read_bytes(), {})
            else:
                self._git()

        do_GET = do_POST = _serve

        def _git(self) -> None:
            path, _, query = self.path.partition("?")
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            environment = {
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(site.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "REQUEST_METHOD": self.command,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "GIT_CONFIG_NOSYSTEM": "1",
            }
            backend = ["git", "http-backend"]
            done = subprocess.run(backend, input=body, env=environment, capture_output=True, check=False)
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            status = int(headers.pop("Status", "200").split()[0])
            self._answer(status, content, headers)

        def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *words: Any) -> None:
            pass

    return Handler


class Sshd:
    """OpenSSH's server, which lets the keys in ``authorized`` in as this user."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authorized = folder / "authorized"
        self.authorized.touch()
        self.new_host_key()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.start()

    def new_host_key(self) -> None:
        """Another server might stand in for it: it has another key."""
        for path in self.folder.glob("host*"):
            path.unlink()
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / "host"))

    def start(self) -> None:
        """Starts it and returns once it listens."""
        (self.folder / "config").write_text(
            f"ListenAddress 127.0.0.1:{self.port}\nHostKey {self.folder}/host\nAuthorizedKeysFile {self.authorized}\n"
            "StrictModes no\nUsePAM no\nPidFile none\nPasswordAuthentication no\n"
        )
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        line = ["/usr/sbin/sshd", "-D", "-e", "-f", str(self.folder / "config")]
        self._process = subprocess.Popen(line, stderr=subprocess.PIPE)
        assert self._process.stderr is not None
        assert b"listening" in self._process.stderr.readline()

    def stop(self) -> None:
        """Ends it."""
        self._process.terminate()
        self._process.communicate()
