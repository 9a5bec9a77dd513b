"""Edge settings of apps other than properties, in their order."""

from __future__ import annotations

from collections.abc import Mapping

from paas.core.model import App
from paas.store.database import Database
from paas.store.sealed import Sealer


class EdgeItems:
    """Texts by kind and name, for each app; their meaning is in `paas.core.edge.items`. Encrypted at rest."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._db = database
        self._sealer = sealer

    def all(self, app: App) -> dict[str, dict[str, str]]:
        """Return the app's texts by kind and name."""
        found: dict[str, dict[str, str]] = {}
        rows = self._db.all("SELECT kind, name, value FROM edge WHERE app_id = ? ORDER BY kind, position", app.id)
        for row in rows:
            found.setdefault(row["kind"], {})[row["name"]] = self._sealer.open(row["value"])
        return found

    def of(self, app: App, kind: str) -> dict[str, str]:
        """Return the app's texts of one kind by name."""
        return self.all(app).get(kind, {})

    def everywhere(self, kind: str) -> dict[int, dict[str, str]]:
        """Return the texts of one kind by app id and name."""
        found: dict[int, dict[str, str]] = {}
        rows = self._db.all("SELECT app_id, name, value FROM edge WHERE kind = ? ORDER BY app_id, position", kind)
        for row in rows:
            found.setdefault(row["app_id"], {})[row["name"]] = self._sealer.open(row["value"])
        return found

    def replace(self, app: App, kind: str, texts: Mapping[str, str]) -> None:
        """Replace the app's texts of the kind."""
        with self._db.transaction():
            self._db.execute("DELETE FROM edge WHERE app_id = ? AND kind = ?", app.id, kind)
            self._db.many(
                "INSERT INTO edge VALUES (?, ?, ?, ?, ?)",
                [
                    (app.id, kind, name, position, self._sealer.seal(text))
                    for position, (name, text) in enumerate(texts.items())
                ],
            )
