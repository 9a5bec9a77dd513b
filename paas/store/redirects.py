"""Redirects of hosts."""

from __future__ import annotations

from paas.core.edge.redirects import Redirect
from paas.core.model import App
from paas.store.table import Table


class Redirects(Table):
    """At most one redirect for each host."""

    def of(self, app: App) -> list[Redirect]:
        """Return those of the app, by source."""
        rows = self._db.all("SELECT * FROM redirects WHERE app_id = ? ORDER BY source", app.id)
        return [Redirect(row["source"], row["target"], row["code"]) for row in rows]

    def all(self) -> list[Redirect]:
        """Return those of all apps, by source."""
        rows = self._db.all("SELECT * FROM redirects ORDER BY source")
        return [Redirect(row["source"], row["target"], row["code"]) for row in rows]

    def owners(self) -> dict[str, int]:
        """Return the id of the app that redirects each host."""
        return {row["source"]: row["app_id"] for row in self._db.all("SELECT source, app_id FROM redirects")}

    def put(self, app: App, redirect: Redirect) -> None:
        """Save the redirect, replacing that of the host."""
        self._db.execute(
            "INSERT OR REPLACE INTO redirects (source, app_id, target, code) VALUES (?, ?, ?, ?)",
            redirect.source, app.id, redirect.target, redirect.code,
        )  # fmt: skip

    def remove(self, app: App, source: str) -> bool:
        """Remove the redirect. Return True if it existed."""
        return self._db.execute("DELETE FROM redirects WHERE app_id = ? AND source = ?", app.id, source).rowcount > 0
