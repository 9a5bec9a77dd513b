"""A lock that a user puts on an app to prevent changes for a while."""

from __future__ import annotations

from dataclasses import dataclass

from paas.core.errors import PaasError
from paas.core.times import timestamp


class Locked(PaasError):
    """The app is locked against changes."""

    code = "locked"


@dataclass(frozen=True)
class AppLock:
    """Lock of an app. ``reason`` may be empty; ``until`` None means until it is unlocked."""

    actor: str
    reason: str
    since: float
    until: float | None = None

    def holds(self, now: float) -> bool:
        """Return True if the lock is in force at that time."""
        return self.until is None or now < self.until

    def words(self) -> str:
        """Describe the lock: ``moving the database (by alice, until 2026-01-31T12:00:00Z)``."""
        until = f"until {timestamp(self.until)}" if self.until is not None else "until it is unlocked"
        return f"{self.reason or 'no reason given'} (by {self.actor}, since {timestamp(self.since)}, {until})"


def refusal(app: str, lock: AppLock) -> Locked:
    """Return the error for a change of a locked app."""
    return Locked(
        f"{app} is locked: {lock.reason or 'no reason given'}",
        why=f"By {lock.actor}, since {timestamp(lock.since)}, "
        + (f"until {timestamp(lock.until)}." if lock.until is not None else "until it is unlocked."),
        fix=f"Run 'apps:unlock {app}' if you may, or wait for it: '--lock-wait 10m', 'git push -o lock-wait=10m'.",
    )
