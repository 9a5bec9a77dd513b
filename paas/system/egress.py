"""Connections on behalf of others: a name is resolved once, and what was checked is connected to."""

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
    """The addresses of a host, in the order in which they are to be tried; none for a name that does not resolve."""
    try:
        return list(dict.fromkeys(str(one[4][0]) for one in _found(host, 0)))
    except OSError:
        return []


def connected(host: str, port: int, rules: Egress, seconds: float | None) -> socket.socket:
    """A connection to the first address of the host that may be connected to and answers.

    Raises `EgressRefused` if none may be, and `OSError` if none answers.
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
    """A connection for requests over HTTP, each time it connects to what was checked."""
    return _checked(http.client.HTTPConnection(host, port, timeout=seconds), rules)


def https_connection(
    host: str, port: int | None, rules: Egress, seconds: float, context: ssl.SSLContext
) -> http.client.HTTPSConnection:
    """The same over TLS."""
    return _checked(http.client.HTTPSConnection(host, port, timeout=seconds, context=context), rules)


def _checked(connection: _Connection, rules: Egress) -> _Connection:
    def create(address: tuple[str, int], timeout: float | None, source: object = None) -> socket.socket:
        return connected(*address, rules, timeout)

    # It has no other way to say how it connects.
    connection._create_connection = create  # type: ignore[attr-defined]
    return connection


def _found(host: str, port: int) -> Sequence[_Found]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
