"""The seam between the platform and the reverse proxy at its edge."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from paas.core.edge.address import Address
from paas.core.edge.server_options import ServerOptions
from paas.core.edge.vhost import Vhost

EARLY_HINTS = "early-hints"
"""Capability of `Proxy.has`: passes on preliminary responses with the status 103."""


@dataclass(frozen=True)
class Switch:
    """One change of the edge.

    ``old_workers`` are the process ids of the workers that served before it and may still be finishing requests by the
    old configuration; empty if nothing was reloaded.
    """

    old_workers: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Waiting:
    """Old workers that still have connections: their number, the number of their clients, and the limit.

    ``ended`` is how many were ended since the start of the daemon because there were more.
    """

    workers: int = 0
    clients: int = 0
    most: int = 0
    ended: int = 0


@dataclass(frozen=True)
class Logs:
    """Log files: ``access`` has a JSON object per line, ``errors`` the server's messages."""

    access: Path
    errors: Path


class Proxy(Protocol):
    """Edge of one instance. Every method may be called from any thread and raises `ProxyError`."""

    def prepare(self) -> None:
        """Create the folders and the general configuration. Start and reload nothing."""

    def start(self) -> None:
        """Take over the running server, or start it, with the apps' files as they are; reload it if they are newer.

        Files and sockets that were removed are restored.
        """

    def running(self) -> bool:
        """Return True if the server of this instance runs."""

    def sound(self) -> bool:
        """Return True if it runs, answers, and none of its files is missing."""

    def version(self) -> str:
        """Return name and version of the program, as ``nginx/1.22.1``."""

    def publish(self, *vhosts: Vhost) -> Switch:
        """Publish the apps, all of them together or none.

        On return every new connection is served accordingly. After an error the previous state still serves. Raise
        `InvalidValue` if the configuration can't even be written.
        """

    def withdraw(self, key: str) -> Switch:
        """Remove the app: its hosts become unknown. Do nothing for an unknown app."""

    def sync(
        self, vhosts: Iterable[Vhost], options: ServerOptions | None = None, kept: Collection[str] = ()
    ) -> Switch:
        """Serve exactly these apps, and start the server if it does not run.

        ``options`` apply from then on; None keeps the present ones. The apps with the keys ``kept`` keep their
        configuration. There is at most one reload, and none if nothing changed. A refused app keeps its previous
        configuration, the others are published, and then the error is raised.
        """

    def drained(self, switch: Switch, addresses: Collection[Address] | None = None) -> bool:
        """Return True if no worker from before the switch passes requests to these addresses, or may still do so.

        Then their processes may end, although the workers may continue with connections of other apps. For None: return
        True if all those workers are gone.
        """

    def draining(self) -> Switch:
        """Return all workers that are finishing requests by an older configuration, for a restarted caller."""

    def waiting(self) -> Waiting:
        """Return the old workers that still have connections."""

    def has(self, module: str) -> bool:
        """Return True if the server has the optional module ``brotli`` or ``stream``, or supports `EARLY_HINTS`."""

    def config(self, key: str | None, *, snippets: bool = True) -> str:
        """Return the live configuration of the app, or for None that of the server; empty for an unknown app.

        Without ``snippets``, parts written by admins are left out.
        """

    def validate(self) -> tuple[int, str]:
        """Return exit status and output of the server's own check of the live configuration."""

    def logs(self) -> Logs:
        """Return the paths of the server's logs."""

    def rotate(self, max_bytes: int) -> None:
        """Rotate logs that are larger."""

    def stop(self) -> None:
        """End the server of this instance, if it runs."""
