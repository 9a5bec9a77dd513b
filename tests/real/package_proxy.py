"""An HTTP proxy of the tests' own, and behind it an index and a registry under names that no resolver knows."""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import json
import tarfile
import threading
import zipfile
from typing import Any
from urllib.parse import urlsplit

import docker

INDEX, REGISTRY = "http://index.invalid/simple", "http://registry.invalid"
PACKAGE = "greeting-of-the-test"


class Proxy:
    """Listens where build containers reach it. ``asked`` are the addresses that were asked for, one after the other."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._server = http.server.ThreadingHTTPServer((_gateway(), 0), _handler(self.asked))
        self.address = "http://{}:{}".format(*self._server.server_address[:2])
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()


def _gateway() -> str:
    client = docker.from_env()
    try:
        return str(client.networks.get("bridge").attrs["IPAM"]["Config"][0]["Gateway"])
    finally:
        client.close()


def _wheel() -> bytes:
    name = PACKAGE.replace("-", "_")
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        made.writestr(f"{name}.py", 'TEXT = "from the index"\n')
        info = f"{name}-1.0.dist-info"
        made.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1.0\n")
        made.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        made.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return data.getvalue()


def _tarball() -> bytes:
    files = {
        "package.json": json.dumps({"name": PACKAGE, "version": "1.0.0", "main": "index.js"}),
        "index.js": 'module.exports = "from the registry";\n',
    }
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as made:
        for name, text in files.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(text)
            made.addfile(info, io.BytesIO(text.encode()))
    return data.getvalue()


WHEEL, TARBALL = _wheel(), _tarball()
INTEGRITY = "sha512-" + base64.b64encode(hashlib.sha512(TARBALL).digest()).decode()


def _content(url: str) -> bytes | None:
    parts = urlsplit(url)
    wheel, tarball = f"{PACKAGE.replace('-', '_')}-1.0-py3-none-any.whl", f"{PACKAGE}-1.0.0.tgz"
    version = {
        "name": PACKAGE,
        "version": "1.0.0",
        "main": "index.js",
        "dist": {"tarball": f"{REGISTRY}/{PACKAGE}/-/{tarball}", "integrity": INTEGRITY},
    }
    return {
        ("index.invalid", f"/simple/{PACKAGE}/"): f'<a href="/files/{wheel}">{wheel}</a>'.encode(),
        ("index.invalid", f"/files/{wheel}"): WHEEL,
        ("registry.invalid", f"/{PACKAGE}"): json.dumps(
            {"name": PACKAGE, "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
        ).encode(),
        ("registry.invalid", f"/{PACKAGE}/-/{tarball}"): TARBALL,
    }.get((parts.hostname or "", parts.path))


def _handler(asked: list[str]) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            content = _content(self.path)
            self.send_response(404 if content is None else 200)
            kind = "text/html" if "/simple/" in self.path else "application/octet-stream"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content or b"")

        do_HEAD = do_GET

        def do_CONNECT(self) -> None:
            asked.append(self.path)
            self.send_error(502)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
