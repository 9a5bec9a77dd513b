"""Which rows of the database are sealed: whether the key opens them, and giving up those that it does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from paas.core.edge.items import ACCESS, MAINTENANCE, SNIPPET, USER
from paas.store.database import Database
from paas.store.sealed import Sealer, key_lost

GUARDS = (ACCESS, USER, SNIPPET, MAINTENANCE)
"""Kinds of edge items without which an app may be open to people whom it kept out."""


@dataclass(frozen=True)
class Given:
    """What was given up: how many values of each table, and the apps that were taken off line for it."""

    counts: dict[str, int]
    closed: list[str]


class SealedRows:
    """Every sealed value there is, wherever it is kept."""

    # A table with its sealed column. Of releases those count that serve: others may be thousands.
    _TABLES = (
        ("config", "value", "1"),
        ("logins", "secret", "1"),
        ("certificates", "key", "1"),
        ("secrets", "value", "1"),
        ("edge", "value", "1"),
        ("drains", "url", "1"),
        ("releases", "config", "state = 'current'"),
    )

    def __init__(self, database: Database) -> None:
        self._db = database

    def any(self) -> bool:
        """Whether there is a sealed value."""
        return any(self._db.one(f"SELECT 1 FROM {table} LIMIT 1") for table, _, _ in self._TABLES)

    def check(self, sealer: Sealer) -> None:
        """Raise `PaasError` unless the key opens what is sealed."""
        for table, column, condition in self._TABLES:
            for row in self._db.all(f"SELECT {column} AS sealed FROM {table} WHERE {condition}"):
                if not sealer.opens(row["sealed"]):
                    raise key_lost(sealer.path, f"{sealer.path} does not open what the table {table!r} has.")

    def give_up(self, sealer: Sealer) -> Given:
        """Remove the values that the key does not open. An app that they guarded is taken off line."""
        with self._db.transaction(durable=True):
            guarded = set(self._guarded(sealer))
            counts = {table: self._drop(table, column, sealer) for table, column, _ in self._TABLES}
            names = [self._db.one("SELECT name FROM apps WHERE id = ?", app_id) for app_id in sorted(guarded)]
            for app_id in guarded:
                self._db.execute("UPDATE apps SET domains_enabled = 0 WHERE id = ?", app_id)
        return Given({table: count for table, count in counts.items() if count}, [row["name"] for row in names if row])

    def _guarded(self, sealer: Sealer) -> Iterator[int]:
        for row in self._db.all("SELECT app_id, kind, value FROM edge"):
            if row["kind"] in GUARDS and not sealer.opens(row["value"]):
                yield row["app_id"]

    def _drop(self, table: str, column: str, sealer: Sealer) -> int:
        # A release stays, without its variables; the other tables' rows are nothing without the value.
        key = "app_id, kind, name" if table == "edge" else "name" if table == "secrets" else "rowid"
        rows = self._db.all(f"SELECT {key}, {column} AS sealed FROM {table}")
        lost = [tuple(row)[:-1] for row in rows if not sealer.opens(row["sealed"])]
        place = " AND ".join(f"{name} = ?" for name in key.split(", "))
        if table == "releases":
            empty = sealer.seal_maps({}, {})
            self._db.many(f"UPDATE releases SET config = ? WHERE {place}", [(empty, *values) for values in lost])
        else:
            self._db.many(f"DELETE FROM {table} WHERE {place}", lost)
        return len(lost)
