"""Docker options of apps for builds and containers."""

from __future__ import annotations

from collections.abc import Sequence

from paas.core.containers.options import Option, stored
from paas.core.model import App
from paas.store.database import Database


class DockerOptions:
    """Options of each app and phase, in the order they were added."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def of(self, app: App, phase: str) -> list[Option]:
        """Return the options of the phase."""
        rows = self._db.all(
            "SELECT option FROM docker_options WHERE app_id = ? AND phase = ? ORDER BY position", app.id, phase
        )
        return [stored(row["option"]) for row in rows]

    def all(self, app: App) -> dict[str, list[Option]]:
        """Return the options by phase; a phase without any is left out."""
        found: dict[str, list[Option]] = {}
        for row in self._db.all("SELECT phase, option FROM docker_options WHERE app_id = ? ORDER BY position", app.id):
            found.setdefault(row["phase"], []).append(stored(row["option"]))
        return found

    def set(self, app: App, phase: str, options: Sequence[Option]) -> None:
        """Replace the options of the phase."""
        with self._db.transaction():
            self._db.execute("DELETE FROM docker_options WHERE app_id = ? AND phase = ?", app.id, phase)
            self._db.many(
                "INSERT INTO docker_options VALUES (?, ?, ?, ?)",
                [(app.id, phase, str(option), position) for position, option in enumerate(options)],
            )
