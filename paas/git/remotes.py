"""Access to other servers: git repositories, archives, and the keys of ssh servers."""

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
    """Other servers. They may be slow, hostile or unreachable: all calls are limited in time and size.

    Credentials are stored in files below ``work`` while they are needed.
    """

    def __init__(self, work: Path) -> None:
        self._work = work

    def fetch(
        self, quarantine: Quarantine, remote: Remote, ref: str, means: RemoteCredentials, cancelled: threading.Event
    ) -> Fetched:
        """Fetch the ref (empty: the remote's HEAD) into the quarantine and check that nothing is missing.

        Raise `FetchFailed` with git's message.
        """
        return git_fetch.fetch(quarantine, remote, ref, means, cancelled, self._work)

    def download(self, remote: Remote, means: RemoteCredentials, cancelled: threading.Event) -> Iterator[bytes]:
        """Yield the content of the https address in chunks. Redirects are followed to https only."""
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
        """Return the addresses of a host; none for a name that does not resolve."""
        return egress.addresses(host)

    def host_keys(self, address: str) -> list[str]:
        """Return the present keys of the ssh server as lines of ``known_hosts``. Raise `FetchFailed` if there are none.
        """
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
    # Not read(): it waits for all requested bytes, which takes hours with a slow server.
    while chunk := response.read1(CHUNK):
        if cancelled.is_set():
            raise Cancelled("the download was cancelled")
        if time.monotonic() > deadline:
            raise TimeoutError("it took too long")
        got += len(chunk)
        yield chunk
    if said is not None and said.isdecimal() and got != int(said):
        raise EOFError(f"it ended after {got} of {said} bytes")


