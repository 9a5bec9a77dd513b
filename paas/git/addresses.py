"""The way to a git server: its name is resolved once, and git is told to connect to the address that was checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from paas.core.access.remote_credentials import RemoteCredentials
from paas.core.errors import PaasError
from paas.core.git.url import FILE, Remote
from paas.system import egress, https

_PORTS = {"https": 443, "ssh": 22, "git": 9418}
_CONNECT_SECONDS = 20


class FetchFailed(PaasError):
    """Another server did not give what was asked for; nothing was changed."""

    code = "fetch-failed"


@dataclass(frozen=True)
class Way:
    """``url`` is what git is given; ``settings`` of git, ``environment`` variables and options of ``ssh`` that keep it
    to the address."""

    url: str
    settings: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    ssh: tuple[str, ...] = ()


def checked(remote: Remote, means: RemoteCredentials) -> Way:
    """The way to the remote. Raises `EgressRefused` where the server does not connect, and `FetchFailed`."""
    if remote.scheme == FILE:
        return Way(remote.url)
    port = remote.port or _PORTS[remote.scheme]
    if remote.scheme == "https":
        found = means.egress.check(remote.host, egress.addresses(remote.host))
        if not found and not https.through_proxy(remote.address, means.proxies):
            raise _unreachable(remote, "Its name does not resolve.")
        # Since git 2.37. It does not count for what a proxy connects to.
        return Way(remote.url, {"http.curloptResolve": f"{remote.host}:{port}:{_listed(found)}"} if found else {})
    try:
        with egress.connected(remote.host, port, means.egress, _CONNECT_SECONDS) as made:
            address = str(made.getpeername()[0])
    except OSError as error:
        raise _unreachable(remote, f"{error}.") from error
    if remote.scheme == "ssh":
        # Its key is still looked for under its name.
        alias = f"[{remote.host}]:{remote.port}" if remote.port else remote.host
        return Way(remote.url, ssh=(f"HostName={address}", f"HostKeyAlias={alias}"))
    shown = f"[{address}]" if ":" in address else address
    url = remote.url.replace(f"//{remote.address}/", f"//{shown}:{port}/", 1)
    return Way(url, environment={"GIT_OVERRIDE_VIRTUAL_HOST": remote.address})


def _listed(addresses: list[str]) -> str:
    return ",".join(f"[{address}]" if ":" in address else address for address in addresses)


def _unreachable(remote: Remote, why: str) -> FetchFailed:
    return FetchFailed(f"{remote.url} could not be fetched", why=why, fix="Check the address.")
