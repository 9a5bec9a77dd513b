"""Sealed rows of the database: check that the key opens them, and remove those that it does not open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from paas.core.edge.items import ACCESS, MAINTENANCE, SNIPPET, USER
from paas.store.database import Database
from paas.store.sealed import Sealer, key_lost
from paas.store.table import Sealed, Table

GUARDS = (ACCESS, USER, SNIPPET, MAINTENANCE)
"""Kinds of edge items that restrict access: without them an app could become public."""


@dataclass(frozen=True)
class Given:
    """Removed values: their number by table, and the apps that were taken off line because of them."""

    counts: dict[str, int]
    closed: list[str]


_OWN = (
    Sealed("config", "value"),
    Sealed("certificates", "key"),
    Sealed("edge", "value", key="app_id, kind, name"),
    # Only those that serve: there may be thousands of others.
    Sealed("releases", "config", condition="state = 'current'"),
)
"""Columns of tables that belong to no single feature."""


class SealedRows:
    """All sealed values, in all tables."""

    def __init__(self, database: Database, tables: Iterable[type[Table]] = ()) -> None:
        self._db = database
        self._sealed = [*_OWN, *(one for table in tables for one in table.SEALED)]

    def any(self) -> bool:
        """Return True if there is a sealed value."""
        return any(self._db.one(f"SELECT 1 FROM {one.table} LIMIT 1") for one in self._sealed)

    def check(self, sealer: Sealer) -> None:
        """Raise `PaasError` unless the key opens the sealed values."""
        for one in self._sealed:
            for row in self._db.all(f"SELECT {one.column} AS sealed FROM {one.table} WHERE {one.condition}"):
                if not sealer.opens(row["sealed"]):
                    raise key_lost(sealer.path, f"{sealer.path} does not open what the table {one.table!r} has.")

    def give_up(self, sealer: Sealer) -> Given:
        """Remove the values that the key does not open. Take apps off line whose access they restricted."""
        with self._db.transaction(durable=True):
            guarded = set(self._guarded(sealer))
            counts = {one.table: self._drop(one, sealer) for one in self._sealed}
            names = [self._db.one("SELECT name FROM apps WHERE id = ?", app_id) for app_id in sorted(guarded)]
            for app_id in guarded:
                self._db.execute("UPDATE apps SET domains_enabled = 0 WHERE id = ?", app_id)
        return Given({table: count for table, count in counts.items() if count}, [row["name"] for row in names if row])

    def _guarded(self, sealer: Sealer) -> Iterator[int]:
        for row in self._db.all("SELECT app_id, kind, value FROM edge"):
            if row["kind"] in GUARDS and not sealer.opens(row["value"]):
                yield row["app_id"]

    def _drop(self, one: Sealed, sealer: Sealer) -> int:
        # A release stays, without its variables; rows of other tables are useless without the value.
        rows = self._db.all(f"SELECT {one.key}, {one.column} AS sealed FROM {one.table}")
        lost = [tuple(row)[:-1] for row in rows if not sealer.opens(row["sealed"])]
        place = " AND ".join(f"{name} = ?" for name in one.key.split(", "))
        if one.table == "releases":
            empty = sealer.seal_maps({}, {})
            self._db.many(f"UPDATE releases SET config = ? WHERE {place}", [(empty, *values) for values in lost])
        else:
            self._db.many(f"DELETE FROM {one.table} WHERE {place}", lost)
        return len(lost)
