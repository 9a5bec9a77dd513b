"""Runs the cases against an instance, and prints a line each: ``scripts/cases [CASE...]``.

A case is a shell script that does what a user did when something went wrong, and exits with 0 when everything was as
its lines expect. Without a running instance in the environment (``KEY``, ``PAAS_ROOT``, …, see ``lib.sh``) it
starts one and removes it again.
"""

from __future__ import annotations

import os
import shlex
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

CASES = Path(__file__).resolve().parent
SOURCES = CASES.parent.parent
sys.path[:0] = [str(SOURCES), str(SOURCES / "tests" / "real")]

from acme_tools import Pebble  # noqa: E402
from instance import Server, eventually  # noqa: E402

from paas.builders import buildkit, stack  # noqa: E402

SECONDS = 600
"""How long a case may take."""
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


def main(names: list[str]) -> int:
    """Run the cases with these names, or all; return the exit status."""
    scripts = [path for path in sorted(CASES.glob("*/*.sh")) if not names or _name(path) in names]
    unknown = set(names) - {_name(path) for path in scripts}
    if unknown:
        print(f"no such case: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    with ExitStack() as kept:
        environment = dict(os.environ) if "KEY" in os.environ else kept.enter_context(instance())
        faults = [path for path in scripts if not passes(path, environment)]
    print(f"{len(scripts) - len(faults)} passed, {len(faults)} failed")
    return 1 if faults else 0


def passes(path: Path, environment: Mapping[str, str]) -> bool:
    """Run one case and print its line; of one that fails, also what was not as expected."""
    began = time.monotonic()
    try:
        done = subprocess.run(
            ["bash", str(path)], env=environment, capture_output=True, text=True, errors="replace",
            stdin=subprocess.DEVNULL, timeout=SECONDS, check=False,
        )  # fmt: skip
        status, said = done.returncode, done.stdout + done.stderr
    except subprocess.TimeoutExpired:
        status, said = -1, f"not as expected: it has not ended after {SECONDS} s"
    good = status == 0 and "ok: " in said
    print(f"{'ok   ' if good else 'FAULT'} {_name(path):45} {time.monotonic() - began:5.1f} s", flush=True)
    if not good:
        lines = said.splitlines()
        for line in [line for line in lines if line.startswith("not as expected")] or lines[-5:]:
            print(f"      {line}", flush=True)
    return good


@contextmanager
def instance() -> Iterator[dict[str, str]]:
    """Start an instance and an ACME authority, and yield the environment of the cases."""
    stack.ensure("bookworm", docker_cli=buildkit.cli()[0], progress=print)
    with tempfile.TemporaryDirectory(prefix="paas-cases-") as name, ExitStack() as kept:
        folder = Path(name)
        folder.chmod(0o711)
        (folder / "server").mkdir()
        server = Server(folder / "server", "--domain=cases.test")
        kept.callback(server.close)
        stop_authority = folder / "stop-authority"
        pebble = kept.enter_context(_authority(folder / "pebble", server.http_port, stop_authority))
        for line in (
            f"settings:set dns-server {pebble.dns}",
            # Loopback is no address at which the world finds a name.
            "settings:set public-addresses 127.0.0.1",
            f"settings:set build-ca-file {CA_BUNDLE}",
            f"letsencrypt:set --global server {pebble.directory}",
            f"letsencrypt:set --global server-ca-file {pebble.ca_file}",
            "letsencrypt:set --global email ada@example.org",
        ):
            done = server.paas(line)
            assert done.status == 0, done.err
        eventually(lambda: _handshake(server.https_port, "paas.cases.test"))
        program = folder / "paas"
        program.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, "-m", "paas"])} "$@"\n')
        program.chmod(0o755)
        own = {
            "PAAS": program, "PAAS_ROOT": server.root, "DOMAIN": "cases.test", "KEY": server.key,
            "SSH_PORT": server.ssh_port, "HTTP_PORT": server.http_port, "HTTPS_PORT": server.https_port,
            "STOP_AUTHORITY": stop_authority,
        }  # fmt: skip
        yield server.git_environment() | {key: str(value) for key, value in own.items()}


def _handshake(port: int, host: str) -> bool:
    """Whether the host has a certificate, of whatever authority."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection(("127.0.0.1", port)) as plain, context.wrap_socket(plain, server_hostname=host):
            return True
    except OSError:
        return False


@contextmanager
def _authority(folder: Path, http_port: int, stop: Path) -> Iterator[Pebble]:
    """Start pebble; it ends when the file ``stop`` is there, as a case wants it, or at the end."""
    pebble = Pebble(folder, http_port)
    over = threading.Event()

    def watch() -> None:
        while not stop.exists() and not over.wait(0.1):
            pass
        pebble.close()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield pebble
    finally:
        over.set()
        watcher.join()


def _name(path: Path) -> str:
    return str(path.relative_to(CASES).with_suffix(""))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
