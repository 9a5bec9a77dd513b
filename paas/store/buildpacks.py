"""Imported buildpacks."""

from __future__ import annotations

from dataclasses import dataclass, replace

from paas.core.model import App
from paas.store.table import Table


@dataclass(frozen=True)
class AddedBuildpack:
    """Imported buildpack of one app or, with ``app_id`` None, of all apps.

    ``source`` is the address or folder it was imported from, ``reference`` the requested branch or tag, and ``version``
    what that was: a commit, or the digest of a folder.
    """

    app_id: int | None
    name: str
    source: str
    reference: str
    version: str
    added_by: str
    added_at: float


class Buildpacks(Table):
    """Table with at most one buildpack of a name for each app, and for all apps together."""

    def of(self, app: App | None) -> list[AddedBuildpack]:
        """Return the buildpacks of the app alone, by name; for None those of all apps."""
        rows = self._db.all(
            "SELECT * FROM buildpacks WHERE coalesce(app_id, 0) = ? ORDER BY name", app.id if app else 0
        )
        return [AddedBuildpack(**dict(row)) for row in rows]

    def put(self, added: AddedBuildpack) -> None:
        """Add it, replacing one of the same name."""
        with self._db.transaction():
            self.remove(added.app_id, added.name)
            self._db.execute(
                "INSERT INTO buildpacks VALUES (?, ?, ?, ?, ?, ?, ?)",
                added.app_id, added.name, added.source, added.reference, added.version, added.added_by,
                added.added_at,
            )  # fmt: skip

    def copy(self, app: App, other: App) -> None:
        """Copy the buildpacks of the app to the other app."""
        for row in self.of(app):
            self.put(replace(row, app_id=other.id))

    def remove(self, app_id: int | None, name: str) -> None:
        """Remove it, if it exists."""
        self._db.execute("DELETE FROM buildpacks WHERE coalesce(app_id, 0) = ? AND name = ?", app_id or 0, name)

    def versions(self) -> set[str]:
        """Return all versions in use."""
        return {row["version"] for row in self._db.all("SELECT DISTINCT version FROM buildpacks")}
