"""What the engine asks of the edge, whichever program serves it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from paas.core.edge.address import Address
from paas.core.edge.server_options import ServerOptions
from paas.core.edge.vhost import Vhost

EARLY_HINTS = "early-hints"
"""What `Proxy.has` is asked of a server that passes on preliminary answers with the status 103."""


@dataclass(frozen=True)
class Switch:
    """One change of the edge.

    ``old_workers`` are the process ids of the workers that served before it and may still be finishing requests by
    the old configuration; empty when nothing was reloaded.
    """

    old_workers: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Waiting:
    """Old workers that go on with their connections: how many, with how many clients, and the most that may be.

    ``ended`` is how many were ended since the start of the daemon because there were more.
    """

    workers: int = 0
    clients: int = 0
    most: int = 0
    ended: int = 0


@dataclass(frozen=True)
class Logs:
    """The files: ``access`` has a JSON object a line, ``errors`` the words of the server."""

    access: Path
    errors: Path


class Proxy(Protocol):
    """The edge of one instance. Every method may be called from any thread and raises `ProxyError`."""

    def prepare(self) -> None:
        """Make the folders and the general configuration. Starts and reloads nothing."""

    def start(self) -> None:
        """Take over the running server, or start it, with the apps' files as they are; reload if they are newer.

        What somebody removed of it, its files or its sockets, is put back.
        """

    def running(self) -> bool:
        """Whether the server of this instance runs."""

    def sound(self) -> bool:
        """Whether it runs, can be asked, and every file is there that it was given."""

    def version(self) -> str:
        """Name and version of the program, as ``nginx/1.22.1``."""

    def publish(self, *vhosts: Vhost) -> Switch:
        """Make requests for the apps go where these say, all of them together or none.

        On return every new connection is served so. On an error what served before still does; it is `InvalidValue`
        where the words for the server could not even be written.
        """

    def withdraw(self, key: str) -> Switch:
        """Forget the app: its hosts become unknown ones. Nothing happens if there is none."""

    def sync(
        self, vhosts: Iterable[Vhost], options: ServerOptions | None = None, kept: Collection[str] = ()
    ) -> Switch:
        """Make the edge serve exactly these apps, and start the server where it does not run.

        ``options`` hold from then on; None leaves those that hold. The apps with the keys ``kept`` keep what they had.

        At most one reload, and none if nothing changed. An app that is refused keeps what it had, the others are
        taken up all the same, and then the error is raised.
        """

    def drained(self, switch: Switch, addresses: Collection[Address] | None = None) -> bool:
        """Whether no worker from before the switch passes requests on to these addresses, or may do so yet.

        So the processes there may go, though the workers may go on with connections of other apps. For None: whether
        all those workers are gone.
        """

    def draining(self) -> Switch:
        """All workers that are finishing requests by an older configuration now: for a caller that was restarted."""

    def waiting(self) -> Waiting:
        """The workers of before that go on, and what they go on with."""

    def has(self, module: str) -> bool:
        """Whether the server has the optional module ``brotli`` or ``stream``, or can do `EARLY_HINTS`."""

    def config(self, key: str | None, *, snippets: bool = True) -> str:
        """The configuration of the app as it is live, or for None that of the server; empty for no app.

        Without ``snippets`` what admins wrote is left out.
        """

    def validate(self) -> tuple[int, str]:
        """The exit status of the server's own check of everything that is live, and what it said."""

    def logs(self) -> Logs:
        """Where the server writes what it does."""

    def rotate(self, max_bytes: int) -> None:
        """Put logs that are larger aside and begin new ones."""

    def stop(self) -> None:
        """End the server of this instance; nothing happens when it does not run."""
