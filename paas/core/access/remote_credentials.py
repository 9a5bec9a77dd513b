"""What a fetch from another server may use, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass, field

from paas.core.egress import Egress
from paas.core.secret import Secret


@dataclass(frozen=True)
class Login:
    """User name and password of a server."""

    user: str
    password: Secret


@dataclass(frozen=True)
class RemoteCredentials:
    """``key`` is the private deploy key, ``known_hosts`` lines of that file's format, ``ca_file`` extra authorities;
    ``proxies`` by the name of the environment variable. ``egress`` says where it may connect. ``limit`` in bytes,
    ``timeout`` in seconds.
    With ``newest_only`` a fetch takes the one commit without its history."""

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
    """The commit, and the branch that it was found on; empty for a tag or a commit that was named."""

    commit: str
    branch: str
