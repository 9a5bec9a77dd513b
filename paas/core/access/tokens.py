"""Tokens for the dashboard and the HTTP API: how they look, and what is kept of them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

PREFIX = "paas_"
"""Begins every token, so that programs that look for secrets in repositories know one."""
RANDOM_BYTES = 24
TOKEN = re.compile(rf"{PREFIX}[0-9a-f]{{{2 * RANDOM_BYTES}}}")


@dataclass(frozen=True)
class Token:
    """What is kept of a token; the token itself is known to nobody but its owner.

    ``role`` is ``view``, ``deploy`` or ``admin``. Times are seconds since 1970, None for never.
    """

    name: str
    digest: str
    role: str
    created_at: float
    expires_at: float | None = None
    used_at: float | None = None

    def expired(self, now: float) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and now >= self.expires_at


def written(random: bytes) -> str:
    """The token that is made of so many random bytes: `RANDOM_BYTES`."""
    return PREFIX + random.hex()


def digest(token: str) -> str:
    """What a token is found by. Its bits are random, so one plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()
