"""Callers and their roles."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Access(enum.IntEnum):
    """Access level of a command or role. A caller may run commands whose level is not above their role's."""

    VIEW = 1
    DEPLOY = 2
    ADMIN = 3


@dataclass(frozen=True)
class Caller:
    """Authenticated caller.

    ``name`` is that of the key, token or local account; ``via`` is ``local``, ``ssh`` or ``http``; ``address``
    is the peer's network address, empty for the local socket; ``fingerprint`` is the key's, as ``SHA256:…``.
    """

    name: str
    access: Access
    via: str
    address: str = ""
    fingerprint: str = ""
