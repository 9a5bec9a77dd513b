"""Certificates with their keys, and secrets of the instance itself. Keys are encrypted at rest."""

from __future__ import annotations

from collections.abc import Collection

from paas.core.certs.certificate import Certificate, CertificateSource
from paas.core.model import App
from paas.core.secret import Secret
from paas.store.database import Database, Row
from paas.store.sealed import Sealer
from paas.store.table import Sealed, Table
from paas.system import x509


class Certificates:
    """Certificates of apps, and global ones (app None)."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._db = database
        self._sealer = sealer

    def of(self, app: App | None) -> list[Certificate]:
        """Return those of the app, or the global ones for None, by name."""
        return self._found("WHERE coalesce(app_id, 0) = ? ORDER BY name, id", app.id if app else 0)

    def usable(self, app_id: int, hosts: Collection[str]) -> list[Certificate]:
        """Return those that the app with that number may use for its ``hosts``: its own, the global ones, and those
        that an authority issued for just one of the hosts while another app had it.
        """
        marks = ", ".join("?" * len(hosts))
        return self._found(
            "WHERE app_id = ? OR (app_id IS NULL AND source IN ('added', 'generated'))"
            f" OR (name IN ({marks}) AND source IN ('acme', 'placeholder')) ORDER BY id",
            app_id, *hosts,
        )  # fmt: skip

    def issued(self) -> list[str]:
        """Return the names of those that an authority issued, with or without an app."""
        rows = self._db.all("SELECT DISTINCT name FROM certificates WHERE source = 'acme' ORDER BY name")
        return [row["name"] for row in rows]

    def elsewhere(self, app: App | None, hosts: Collection[str]) -> list[str]:
        """Return which of the hosts got a certificate from an authority while another app had them."""
        marks = ", ".join("?" * len(hosts))
        rows = self._db.all(
            f"SELECT DISTINCT name FROM certificates WHERE source = 'acme' AND coalesce(app_id, 0) != ?"
            f" AND name IN ({marks}) ORDER BY name",
            app.id if app else 0, *hosts,
        )  # fmt: skip
        return [row["name"] for row in rows]

    def forget_issued(self, host: str) -> None:
        """Remove what an authority issued for the host, and its temporary substitute, for any app."""
        self._db.execute("DELETE FROM certificates WHERE name = ? AND source IN ('acme', 'placeholder')", host)

    def release(self, app: App) -> None:
        """Keep what an authority issued for the app's hosts when the app is removed: other apps may get the hosts."""
        with self._db.transaction():
            self._db.execute(
                "DELETE FROM certificates WHERE app_id IS NULL AND source = 'acme'"
                " AND name IN (SELECT name FROM certificates WHERE app_id = ? AND source = 'acme')",
                app.id,
            )
            self._db.execute("UPDATE certificates SET app_id = NULL WHERE app_id = ? AND source = 'acme'", app.id)

    def names(self, app: App | None) -> list[tuple[str, CertificateSource]]:
        """Return name and source of those of the app: cheaper than `of`, which reads them."""
        rows = self._db.all(
            "SELECT name, source FROM certificates WHERE coalesce(app_id, 0) = ? ORDER BY name, id",
            app.id if app else 0,
        )
        return [(row["name"], CertificateSource(row["source"])) for row in rows]

    def all(self) -> list[Certificate]:
        """Return all certificates."""
        return self._found("ORDER BY id")

    def _found(self, condition: str, *parameters: object) -> list[Certificate]:
        return [self._certificate(row) for row in self._db.all(f"SELECT * FROM certificates {condition}", *parameters)]

    def _certificate(self, row: Row) -> Certificate:
        return Certificate(
            id=row["id"],
            app_id=row["app_id"],
            name=row["name"],
            source=CertificateSource(row["source"]),
            chain=row["chain"],
            key=Secret(self._sealer.open(row["key"])),
            facts=x509.facts(row["chain"]),
            request=row["request"],
            server=row["server"],
            added_at=row["added_at"],
        )

    def put(
        self,
        app: App | None,
        name: str,
        source: CertificateSource,
        chain: str,
        key: Secret,
        *,
        now: float,
        request: str = "",
        server: str = "",
    ) -> None:
        """Save the certificate, replacing one of the same name and source."""
        with self._db.transaction():
            self.remove(app, name, source)
            self._db.execute(
                "INSERT INTO certificates (app_id, name, source, chain, key, request, server, added_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                app.id if app else None, name, source.value, chain, self._sealer.seal(key.reveal()), request, server,
                now,
            )  # fmt: skip

    def restore(self, app: App | None, certificates: list[Certificate]) -> None:
        """Replace the certificates with those from before a failed change."""
        with self._db.transaction():
            self._db.execute("DELETE FROM certificates WHERE coalesce(app_id, 0) = ?", app.id if app else 0)
            for one in certificates:
                self.put(
                    app, one.name, one.source, one.chain, one.key, now=one.added_at, request=one.request,
                    server=one.server,
                )  # fmt: skip

    def remove(self, app: App | None, name: str, source: CertificateSource) -> bool:
        """Remove the certificate. Return True if it existed."""
        done = self._db.execute(
            "DELETE FROM certificates WHERE coalesce(app_id, 0) = ? AND name = ? AND source = ?",
            app.id if app else 0, name, source.value,
        )  # fmt: skip
        return done.rowcount > 0


class Secrets(Table):
    """Secrets of the instance itself, by name."""

    SEALED = (Sealed("secrets", "value", key="name"),)

    def get(self, name: str) -> Secret | None:
        """Return the secret, or None."""
        row = self._db.one("SELECT value FROM secrets WHERE name = ?", name)
        return Secret(self._sealer.open(row["value"])) if row else None

    def set(self, name: str, secret: Secret) -> None:
        """Save the secret, replacing one of the same name."""
        self._db.execute("INSERT OR REPLACE INTO secrets VALUES (?, ?)", name, self._sealer.seal(secret.reveal()))
