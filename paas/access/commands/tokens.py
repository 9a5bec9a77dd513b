"""``tokens:*``: tokens for the dashboard and the HTTP API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from paas.access import tokens
from paas.commands import arguments as args
from paas.commands.declare import Arg, command
from paas.core import values
from paas.core.access.caller import Access
from paas.core.times import timestamp
from paas.jobs.context import Context
from paas.store.tokens import Tokens

LIFE = values.duration("1m", "3650d")


@dataclass(frozen=True)
class TokenRow:
    """Row of ``tokens:list``. ``expires_at`` is empty if it never expires, ``used_at`` if it was never used."""

    name: str
    role: str
    created_at: str
    expires_at: str
    used_at: str


@command("tokens:add", access=Access.ADMIN)
def tokens_add(
    ctx: Context,
    name: args.KeyName,
    *,
    role: args.Role = "deploy",
    ttl: Annotated[float | None, Arg("DURATION", lambda ctx, text: LIFE.read("--ttl", text))] = None,
) -> str:
    """Create a token for the dashboard and the HTTP API, and print it. Only its hash is stored.

    The role decides what it may do: view (read only), deploy (all but the server's settings and keys), admin (all).
    --ttl, such as 90d, limits its lifetime.
    """
    made = tokens.add(ctx, name, role, ttl)
    ctx.out.step(f"Added the token {name} with the role {role}; it will not be shown again")
    return made


@command("tokens:list", access=Access.ADMIN)
def tokens_list(ctx: Context) -> list[TokenRow]:
    """List the tokens with their roles, when they expire, and when each was last used, to the minute."""

    def shown(moment: float | None) -> str:
        return timestamp(moment) if moment is not None else ""

    return [
        TokenRow(one.name, one.role, timestamp(one.created_at), shown(one.expires_at), shown(one.used_at))
        for one in ctx.store.table(Tokens).all()
    ]


@command("tokens:remove", access=Access.ADMIN)
def tokens_remove(ctx: Context, name: Annotated[str, Arg("NAME")]) -> None:
    """Remove a token and end its open streams. Running deployments continue."""
    tokens.remove(ctx, name)
    ctx.out.step(f"Removed the token {name}")
