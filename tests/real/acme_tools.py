"""A real ACME authority on loopback: pebble, with the DNS server that it asks."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ports
from instance import eventually

from fakes.pki import Made

HOOK = """\
#!/usr/bin/env python3
import json, os, sys, urllib.request
verb, record, value = sys.argv[1:]
assert record == os.environ["PAAS_RECORD"] and value == os.environ["PAAS_VALUE"]
if verb == "present":
    print("the zone says no" if os.environ["PAAS_DOMAIN"].startswith("*.refused") else "", file=sys.stderr)
    sys.exit(3) if os.environ["PAAS_DOMAIN"].startswith("*.refused") else None
    if os.environ["PAAS_DOMAIN"].startswith("*.wrong"):
        value = "something else"
path, data = {"present": ("set-txt", {"value": value}), "cleanup": ("clear-txt", {})}[verb]
body = json.dumps({"host": record + ".", **data}).encode()
urllib.request.urlopen(urllib.request.Request("http://127.0.0.1:PORT/" + path, body), timeout=10).read()
open(os.path.join(os.path.dirname(__file__), "calls"), "a").write(verb + " " + record + "\\n")
"""


class Pebble:
    """``directory`` is the address of the authority, ``ca_file`` has the root by which it is trusted, ``root_file`` the
    root of what it issues, ``dns`` is ``ADDRESS:PORT`` of its name server, where every name leads to 127.0.0.1."""

    def __init__(self, folder: Path, http_port: int) -> None:
        names = ("directory", "management", "dns", "records")
        taken = dict(zip(names, ports.free(len(names)), strict=True))
        folder.mkdir()
        self.ca_file = folder / "ca.pem"
        self.root_file = folder / "root.pem"
        self.directory = f"https://localhost:{taken['directory']}/dir"
        self.dns = f"127.0.0.1:{taken['dns']}"
        self.records = taken["records"]
        self.management = f"https://localhost:{taken['management']}"
        own = Made.root(time.time()).leaf(time.time(), "localhost")
        assert own.issuer
        self.ca_file.write_text(own.issuer.crt)
        (folder / "cert.pem").write_text(own.crt)
        (folder / "key.pem").write_text(own.key)
        config = {
            "listenAddress": f"127.0.0.1:{taken['directory']}",
            "managementListenAddress": f"127.0.0.1:{taken['management']}",
            "certificate": str(folder / "cert.pem"),
            "privateKey": str(folder / "key.pem"),
            "httpPort": http_port,
            "tlsPort": 1,
        }
        (folder / "config.json").write_text(json.dumps({"pebble": config}))
        # Three of ten good nonces are refused, and a proof is looked for again each time.
        environment = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "30", "PEBBLE_AUTHZREUSE": "0"}
        nothing = ("-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", "")
        self.log = (folder / "log").open("wb")
        self._programs = [
            self._begin(environment, "pebble-challtestsrv", "-dns01", self.dns, "-management",
                        f"127.0.0.1:{self.records}", *nothing),
            self._begin(environment, "pebble", "-config", str(folder / "config.json"), "-dnsserver", self.dns,
                        "-strict"),
        ]  # fmt: skip
        self.root_file.write_bytes(eventually(lambda: self.ask("/roots/0")))

    def _begin(self, environment: dict[str, str], *command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT
        )

    def ask(self, path: str) -> bytes:
        """What the management interface answers; empty when it does not."""
        trust = ssl.create_default_context(cafile=str(self.ca_file))
        try:
            with urllib.request.urlopen(self.management + path, timeout=5, context=trust) as answer:
                return bytes(answer.read())
        except (OSError, http.client.HTTPException):
            return b""

    def status(self, serial: str) -> Any:
        """What the authority says of the certificate with that serial number: Valid or Revoked."""
        return json.loads(self.ask(f"/cert-status-by-serial/{serial}"))["Status"]

    def hook(self, path: Path) -> None:
        """Writes a hook program that keeps records in the name server."""
        path.parent.mkdir(exist_ok=True)
        path.write_text(HOOK.replace("PORT", str(self.records)))
        path.chmod(0o755)

    def close(self) -> None:
        """Ends both programs."""
        for program in self._programs:
            program.terminate()
            program.wait(10)
        self.log.close()


@contextlib.contextmanager
def pebble_at(folder: Path, http_port: int) -> Iterator[Pebble]:
    """A running authority, which is gone afterwards."""
    pebble = Pebble(folder, http_port)
    try:
        yield pebble
    finally:
        pebble.close()
