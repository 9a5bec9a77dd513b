"""Credentials and limits of a fetch from another server, and its result."""

from __future__ import annotations

from dataclasses import dataclass, field

from paas.core.egress import Egress
from paas.core.secret import Secret


@dataclass(frozen=True)
class Login:
    """User name and password for a server."""

    user: str
    password: Secret


@dataclass(frozen=True)
class RemoteCredentials:
    """Credentials and limits of a fetch.

    ``key`` is the private deploy key, ``known_hosts`` are lines in that file's format, ``ca_file`` has additional
    authorities; ``proxies`` are by name of the environment variable. ``egress`` decides where it may connect. ``limit``
    is in bytes, ``timeout`` in seconds. With ``newest_only`` only the commit is fetched, without its history.
    """

    login: Login | None = None
    key: Secret | None = None
    known_hosts: tuple[str, ...] = ()
    ca_file: str = ""
    proxies: dict[str, str] = field(default_factory=dict)
    egress: Egress = field(default_factory=Egress)
    limit: int = 1 << 31
    timeout: float = 600.0
    newest_only: bool = False


@dataclass(frozen=True)
class Fetched:
    """Fetched commit, and its branch; empty for a tag or a commit id."""

    commit: str
    branch: str
