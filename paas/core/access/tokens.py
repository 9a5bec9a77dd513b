"""Tokens for the dashboard and the HTTP API: their format and records."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

PREFIX = "paas_"
"""Prefix of every token, by which secret scanners recognize it."""
RANDOM_BYTES = 24
TOKEN = re.compile(rf"{PREFIX}[0-9a-f]{{{2 * RANDOM_BYTES}}}")


@dataclass(frozen=True)
class Token:
    """Recorded token. Only its hash is stored, not the token itself.

    ``role`` is ``view``, ``deploy`` or ``admin``. Times are seconds since 1970, None for never.
    """

    name: str
    digest: str
    role: str
    created_at: float
    expires_at: float | None = None
    used_at: float | None = None

    def expired(self, now: float) -> bool:
        """Return True if the token has expired."""
        return self.expires_at is not None and now >= self.expires_at


def written(random: bytes) -> str:
    """Return the token for `RANDOM_BYTES` random bytes."""
    return PREFIX + random.hex()


def digest(token: str) -> str:
    """Return the hash by which a token is looked up. Tokens are random, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()
