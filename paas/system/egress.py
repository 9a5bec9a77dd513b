"""Connections on behalf of users: a name is resolved once, and only checked addresses are connected to."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Sequence
from typing import Any, TypeVar

from paas.core.egress import Egress

_Connection = TypeVar("_Connection", bound=http.client.HTTPConnection)
_Found = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]


def addresses(host: str) -> list[str]:
    """Return the addresses of a host in the order to try them; none for a name that does not resolve."""
    try:
        return list(dict.fromkeys(str(one[4][0]) for one in _found(host, 0)))
    except OSError:
        return []


def connected(host: str, port: int, rules: Egress, seconds: float | None) -> socket.socket:
    """Connect to the first allowed address of the host that answers.

    Raise `EgressRefused` if none is allowed, and `OSError` if none answers.
    """
    found = _found(host, port)
    taken = rules.check(host, [str(one[4][0]) for one in found])
    failed: OSError = OSError(f"{host} does not resolve")
    for family, kind, protocol, _, address in found:
        if str(address[0]) not in taken:
            continue
        made = socket.socket(family, kind, protocol)
        try:
            made.settimeout(seconds)
            made.connect(address)
        except OSError as error:
            made.close()
            failed = error
        else:
            return made
    raise failed


def http_connection(host: str, port: int, rules: Egress, seconds: float) -> http.client.HTTPConnection:
    """Return a connection for HTTP requests, which only connects to checked addresses."""
    return _checked(http.client.HTTPConnection(host, port, timeout=seconds), rules)


def https_connection(
    host: str, port: int | None, rules: Egress, seconds: float, context: ssl.SSLContext
) -> http.client.HTTPSConnection:
    """Return the same over TLS."""
    return _checked(http.client.HTTPSConnection(host, port, timeout=seconds, context=context), rules)


def _checked(connection: _Connection, rules: Egress) -> _Connection:
    def create(address: tuple[str, int], timeout: float | None, source: object = None) -> socket.socket:
        return connected(*address, rules, timeout)

    # http.client has no other way to change how it connects.
    connection._create_connection = create  # type: ignore[attr-defined]
    return connection


def _found(host: str, port: int) -> Sequence[_Found]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
