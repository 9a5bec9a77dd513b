"""Traces of deployments."""

from __future__ import annotations

import json
from collections.abc import Sequence

from paas.core.jobs.trace import Span
from paas.core.model import App
from paas.store.database import Database

_DIGITS = 6


class TraceRecords:
    """At most one for each deployment."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def set(self, deployment_id: int, spans: Sequence[Span]) -> None:
        """Record the spans of the deployment. Do nothing if it was removed with its app."""
        rows = [(span.name, span.depth, round(span.began, _DIGITS), round(span.seconds, _DIGITS)) for span in spans]
        self._db.execute(
            "INSERT OR REPLACE INTO traces SELECT id, ? FROM deployments WHERE id = ?", json.dumps(rows), deployment_id
        )

    def get(self, deployment_id: int) -> list[Span]:
        """Return the spans of the deployment in the order of their beginnings; none if they were removed."""
        row = self._db.one("SELECT spans FROM traces WHERE deployment_id = ?", deployment_id)
        return [Span(*entry) for entry in json.loads(row["spans"])] if row else []

    def newest(self, app: App) -> int | None:
        """Return the number of the app's newest deployment that has a trace, or None."""
        row = self._db.one(
            "SELECT d.id FROM deployments d CROSS JOIN traces t ON t.deployment_id = d.id WHERE d.app_id = ?"
            " ORDER BY d.id DESC LIMIT 1",
            app.id,
        )
        return row["id"] if row else None

    def remove(self, deployment_ids: Sequence[int]) -> None:
        """Remove the traces of those deployments."""
        self._db.many("DELETE FROM traces WHERE deployment_id = ?", [(number,) for number in deployment_ids])
