"""A key or a token that no longer counts: whose connections and commands that ends."""

from __future__ import annotations

from dataclasses import dataclass

from paas.core.access.caller import Caller


@dataclass(frozen=True)
class Revocation:
    """A key with this ``fingerprint``, or a token of this name, was removed.

    ``spared`` is the `Invocation.gone` of the command that did it: it may tell its own outcome.
    """

    fingerprint: str = ""
    token: str = ""
    spared: object = None

    def concerns(self, caller: Caller | None) -> bool:
        """Whether the caller came in with what was removed."""
        if caller is None:
            return False
        if self.fingerprint:
            return caller.fingerprint == self.fingerprint
        return bool(self.token) and caller.via == "http" and caller.name == self.token
