"""Locks that users put on apps."""

from __future__ import annotations

from paas.core.apps.lock import AppLock
from paas.core.model import App
from paas.store.table import Table


class Locks(Table):
    """At most one lock for each app. `AppLock.holds` tells whether it is in force."""

    def get(self, app: App) -> AppLock | None:
        """Return the app's lock, or None."""
        row = self._db.one("SELECT * FROM locks WHERE app_id = ?", app.id)
        return AppLock(row["actor"], row["reason"], row["since"], row["until"]) if row else None

    def set(self, app: App, lock: AppLock) -> None:
        """Lock the app, replacing an existing lock."""
        self._db.execute(
            "INSERT OR REPLACE INTO locks VALUES (?, ?, ?, ?, ?)",
            app.id, lock.actor, lock.reason, lock.since, lock.until,
        )  # fmt: skip

    def clear(self, app: App) -> None:
        """Remove the lock, if it exists."""
        self._db.execute("DELETE FROM locks WHERE app_id = ?", app.id)
