"""TLS settings of an app at the edge, and the nginx server blocks derived from them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from paas.core.edge.hosts import CATCH_ALL
from paas.core.edge.redirects import Redirect
from paas.core.errors import InvalidValue
from paas.core.secret import Secret

HSTS = re.compile(r"(max-age=[0-9]{1,10}(; includeSubDomains)?(; preload)?)?")
THUMBPRINT = re.compile(r"[A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Credential:
    """Certificate chain (PEM, the leaf first) with its key, as served for ``hosts``.

    ``trusted`` is false for a placeholder until a certificate is issued: HTTP requests are not redirected to it.
    ``stapling``: the certificate names an OCSP responder, whose responses are stapled.
    """

    chain: str
    key: Secret
    hosts: tuple[str, ...]
    trusted: bool = True
    stapling: bool = False

    @property
    def pem(self) -> Secret:
        """Content of its file: the chain, then the key."""
        return Secret(f"{self.chain.strip()}\n{self.key.reveal().strip()}\n")

    @property
    def name(self) -> str:
        """Name of its file, derived from the content: files never change, so a rollback needs no copy."""
        return hashlib.sha256(self.pem.reveal().encode()).hexdigest()[:40]


@dataclass(frozen=True)
class Tls:
    """TLS settings of one app. Raises `InvalidValue` for values unsafe in a configuration file.

    ``hsts`` is the value of Strict-Transport-Security, empty for none. ``redirect``: HTTP requests are redirected to
    HTTPS for hosts that have a trusted certificate. ``thumbprint`` is that of the ACME account key, empty if the app
    answers challenges itself.
    """

    credentials: tuple[Credential, ...] = ()
    hsts: str = ""
    redirect: bool = True
    thumbprint: str = ""

    def __post_init__(self) -> None:
        for what, value, rule in (("HSTS", self.hsts, HSTS), ("thumbprint", self.thumbprint, THUMBPRINT)):
            if not rule.fullmatch(value):
                raise InvalidValue(f"{value[:80]!r} cannot be used as {what} at the edge")


@dataclass(frozen=True)
class ServerBlock:
    """nginx server block: HTTPS with a credential, HTTP without.

    ``upgrades``: every request is redirected to HTTPS. ``redirect``: every request is redirected to its target;
    ``secure`` is true if the target is a host of the app that is served over HTTPS.
    """

    hosts: tuple[str, ...]
    credential: Credential | None = None
    upgrades: bool = False
    redirect: Redirect | None = None
    secure: bool = False


def hsts(max_age: int, *, include_subdomains: bool, preload: bool) -> str:
    """Return the value of Strict-Transport-Security, https://www.rfc-editor.org/rfc/rfc6797#section-6.1"""
    return f"max-age={max_age}" + "; includeSubDomains" * include_subdomains + "; preload" * preload


def doors(hosts: Sequence[str], redirects: Sequence[Redirect], tls: Tls) -> Iterator[ServerBlock]:
    """Yield the server blocks of an app: its hosts over HTTP and HTTPS, then its redirects over both.

    A redirected host is not served.
    """
    moved = {redirect.source for redirect in redirects}
    by_host = {host: credential for credential in tls.credentials for host in credential.hosts}
    secured = {host for host, credential in by_host.items() if credential.trusted}
    upgraded = secured if tls.redirect else set()

    served = [host for host in hosts if host not in moved]
    plain = tuple(host for host in served if host not in upgraded)
    upgrading = tuple(host for host in served if host in upgraded)
    if plain:
        yield ServerBlock(plain)
    if upgrading:
        yield ServerBlock(upgrading, upgrades=True)
    for credential in tls.credentials:
        own = tuple(host for host in served if by_host.get(host) is credential)
        if own:
            yield ServerBlock(own, credential)

    for redirect in redirects:
        yield from _of_redirect(redirect, by_host, secured)


def refused(
    hosts: Sequence[str], redirects: Sequence[Redirect], tls: Tls, unserved: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return the app's hosts for which a TLS handshake is refused, because it has no certificate for them.

    The edge has to name them: otherwise a client would get the wildcard of another app that covers the name. ``_`` is
    not among them, because unknown names are refused anyway.
    """
    secured = {host for credential in tls.credentials for host in credential.hosts}
    known = dict.fromkeys([*hosts, *(redirect.source for redirect in redirects)])
    bare = [host for host in known if host not in secured]
    return tuple(host for host in dict.fromkeys([*bare, *unserved]) if host != CATCH_ALL)


def _of_redirect(redirect: Redirect, by_host: Mapping[str, Credential], secured: set[str]) -> Iterator[ServerBlock]:
    secure = redirect.target in secured
    yield ServerBlock((redirect.source,), redirect=redirect, secure=secure)
    if redirect.source in by_host:
        yield ServerBlock((redirect.source,), by_host[redirect.source], redirect=redirect, secure=secure)
