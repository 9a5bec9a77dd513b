"""Revocation of a key or token, and the callers it concerns."""

from __future__ import annotations

from dataclasses import dataclass

from paas.core.access.caller import Caller


@dataclass(frozen=True)
class Revocation:
    """Removal of the key with this ``fingerprint``, or of the token with this name.

    ``spared`` is the `Invocation.gone` of the command that removed it, which may still report its result.
    """

    fingerprint: str = ""
    token: str = ""
    spared: object = None

    def concerns(self, caller: Caller | None) -> bool:
        """Return True if the caller used the removed key or token."""
        if caller is None:
            return False
        if self.fingerprint:
            return caller.fingerprint == self.fingerprint
        return bool(self.token) and caller.via == "http" and caller.name == self.token
