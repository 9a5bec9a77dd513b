"""The kinds of arguments of the commands for the edge."""

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
    "http": "Nothing is to be done: web listens on $PORT, or on processes.web.port of paas.yml.",
    "https": "Give the app a certificate: 'letsencrypt:enable APP', or 'certs:add APP'.",
}
"""What to do instead of opening a port, by the scheme that other platforms have for it."""


def _protocol(ctx: Context, text: str) -> tuple[str, int]:
    protocol, _, port = text.partition(":")
    if protocol in (GRPC, "grpcs"):
        # The port of the server is the one of HTTP or HTTPS, whatever the command of the other platform says.
        return GRPC, int(kinds.integer(1, 65_535).read("port", port.rpartition(":")[2]))
    if protocol in WEB_SCHEMES:
        raise InvalidValue(
            f"{text[:80]!r} is not a port to open",
            why="Every app's web is served on the HTTP and HTTPS ports of this server already.",
            fix=WEB_SCHEMES[protocol],
            code="invalid-port",
        )
    if protocol not in ("tcp", "udp"):
        raise InvalidValue(
            f"{text[:80]!r} is not a port", why="A port is written as tcp:5432 or udp:53.", code="invalid-port"
        )
    return protocol, int(kinds.integer(1, 65_535).read("port", port))


def some(values: tuple[str, ...], example: str) -> tuple[str, ...]:
    """The values; `UsageError` if there is none."""
    if not values:
        raise UsageError("something is missing", fix=f"Write for instance: {example}")
    return values


Network = Annotated[str, Arg("NETWORK", lambda ctx, text: rules.network(text))]
Prefix = Annotated[str, Arg("PREFIX", lambda ctx, text: rules.below(text))]
User = Annotated[str, Arg("USER", lambda ctx, text: rules.user_name(text))]
ProcessType = Annotated[str, Arg("PROCESS", lambda ctx, text: names.process_type(text))]
Port = Annotated[tuple[str, int], Arg("tcp|udp|grpc:PORT", _protocol)]
