"""Virtual host of one app: its hosts, the ports of its processes, and its options.

All values are checked on construction, so every `Vhost` is safe to write into a configuration file.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field

from paas.core.edge.address import Address, check_addresses
from paas.core.edge.hosts import CATCH_ALL
from paas.core.edge.hosts import host_name as host_name
from paas.core.edge.proxy_options import ProxyOptions
from paas.core.edge.redirects import Redirect
from paas.core.edge.rules import Edge
from paas.core.edge.tls import ServerBlock, Tls, doors, refused
from paas.core.errors import InvalidValue

KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
APP = re.compile(r"[a-z0-9][a-z0-9._-]{0,252}")


class VhostState(enum.Enum):
    """State of an app at the edge. All but ``LIVE`` get a page that names the state.

    Its status is 503, or 404 for ``GONE``: the hosts belong to no app any more.
    """

    LIVE = "live"
    STOPPED = "stopped"
    EMPTY = "empty"
    GONE = "gone"


@dataclass(frozen=True)
class Vhost:
    """One app at the edge. Raises `InvalidValue` for values unsafe in a configuration file.

    ``key`` names files and upstreams and never changes; ``hosts`` are normalized by `host_name`, and without any the
    app is not reachable; ``upstreams`` are the addresses of its web processes. A ``LIVE`` app has at least one, or is
    the dashboard, which listens on ``socket``, the path of a Unix socket. ``unserved`` are the app's hosts while its
    domains are disabled. With ``grpc`` the processes speak gRPC only.
    """

    app: str
    key: str
    hosts: tuple[str, ...]
    upstreams: tuple[Address, ...] = ()
    state: VhostState = VhostState.LIVE
    options: ProxyOptions = field(default_factory=ProxyOptions)
    tls: Tls = field(default_factory=Tls)
    redirects: tuple[Redirect, ...] = ()
    edge: Edge = field(default_factory=Edge)
    socket: str = ""
    grpc: bool = False
    unserved: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_name("app name", self.app, APP)
        _check_name("key", self.key, KEY)

        for host in (*self.hosts, *self.unserved):
            if host_name(host) != host:
                raise InvalidValue(f"the host name {host!r} is not normalised", why=f"Expected {host_name(host)!r}.")

        check_addresses(self.upstreams)

        for what, values in (("host name", self.hosts), ("address", self.upstreams)):
            if len(set(values)) != len(values):
                raise InvalidValue(f"a {what} of {self.app} is listed twice: {', '.join(map(str, values))}")

        if self.state is VhostState.LIVE and not self.upstreams and not self.socket:
            raise InvalidValue(f"{self.app} cannot be live without an address")

    @property
    def doors(self) -> tuple[ServerBlock, ...]:
        """The server blocks of the app."""
        found = doors(self.hosts, self.redirects, self.tls)
        return tuple(door for door in found if door.credential or not self.gone)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Hosts for which an HTTP request gets the page for an unknown host."""
        return tuple(host for host in self.unserved if host != CATCH_ALL)

    @property
    def refused(self) -> tuple[str, ...]:
        """Hosts for which a TLS handshake is refused, even if another app has a matching certificate."""
        return refused(self.hosts, self.redirects, self.tls, self.unserved)

    @property
    def live(self) -> bool:
        """True if requests are passed to a process."""
        return self.state is VhostState.LIVE

    @property
    def gone(self) -> bool:
        """True if the hosts belong to no app any more."""
        return self.state is VhostState.GONE

    @property
    def empty(self) -> bool:
        """True if the app was never deployed."""
        return self.state is VhostState.EMPTY


def _check_name(what: str, value: str, rule: re.Pattern[str]) -> None:
    if not rule.fullmatch(value):
        raise InvalidValue(f"{value[:80]!r} cannot be used as {what} at the edge", why=f"It must match {rule.pattern}")
