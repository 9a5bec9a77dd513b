"""The domains of apps, and the global ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from paas.core.errors import AlreadyExists
from paas.core.model import App
from paas.store.database import Database


class Domains:
    """Domains: each belongs to one app; global ones (app None) are separate."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def domains(self, app: App | None) -> list[str]:
        """Return the app's own domains, or the global ones for None, in the order they were added."""
        rows = self._db.all(
            "SELECT name FROM domains WHERE coalesce(app_id, 0) = ? ORDER BY position", app.id if app else 0
        )
        return [row["name"] for row in rows]

    def domains_from_file(self, app: App) -> list[str]:
        """Return the app's domains from its paas.yml."""
        rows = self._db.all("SELECT name FROM domains WHERE app_id = ? AND from_file ORDER BY position", app.id)
        return [row["name"] for row in rows]

    def domain_owners(self) -> dict[str, int]:
        """Return the id of the app of each domain, without global ones."""
        return {row["name"]: row["app_id"] for row in self._db.all("SELECT * FROM domains WHERE app_id IS NOT NULL")}

    def host_owners(self, names: Sequence[str]) -> dict[str, int]:
        """Return those names that an app has as a domain, redirect, or name, with the app's id."""
        marks = ", ".join("?" * len(names))
        rows = self._db.all(
            f"SELECT name, id FROM apps WHERE default_domains AND name IN ({marks})"
            f" UNION ALL SELECT source, app_id FROM redirects WHERE source IN ({marks})"
            f" UNION ALL SELECT name, app_id FROM domains WHERE app_id IS NOT NULL AND name IN ({marks})",
            *names, *names, *names,
        )  # fmt: skip
        return {row["name"]: row["id"] for row in rows}

    def default_domains(self, app: App) -> bool:
        """Return True if the app is also served at its name below the global domains."""
        row = self._db.one("SELECT default_domains FROM apps WHERE id = ?", app.id)
        return bool(row and row["default_domains"])

    def set_default_domains(self, app: App, wanted: bool) -> None:
        """Record whether the app is also served at its name below the global domains."""
        self._db.execute("UPDATE apps SET default_domains = ? WHERE id = ?", int(wanted), app.id)

    def without_default_domains(self) -> set[int]:
        """Return the ids of the apps that are not."""
        return {row["id"] for row in self._db.all("SELECT id FROM apps WHERE NOT default_domains")}

    def domains_enabled(self, app: App) -> bool:
        """Return True if the app is served at its domains."""
        row = self._db.one("SELECT domains_enabled FROM apps WHERE id = ?", app.id)
        return bool(row and row["domains_enabled"])

    def enable_domains(self, app: App, enabled: bool) -> None:
        """Record whether the app is served at its domains."""
        self._db.execute("UPDATE apps SET domains_enabled = ? WHERE id = ?", int(enabled), app.id)

    def set_domains(
        self, app: App | None, domains: Sequence[str], from_file: Collection[str] | None = None
    ) -> None:
        """Replace the domains. Raise an error naming the owner of a domain that another app has.

        ``from_file`` are those in paas.yml; None keeps that mark of those that stay.
        """
        with self._db.transaction():
            listed = set(self.domains_from_file(app)) if app and from_file is None else set(from_file or ())
            self._db.execute("DELETE FROM domains WHERE coalesce(app_id, 0) = ?", app.id if app else 0)
            for position, name in enumerate(domains):
                self._add_domain(app, name, position, name in listed)

    def _add_domain(self, app: App | None, name: str, position: int, from_file: bool) -> None:
        owner = self._db.one(
            "SELECT apps.name FROM domains JOIN apps ON apps.id = app_id WHERE domains.name = ?", name
        )
        if app is not None and owner is not None:
            raise AlreadyExists(
                f"the domain {name} belongs to the app {owner['name']!r}",
                fix=f"Run 'domains:remove {owner['name']} {name}' first.",
                code="domain-taken",
            )
        self._db.execute(
            "INSERT INTO domains (app_id, name, position, from_file) VALUES (?, ?, ?, ?)",
            app.id if app else None, name, position, int(from_file),
        )  # fmt: skip
