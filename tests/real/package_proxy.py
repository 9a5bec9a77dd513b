"""An HTTP proxy of the tests' own, and behind it an index and a registry under names that no resolver knows."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import http.server
import io
import json
import socket
import struct
import tarfile
import threading
import zipfile
from typing import Any
from urllib.parse import urlsplit

import docker

INDEX, REGISTRY = "http://index.invalid/simple", "http://registry.invalid"
PACKAGE = "greeting-of-the-test"
TWIN = "six"
"""A name that the public index has, too; here it is version 1.0."""
TWIN_REGISTRY = "ms"
"""The same for the registry."""

SIOCGIFADDR = 0x8915
"""From linux/sockios.h: the address of an interface."""


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
    """Return this machine's address on the bridge of the build containers.

    The kernel knows it at all times. Engine 20.10 lists it as the network's gateway only from its second start on.
    """
    client = docker.from_env()
    try:
        options = client.networks.get("bridge").attrs["Options"]
    finally:
        client.close()
    bridge = options["com.docker.network.bridge.name"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        # struct ifreq: 16 bytes of name, then struct sockaddr_in, which has the address in its bytes 4 to 7.
        found = fcntl.ioctl(asking, SIOCGIFADDR, struct.pack("256s", bridge.encode()))
    return socket.inet_ntoa(found[20:24])


def _wheel(package: str) -> bytes:
    name = package.replace("-", "_")
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        made.writestr(f"{name}.py", 'TEXT = "from the index"\n')
        info = f"{name}-1.0.dist-info"
        made.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        made.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        made.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return data.getvalue()


def _tarball(package: str) -> bytes:
    files = {
        "package.json": json.dumps({"name": package, "version": "1.0.0", "main": "index.js"}),
        "index.js": 'module.exports = "from the registry";\n',
    }
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as made:
        for name, text in files.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(text)
            made.addfile(info, io.BytesIO(text.encode()))
    return data.getvalue()


WHEELS = {package: _wheel(package) for package in (PACKAGE, TWIN)}
TARBALLS = {package: _tarball(package) for package in (PACKAGE, TWIN_REGISTRY)}
WHEEL_HASHES = {package: hashlib.sha256(data).hexdigest() for package, data in WHEELS.items()}
INTEGRITIES = {
    package: "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode() for package, data in TARBALLS.items()
}
INTEGRITY = INTEGRITIES[PACKAGE]


def wheel_name(package: str) -> str:
    """Return the file name of the package's wheel."""
    return f"{package.replace('-', '_')}-1.0-py3-none-any.whl"


def _content(url: str, host: str) -> bytes | None:
    """What is at the address; asked without a proxy, both hosts are at the one that the client names."""
    parts = urlsplit(url)
    if parts.hostname:
        return CONTENTS.get((parts.hostname, parts.path))
    found = CONTENTS.get(("index.invalid", parts.path), CONTENTS.get(("registry.invalid", parts.path)))
    return found and found.replace(REGISTRY.encode(), f"http://{host}".encode())


def _contents() -> dict[tuple[str, str], bytes]:
    found = {}
    for package, data in WHEELS.items():
        name = wheel_name(package)
        found["index.invalid", f"/simple/{package}/"] = f'<a href="/files/{name}">{name}</a>'.encode()
        found["index.invalid", f"/files/{name}"] = data
    names = [wheel_name(package) for package in WHEELS]
    found["index.invalid", "/links"] = "".join(f'<a href="/files/{name}">{name}</a>' for name in names).encode()
    for package, data in TARBALLS.items():
        tarball = f"{package}-1.0.0.tgz"
        version = {
            "name": package,
            "version": "1.0.0",
            "main": "index.js",
            "dist": {"tarball": f"{REGISTRY}/{package}/-/{tarball}", "integrity": INTEGRITIES[package]},
        }
        about = {"name": package, "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
        found["registry.invalid", f"/{package}"] = json.dumps(about).encode()
        found["registry.invalid", f"/{package}/-/{tarball}"] = data
    return found


CONTENTS = _contents()


def _handler(asked: list[str]) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            content = _content(self.path, self.headers.get("Host", ""))
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
