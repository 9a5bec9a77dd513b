"""Connections to git servers: a name is resolved once, and git connects to the checked address."""

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
    """Another server did not provide the requested data. Nothing was changed."""

    code = "fetch-failed"


@dataclass(frozen=True)
class Way:
    """Connection of git: its ``url``, and ``settings`` of git, ``environment`` variables and options of ``ssh`` that
    bind it to the checked address.
    """

    url: str
    settings: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    ssh: tuple[str, ...] = ()


def checked(remote: Remote, means: RemoteCredentials) -> Way:
    """Return how to connect to the remote. Raise `EgressRefused` for a refused address, or `FetchFailed`."""
    if remote.scheme == FILE:
        return Way(remote.url)
    port = remote.port or _PORTS[remote.scheme]
    if remote.scheme == "https":
        found = means.egress.check(remote.host, egress.addresses(remote.host))
        if not found and not https.through_proxy(remote.address, means.proxies):
            raise _unreachable(remote, "Its name does not resolve.")
        # Since git 2.37. It does not apply to connections of a proxy.
        return Way(remote.url, {"http.curloptResolve": f"{remote.host}:{port}:{_listed(found)}"} if found else {})
    try:
        with egress.connected(remote.host, port, means.egress, _CONNECT_SECONDS) as made:
            address = str(made.getpeername()[0])
    except OSError as error:
        raise _unreachable(remote, f"{error}.") from error
    if remote.scheme == "ssh":
        # Its host key is still looked up under its name.
        alias = f"[{remote.host}]:{remote.port}" if remote.port else remote.host
        return Way(remote.url, ssh=(f"HostName={address}", f"HostKeyAlias={alias}"))
    shown = f"[{address}]" if ":" in address else address
    url = remote.url.replace(f"//{remote.address}/", f"//{shown}:{port}/", 1)
    return Way(url, environment={"GIT_OVERRIDE_VIRTUAL_HOST": remote.address})


def _listed(addresses: list[str]) -> str:
    return ",".join(f"[{address}]" if ":" in address else address for address in addresses)


def _unreachable(remote: Remote, why: str) -> FetchFailed:
    return FetchFailed(f"{remote.url} could not be fetched", why=why, fix="Check the address.")
