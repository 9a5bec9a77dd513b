"""Who is asking, and what that lets them do."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Access(enum.IntEnum):
    """What a command needs and what a role has; a caller may run a command whose access is not above theirs."""

    VIEW = 1
    DEPLOY = 2
    ADMIN = 3


@dataclass(frozen=True)
class Caller:
    """One authenticated person or key.

    ``name`` is that of the key or token, or the local account; ``via`` is ``local``, ``ssh`` or ``http``; ``address``
    is the peer's network address, empty for the local socket; ``fingerprint`` is the key's, as ``SHA256:…``.
    """

    name: str
    access: Access
    via: str
    address: str = ""
    fingerprint: str = ""
