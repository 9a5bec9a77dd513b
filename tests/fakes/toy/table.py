"""The table of notes."""

from __future__ import annotations

from importlib import resources

from paas.core.model import App
from paas.store.migrate import Migrations
from paas.store.table import Table

MIGRATIONS = Migrations("notes", resources.files("fakes.toy").joinpath("migrations"))


class Notes(Table):
    """Notes on each app."""

    def add(self, app: App, text: str) -> None:
        """Record a note."""
        self._db.execute("INSERT INTO notes (app_id, text) VALUES (?, ?)", app.id, text)

    def of(self, app: App) -> list[str]:
        """Return the notes on the app, oldest first."""
        return [row["text"] for row in self._db.all("SELECT text FROM notes WHERE app_id = ? ORDER BY rowid", app.id)]

    def copy(self, app: App, copy: App) -> None:
        """Have the copy get all notes on the app."""
        self._db.execute("INSERT INTO notes SELECT ?, text FROM notes WHERE app_id = ?", copy.id, app.id)

    def remove(self, app: App) -> None:
        """Remove the notes on the app."""
        self._db.execute("DELETE FROM notes WHERE app_id = ?", app.id)

    def count(self) -> int:
        """Return how many notes there are on all apps, also on those that are gone."""
        row = self._db.one("SELECT count(*) AS count FROM notes")
        return int(row["count"]) if row else 0
