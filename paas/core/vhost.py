"""What the edge serves for one app: its host names, where its processes listen, and how requests pass.

Everything here is checked when it is made, so that whatever holds a `Vhost` may be written into a configuration file.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field, fields
from typing import Any

from paas.core.errors import InvalidValue
from paas.core.hosts import host_name as host_name
from paas.core.redirects import Redirect
from paas.core.tls import Door, Tls, doors

KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
APP = re.compile(r"[a-z0-9][a-z0-9._-]{0,252}")

DAY = 86_400
MIB = 1024 * 1024


def _whole(default: int, least: int, most: int) -> Any:
    """A dataclass field that takes whole numbers from ``least`` to ``most``."""
    return field(default=default, metadata={"least": least, "most": most})


@dataclass(frozen=True)
class ProxyOptions:
    """How requests to one app pass. Sizes are bytes, times are seconds; raises `InvalidValue` when out of range.

    ``client_max_body_size`` 0 means no limit. Without ``proxy_buffering`` each piece of a response reaches the client
    at once; without ``proxy_request_buffering`` each piece of an upload reaches the app at once.
    """

    client_max_body_size: int = _whole(100 * MIB, 0, 1024 * 1024 * MIB)
    proxy_buffering: bool = False
    proxy_request_buffering: bool = False
    proxy_connect_timeout: int = _whole(10, 1, 75)
    proxy_send_timeout: int = _whole(60, 1, DAY)
    proxy_read_timeout: int = _whole(60, 1, DAY)

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)

            if each.metadata:
                _check_whole(each.name, value, each.metadata["least"], each.metadata["most"])
            elif not isinstance(value, bool):
                raise InvalidValue(f"{each.name}: {value!r} is neither true nor false")


class VhostState(enum.Enum):
    """Whether there is anything to pass requests to; everything but ``LIVE`` gets a 503 page that says which."""

    LIVE = "live"
    STOPPED = "stopped"
    EMPTY = "empty"


@dataclass(frozen=True)
class Vhost:
    """One app at the edge. Raises `InvalidValue` when a part could not go into a configuration file.

    ``key`` names files and upstreams and stays for the life of the app; ``hosts`` are normalised by `host_name`, and
    without any the app is not reachable; ``ports`` are on the loopback address, one per web process, and a ``LIVE``
    app has at least one.
    """

    app: str
    key: str
    hosts: tuple[str, ...]
    ports: tuple[int, ...] = ()
    state: VhostState = VhostState.LIVE
    options: ProxyOptions = field(default_factory=ProxyOptions)
    tls: Tls = field(default_factory=Tls)
    redirects: tuple[Redirect, ...] = ()

    def __post_init__(self) -> None:
        _check_name("app name", self.app, APP)
        _check_name("key", self.key, KEY)

        for host in self.hosts:
            if host_name(host) != host:
                raise InvalidValue(f"the host name {host!r} is not normalised", why=f"Expected {host_name(host)!r}.")

        for port in self.ports:
            _check_whole("port", port, 1, 65_535)

        for what, values in (("host name", self.hosts), ("port", self.ports)):
            if len(set(values)) != len(values):
                raise InvalidValue(f"a {what} of {self.app} is there twice: {', '.join(map(str, values))}")

        if self.state is VhostState.LIVE and not self.ports:
            raise InvalidValue(f"{self.app} cannot be live without a port")

    @property
    def doors(self) -> tuple[Door, ...]:
        """The server blocks that it is served by."""
        return tuple(doors(self.hosts, self.redirects, self.tls))

    @property
    def live(self) -> bool:
        """Whether requests are passed to a process."""
        return self.state is VhostState.LIVE

    @property
    def empty(self) -> bool:
        """Whether the app was never deployed."""
        return self.state is VhostState.EMPTY


def _check_name(what: str, value: str, rule: re.Pattern[str]) -> None:
    if not rule.fullmatch(value):
        raise InvalidValue(f"{value[:80]!r} cannot be used as {what} at the edge", why=f"It must match {rule.pattern}")


def _check_whole(what: str, value: object, least: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidValue(f"{what}: {value!r} is not a whole number from {least} to {most}")
