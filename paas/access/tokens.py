"""Tokens for the dashboard and the HTTP API."""

from __future__ import annotations

import secrets
from contextlib import suppress

from paas.core.access import tokens
from paas.core.access.caller import Access, Caller
from paas.core.access.revocation import Revocation
from paas.core.access.tokens import Token
from paas.core.errors import DiskFull, InvalidToken
from paas.jobs.context import Context
from paas.jobs.locks import Announcements
from paas.store.tokens import Tokens

NOTED_SECONDS = 60.0
"""Resolution of the time of the last use: a page sends several requests, and each would be a write."""


def add(ctx: Context, name: str, role: str, seconds: float | None) -> str:
    """Create a token with a lifetime in seconds, None for unlimited. Return it; it can't be shown again."""
    made = tokens.written(secrets.token_bytes(tokens.RANDOM_BYTES))
    now = ctx.clock.now()
    until = now + seconds if seconds is not None else None
    ctx.store.table(Tokens).add(Token(name, tokens.digest(made), role, now, until))
    return made


def remove(ctx: Context, name: str) -> None:
    """Remove the token and end its open streams. Deployments that it started continue."""
    ctx.store.table(Tokens).remove(name)
    ctx.part(Announcements).tell(Revocation(token=name, spared=ctx.gone))


def caller(ctx: Context, token: str) -> Caller:
    """Return the owner of the token. Raise `InvalidToken` if it is unknown or expired."""
    found = ctx.store.table(Tokens).by_digest(tokens.digest(token)) if tokens.TOKEN.fullmatch(token) else None
    if found is None:
        raise InvalidToken(
            "the token is unknown",
            why="It was removed, belongs to another instance, or was not copied completely.",
            fix="Ask an administrator for a token: 'tokens:add NAME'.",
            code="unknown-token",
        )
    now = ctx.clock.now()
    if found.expired(now):
        raise InvalidToken(
            f"the token {found.name} has expired",
            why="Its lifetime is over.",
            fix=f"Ask an administrator for a new one: 'tokens:remove {found.name}', then 'tokens:add {found.name}'.",
            code="expired-token",
        )
    if found.used_at is None or now - found.used_at >= NOTED_SECONDS:
        # A full disk must not lock out users who want to see why.
        with suppress(DiskFull):
            ctx.store.table(Tokens).used(found.name, now)
    return Caller(found.name, Access[found.role.upper()], "http")
