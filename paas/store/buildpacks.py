"""Buildpacks that came from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace

from paas.core.model import App
from paas.store.table import Table


@dataclass(frozen=True)
class AddedBuildpack:
    """One buildpack that was added, for one app or, with ``app_id`` None, for all.

    ``source`` is the address or folder that it came from, ``reference`` the branch or tag that was asked for, and
    ``version`` what it was then: a commit, or the digest of a folder.
    """

    app_id: int | None
    name: str
    source: str
    reference: str
    version: str
    added_by: str
    added_at: float


class Buildpacks(Table):
    """At most one of a name for each app, and for all apps together."""

    def of(self, app: App | None) -> list[AddedBuildpack]:
        """Those of the app alone, by name; for None those of all apps."""
        rows = self._db.all(
            "SELECT * FROM buildpacks WHERE coalesce(app_id, 0) = ? ORDER BY name", app.id if app else 0
        )
        return [AddedBuildpack(**dict(row)) for row in rows]

    def put(self, added: AddedBuildpack) -> None:
        """Adds it, in place of one of the same name."""
        with self._db.transaction():
            self.remove(added.app_id, added.name)
            self._db.execute(
                "INSERT INTO buildpacks VALUES (?, ?, ?, ?, ?, ?, ?)",
                added.app_id, added.name, added.source, added.reference, added.version, added.added_by,
                added.added_at,
            )  # fmt: skip

    def copy(self, app: App, other: App) -> None:
        """Gives the other app those of the app."""
        for row in self.of(app):
            self.put(replace(row, app_id=other.id))

    def remove(self, app_id: int | None, name: str) -> None:
        """Removes it, if it is there."""
        self._db.execute("DELETE FROM buildpacks WHERE coalesce(app_id, 0) = ? AND name = ?", app_id or 0, name)

    def versions(self) -> set[str]:
        """The versions that somebody uses."""
        return {row["version"] for row in self._db.all("SELECT DISTINCT version FROM buildpacks")}
