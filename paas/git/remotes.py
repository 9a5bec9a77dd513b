"""Reaches other servers: git repositories, archives, and the keys of their ssh servers."""

from __future__ import annotations

import http.client
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from paas.core.access.remote_credentials import Fetched, RemoteCredentials
from paas.core.errors import Cancelled, PaasError
from paas.core.git import url
from paas.core.git.url import Remote
from paas.git import fetch as git_fetch
from paas.git.addresses import FetchFailed
from paas.git.quarantine import Quarantine
from paas.system import egress, https
from paas.system.spool import CHUNK

_SOCKET_SECONDS = 30
_SCAN_SECONDS = 10


class Remotes:
    """The other servers. Anything may be slow, hostile or absent: all calls are bounded in time and size.

    Credentials are in files below ``work`` as long as they are needed.
    """

    def __init__(self, work: Path) -> None:
        self._work = work

    def fetch(
        self, quarantine: Quarantine, remote: Remote, ref: str, means: RemoteCredentials, cancelled: threading.Event
    ) -> Fetched:
        """Fetches the ref (empty: the remote's HEAD) into the quarantine and checks that nothing is missing.

        Raises `FetchFailed` with what git said.
        """
        return git_fetch.fetch(quarantine, remote, ref, means, cancelled, self._work)

    def download(self, remote: Remote, means: RemoteCredentials, cancelled: threading.Event) -> Iterator[bytes]:
        """The body of what is at the https address, in chunks. Redirects are followed to https only."""
        deadline = time.monotonic() + means.timeout
        try:
            with https.opened(remote.url, means, _SOCKET_SECONDS) as response:
                yield from _chunks(response, deadline, cancelled)
        except (OSError, ValueError, EOFError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise FetchFailed(
                f"{remote.url} could not be downloaded", why=str(reason) or type(error).__name__, code="download-failed"
            ) from error

    def addresses(self, host: str) -> list[str]:
        """The addresses that a host has for this server; none for a name that does not resolve."""
        return egress.addresses(host)

    def host_keys(self, address: str) -> list[str]:
        """The keys that the ssh server shows now, as lines of ``known_hosts``; `FetchFailed` if it shows none."""
        host, _, port = url.host(address).partition(":")
        argv = ["ssh-keyscan", "-T", str(_SCAN_SECONDS), *(["-p", port] if port else []), "--", host]
        try:
            done = subprocess.run(
                argv, capture_output=True, timeout=2 * _SCAN_SECONDS, check=False, stdin=subprocess.DEVNULL
            )
        except FileNotFoundError as error:
            raise PaasError(
                "ssh is not installed on the server",
                fix="Install it there: apt-get install openssh-client",
                code="no-ssh",
            ) from error
        except subprocess.TimeoutExpired as error:
            raise FetchFailed(f"{address} does not answer", code="host-silent") from error
        said = done.stdout.decode(errors="replace").splitlines()
        lines = [line for line in said if line and not line.startswith("#")]
        if not lines:
            raise FetchFailed(
                f"{address} shows no ssh host key", why="It does not answer, or is no ssh server.", code="host-silent"
            )
        return sorted(lines)


def _chunks(response: Any, deadline: float, cancelled: threading.Event) -> Iterator[bytes]:
    said = response.headers.get("Content-Length")
    got = 0
    # Not read: it waits until it has all that was asked for, and a slow server takes hours for that.
    while chunk := response.read1(CHUNK):
        if cancelled.is_set():
            raise Cancelled("the download was cancelled")
        if time.monotonic() > deadline:
            raise TimeoutError("it took too long")
        got += len(chunk)
        yield chunk
    if said is not None and said.isdecimal() and got != int(said):
        raise EOFError(f"it ended after {got} of {said} bytes")


