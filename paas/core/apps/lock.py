"""A lock that a person puts on an app, so that nobody changes it for a while."""

from __future__ import annotations

from dataclasses import dataclass

from paas.core.errors import PaasError
from paas.core.times import timestamp


class Locked(PaasError):
    """The app is locked against changes."""

    code = "locked"


@dataclass(frozen=True)
class AppLock:
    """Who locked it, why (may be empty), since when, and until when; ``until`` None: until somebody unlocks it."""

    actor: str
    reason: str
    since: float
    until: float | None = None

    def holds(self, now: float) -> bool:
        """Whether it counts at that time."""
        return self.until is None or now < self.until

    def words(self) -> str:
        """``moving the database (by alice, until 2026-01-31T12:00:00Z)``."""
        until = f"until {timestamp(self.until)}" if self.until is not None else "until it is unlocked"
        return f"{self.reason or 'no reason given'} (by {self.actor}, since {timestamp(self.since)}, {until})"


def refusal(app: str, lock: AppLock) -> Locked:
    """The error that a change of a locked app ends with."""
    return Locked(
        f"{app} is locked: {lock.reason or 'no reason given'}",
        why=f"By {lock.actor}, since {timestamp(lock.since)}, "
        + (f"until {timestamp(lock.until)}." if lock.until is not None else "until it is unlocked."),
        fix=f"Run 'apps:unlock {app}' if you may, or wait for it: '--lock-wait 10m', 'git push -o lock-wait=10m'.",
    )
