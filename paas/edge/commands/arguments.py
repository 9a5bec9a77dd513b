"""Argument types of the edge's commands."""

from __future__ import annotations

from typing import Annotated

from paas.commands.declare import Arg
from paas.core import names
from paas.core import values as kinds
from paas.core.edge import rules
from paas.core.errors import InvalidValue, UsageError
from paas.jobs.context import Context

GRPC = "grpc"
WEB_SCHEMES = {
    "http": "Nothing to do: web listens on $PORT, or on processes.web.port of paas.yml.",
    "https": "Get a certificate for the app: 'letsencrypt:enable APP' or 'certs:add APP'.",
}
"""Fixes for port schemes of other platforms that need no port here."""


def _protocol(ctx: Context, text: str) -> tuple[str, int]:
    protocol, _, port = text.partition(":")
    if protocol in (GRPC, "grpcs"):
        # Dokku's form grpc:80:PORT names a server port, too; here it is always the HTTP or HTTPS port.
        return GRPC, int(kinds.integer(1, 65_535).read("port", port.rpartition(":")[2]))
    if protocol in WEB_SCHEMES:
        raise InvalidValue(
            f"{text[:80]!r} is not a port to open",
            why="The web process of every app is already served on the HTTP and HTTPS ports of this server.",
            fix=WEB_SCHEMES[protocol],
            code="invalid-port",
        )
    if protocol not in ("tcp", "udp"):
        raise InvalidValue(
            f"{text[:80]!r} is not a port", why="A port is written as tcp:5432 or udp:53.", code="invalid-port"
        )
    return protocol, int(kinds.integer(1, 65_535).read("port", port))


def some(values: tuple[str, ...], example: str) -> tuple[str, ...]:
    """Return the values. Raise `UsageError` with the example if there are none."""
    if not values:
        raise UsageError("missing argument", fix=f"Example: {example}")
    return values


Network = Annotated[str, Arg("NETWORK", lambda ctx, text: rules.network(text))]
Prefix = Annotated[str, Arg("PREFIX", lambda ctx, text: rules.below(text))]
User = Annotated[str, Arg("USER", lambda ctx, text: rules.user_name(text))]
ProcessType = Annotated[str, Arg("PROCESS", lambda ctx, text: names.process_type(text))]
Port = Annotated[tuple[str, int], Arg("tcp|udp|grpc:PORT", _protocol)]
