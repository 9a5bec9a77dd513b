"""Configuration variables, properties, keys, and facts about the instance."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

from paas.core.errors import AlreadyExists, NotFound
from paas.core.model import App, Key
from paas.core.properties import Properties
from paas.core.secret import Secret
from paas.store.database import Database
from paas.store.sealed import Sealer
from paas.store.table import Table


def _scope(app: App | None) -> int | None:
    return app.id if app else None


class Config:
    """Configuration variables of apps, and the global ones (app None). Encrypted at rest."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._db = database
        self._sealer = sealer

    def all(self, app: App | None) -> dict[str, Secret]:
        """Return the variables by name, sorted."""
        rows = self._db.all(
            "SELECT key, value FROM config WHERE coalesce(app_id, 0) = ? ORDER BY key", _scope(app) or 0
        )
        return {row["key"]: Secret(self._sealer.open(row["value"])) for row in rows}

    def set(self, app: App | None, values: Mapping[str, Secret]) -> None:
        """Set the given variables; others are unchanged."""
        with self._db.transaction():
            self.unset(app, values)
            self._db.many(
                "INSERT INTO config VALUES (?, ?, ?)",
                [(_scope(app), key, self._sealer.seal(secret.reveal())) for key, secret in values.items()],
            )

    def unset(self, app: App | None, keys: Iterable[str]) -> None:
        """Remove the given variables, if they exist."""
        self._db.many(
            "DELETE FROM config WHERE coalesce(app_id, 0) = ? AND key = ?", [(_scope(app) or 0, key) for key in keys]
        )

    def replace(self, app: App | None, values: Mapping[str, Secret]) -> None:
        """Replace all variables."""
        with self._db.transaction():
            self._db.execute("DELETE FROM config WHERE coalesce(app_id, 0) = ?", _scope(app) or 0)
            self.set(app, values)


class PropertyValues:
    """The properties that were set, for apps and globally."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def of(self, app: App | None) -> Properties:
        """Return the effective values for the app, or for None the global ones."""
        values: dict[int | None, dict[tuple[str, str], str]] = {None: {}}
        for row in self._db.all("SELECT * FROM properties WHERE coalesce(app_id, 0) IN (0, ?)", _scope(app) or 0):
            values.setdefault(row["app_id"], {})[row["namespace"], row["key"]] = row["value"]
        return Properties(values.get(app.id, {}) if app else {}, values[None])

    def everywhere(self, namespace: str, key: str) -> list[str]:
        """Return all values that were set for apps, or globally."""
        rows = self._db.all("SELECT value FROM properties WHERE namespace = ? AND key = ?", namespace, key)
        return [row["value"] for row in rows]

    def set(self, app: App | None, namespace: str, key: str, value: str) -> None:
        """Set the value; an empty one unsets it."""
        with self._db.transaction():
            self._db.execute(
                "DELETE FROM properties WHERE coalesce(app_id, 0) = ? AND namespace = ? AND key = ?",
                _scope(app) or 0, namespace, key,
            )  # fmt: skip
            if value:
                self._db.execute("INSERT INTO properties VALUES (?, ?, ?, ?)", _scope(app), namespace, key, value)


class Keys(Table):
    """Public keys that may log in."""

    def all(self) -> list[Key]:
        """Return all keys, by name."""
        return [Key(**dict(row)) for row in self._db.all("SELECT * FROM keys ORDER BY name")]

    def by_fingerprint(self, fingerprint: str) -> Key | None:
        """Return the key with that fingerprint (``SHA256:…``), or None."""
        row = self._db.one("SELECT * FROM keys WHERE fingerprint = ?", fingerprint)
        return Key(**dict(row)) if row else None

    def add(self, key: Key) -> None:
        """Add the key. Raise `AlreadyExists` with its present name."""
        present = self.by_fingerprint(key.fingerprint)
        if present:
            raise AlreadyExists(f"this key is there already, as {present.name!r}", code="key-exists")
        try:
            self._db.execute(
                "INSERT INTO keys (name, fingerprint, kind, blob, comment, role, created_at) VALUES (?,?,?,?,?,?,?)",
                key.name, key.fingerprint, key.kind, key.blob, key.comment, key.role, key.created_at,
            )  # fmt: skip
        except sqlite3.IntegrityError as error:
            raise AlreadyExists(
                f"there is a key {key.name!r} already",
                fix=f"Choose another name, or run 'ssh-keys:remove {key.name}' first.",
                code="key-exists",
            ) from error

    def remove(self, *, name: str = "", fingerprint: str = "") -> Key:
        """Remove the key of that name or fingerprint and return it. Raise `NotFound`."""
        for key in self.all():
            if key.name == name or key.fingerprint == fingerprint:
                self._db.execute("DELETE FROM keys WHERE name = ?", key.name)
                return key
        raise NotFound(
            f"there is no key {name or fingerprint!r}", fix="'ssh-keys:list' lists them.", code="no-such-key"
        )


class Instance:
    """Facts about this instance that stay."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, key: str) -> str | None:
        """Return the value, or None."""
        row = self._db.one("SELECT value FROM instance WHERE key = ?", key)
        return row["value"] if row else None

    def set(self, key: str, value: str) -> None:
        """Set the value."""
        self._db.execute(
            "INSERT INTO instance VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", key, value
        )

    def set_all(self, values: Mapping[str, str]) -> None:
        """Set all values, or none."""
        with self._db.transaction():
            for key, value in values.items():
                self.set(key, value)
