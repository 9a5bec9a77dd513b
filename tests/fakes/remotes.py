"""Other servers: repositories in folders, archives in memory."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from paas.core.access.remote_credentials import Fetched, Login, RemoteCredentials
from paas.core.git.url import FILE, Remote
from paas.git import process
from paas.git.addresses import FetchFailed
from paas.git.quarantine import Quarantine
from paas.git.remotes import Remotes


@dataclass(frozen=True)
class Asked:
    """One request to another server."""

    url: str
    ref: str
    means: RemoteCredentials


class FakeRemotes(Remotes):
    """`Remotes` whose servers a test defines. An unknown server does not answer."""

    def __init__(self, work: Path) -> None:
        super().__init__(work)
        self.repositories: dict[str, Path] = {}
        self.archives: dict[str, bytes] = {}
        self.keys: dict[str, list[str]] = {}
        self.wants: dict[str, Login] = {}
        self.asked: list[Asked] = []
        self.hosts: dict[str, list[str]] = {"localhost": ["127.0.0.1", "::1"]}

    def fetch(
        self, quarantine: Quarantine, remote: Remote, ref: str, means: RemoteCredentials, cancelled: threading.Event
    ) -> Fetched:
        """Copy the objects from the folder, as git would. An empty ref is ``HEAD`` there."""
        self._let_in(remote, ref, means)
        folder = self.repositories.get(remote.url)
        if remote.scheme == FILE:
            return super().fetch(quarantine, remote, ref, means, cancelled)
        if folder is None:
            raise FetchFailed(f"{remote.url} could not be fetched", why="it is not there")
        branch = ref or process.run(folder, ["symbolic-ref", "--short", "HEAD"]).decode().strip()
        commit = process.run(folder, ["rev-parse", f"{branch}^{{commit}}"]).decode().strip()
        is_branch = (folder / "refs/heads" / branch).exists()
        pack = process.run(folder, ["pack-objects", "--revs", "--stdout", "--quiet"], text=f"{commit}\n".encode())
        options = ["index-pack", "--stdin", "--fix-thin"]
        process.run(quarantine.repository.path, options, extra=quarantine.environment(), text=pack)
        return Fetched(commit, branch if is_branch else "")

    def download(self, remote: Remote, means: RemoteCredentials, cancelled: threading.Event) -> Iterator[bytes]:
        """Yield the archive in pieces."""
        self._let_in(remote, "", means)
        data = self.archives.get(remote.url)
        if data is None:
            raise FetchFailed(f"{remote.url} could not be downloaded", why="HTTP Error 404: Not Found")
        return (data[at : at + 1000] for at in range(0, len(data), 1000))

    def addresses(self, host: str) -> list[str]:
        """Return the defined addresses; for other hosts one of the internet."""
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            return self.hosts.get(host, ["1.1.1.1"])

    def host_keys(self, address: str) -> list[str]:
        """Return the defined keys."""
        if address not in self.keys:
            raise FetchFailed(f"{address} shows no ssh host key", code="host-silent")
        return self.keys[address]

    def _let_in(self, remote: Remote, ref: str, means: RemoteCredentials) -> None:
        self.asked.append(Asked(remote.url, ref, means))
        if remote.scheme != FILE:
            means.egress.check(remote.host, self.addresses(remote.host))
        wanted = self.wants.get(remote.address)
        if wanted is not None and means.login != wanted:
            raise FetchFailed(f"{remote.url} could not be fetched", why="Authentication failed")
