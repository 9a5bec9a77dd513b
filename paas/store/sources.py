"""Origins of commits that were not pushed."""

from __future__ import annotations

from paas.core.model import App
from paas.core.sources.origin import PUSH, Origin
from paas.store.database import Database


class Sources:
    """The origin of commits; one of which nothing is recorded was pushed."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def of(self, app: App, commit: str) -> Origin:
        """Return the origin of the app's commit."""
        row = self._db.one("SELECT * FROM sources WHERE app_id = ? AND commit_id = ?", app.id, commit)
        return Origin(row["kind"], row["detail"]) if row else Origin(PUSH, commit)

    def set(self, app: App, commit: str, origin: Origin) -> None:
        """Record it."""
        self._db.execute(
            "INSERT OR REPLACE INTO sources VALUES (?, ?, ?, ?)", app.id, commit, origin.kind, origin.detail
        )

    def copy(self, app: App, to: App) -> None:
        """Record the same for the other app, which has the same commits."""
        self._db.execute(
            "INSERT OR REPLACE INTO sources SELECT ?, commit_id, kind, detail FROM sources WHERE app_id = ?",
            to.id, app.id,
        )  # fmt: skip
