"""Tokens that may use the dashboard and the HTTP API."""

from __future__ import annotations

import sqlite3

from paas.core.access.tokens import Token
from paas.core.errors import AlreadyExists, NotFound
from paas.store.table import Table


class Tokens(Table):
    """Recorded tokens, by name."""

    def all(self) -> list[Token]:
        """Return all tokens, by name."""
        return [Token(**dict(row)) for row in self._db.all("SELECT * FROM tokens ORDER BY name")]

    def by_digest(self, digest: str) -> Token | None:
        """Return the token with that digest, or None."""
        row = self._db.one("SELECT * FROM tokens WHERE digest = ?", digest)
        return Token(**dict(row)) if row else None

    def add(self, token: Token) -> None:
        """Record it. Raise `AlreadyExists` if the name is taken."""
        try:
            self._db.execute(
                "INSERT INTO tokens (name, digest, role, created_at, expires_at) VALUES (?, ?, ?, ?, ?)",
                token.name, token.digest, token.role, token.created_at, token.expires_at,
            )  # fmt: skip
        except sqlite3.IntegrityError as error:
            raise AlreadyExists(
                f"there is a token {token.name!r} already",
                fix=f"Choose another name, or run 'tokens:remove {token.name}' first.",
                code="token-exists",
            ) from error

    def used(self, name: str, now: float) -> None:
        """Record that it was used."""
        self._db.execute("UPDATE tokens SET used_at = ? WHERE name = ?", now, name)

    def remove(self, name: str) -> None:
        """Remove it. Raise `NotFound` for an unknown name."""
        if self._db.execute("DELETE FROM tokens WHERE name = ?", name).rowcount == 0:
            raise NotFound(
                f"there is no token {name!r}", fix="'tokens:list' lists them.", code="no-such-token"
            )
