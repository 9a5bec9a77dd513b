"""Apps, their formation, domains and replicas."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence

from paas.core.edge.address import Address
from paas.core.errors import AlreadyExists, NoSuchApp, PaasError
from paas.core.model import App, Endpoint, Replica
from paas.core.spelling import meant
from paas.store.database import Database, Row
from paas.store.domains import Domains


def as_app(row: Row) -> App:
    """Convert a row of the table of apps."""
    return App(
        row["id"], row["name"], row["created_at"], row["created_by"], bool(row["stopped"]), row["version"],
        row["scheduler"],
    )  # fmt: skip


def gone() -> NoSuchApp:
    """Return the error for an app that was destroyed meanwhile."""
    return NoSuchApp("the app was destroyed in the meantime")


class Apps(Domains):
    """Apps of this instance."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._db = database

    def all(self) -> list[App]:
        """Return all apps, by name."""
        return [as_app(row) for row in self._db.all("SELECT * FROM apps ORDER BY name")]

    def find(self, name: str) -> App | None:
        """Return the app of that name, or None."""
        row = self._db.one("SELECT * FROM apps WHERE name = ?", name)
        return as_app(row) if row else None

    def get(self, name: str) -> App:
        """Return the app of that name. Raise `NoSuchApp` with a similar name."""
        app = self.find(name)
        if app is None:
            raise NoSuchApp(
                f"there is no app {name!r}",
                why=meant(name, (row["name"] for row in self._db.all("SELECT name FROM apps"))),
                fix="'apps:list' shows the apps there are; 'apps:create NAME' or a push makes one.",
            )
        return app

    def by_id(self, app_id: int) -> App:
        """Return the present state of the app. Raise `NoSuchApp` if it was destroyed."""
        row = self._db.one("SELECT * FROM apps WHERE id = ?", app_id)
        if row is None:
            raise gone()
        return as_app(row)

    def exists(self, app: App) -> bool:
        """Return True if the app was not destroyed meanwhile."""
        return self._db.one("SELECT 1 FROM apps WHERE id = ?", app.id) is not None

    def create(self, name: str, *, actor: str, now: float) -> App:
        """Create an app. Raise `AlreadyExists` if the name is taken."""
        try:
            # Durable, as its folders are: a lost number would be given to another app, with the same folders.
            with self._db.transaction(durable=True):
                self._db.execute("INSERT INTO apps (name, created_at, created_by) VALUES (?, ?, ?)", name, now, actor)
        except sqlite3.IntegrityError as error:
            raise AlreadyExists(f"the app {name!r} already exists", fix="Choose another name.") from error
        return self.get(name)

    def reserve_numbers(self, highest: int) -> None:
        """Give no app a number up to ``highest``: something exists that belongs to other apps of those numbers."""
        self._db.execute("INSERT INTO sqlite_sequence (name, seq) SELECT 'apps', 0 WHERE NOT EXISTS"
                         " (SELECT 1 FROM sqlite_sequence WHERE name = 'apps')")  # fmt: skip
        self._db.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'apps'", highest)

    def rename(self, app: App, name: str) -> App:
        """Rename the app and return it. Raise `AlreadyExists` if the name is taken."""
        try:
            self._db.execute("UPDATE apps SET name = ? WHERE id = ?", name, app.id)
        except sqlite3.IntegrityError as error:
            raise AlreadyExists(f"the app {name!r} already exists", fix="Choose another name.") from error
        return self.get(name)

    def delete(self, app: App) -> None:
        """Remove the app and all rows that belong to it."""
        self._db.execute("DELETE FROM apps WHERE id = ?", app.id)

    def set_stopped(self, app: App, stopped: bool) -> None:
        """Record that the app was stopped or started by a user."""
        self._db.execute("UPDATE apps SET stopped = ? WHERE id = ?", int(stopped), app.id)

    def set_scheduler(self, app: App, name: str) -> None:
        """Record which scheduler runs the app's processes."""
        self._db.execute("UPDATE apps SET scheduler = ? WHERE id = ?", name, app.id)

    def subnet(self, app: App) -> str | None:
        """Return the network range of the app, or None."""
        row = self._db.one("SELECT subnet FROM apps WHERE id = ?", app.id)
        return row["subnet"] if row else None

    def subnets(self) -> set[str]:
        """Return all assigned ranges."""
        return {row["subnet"] for row in self._db.all("SELECT subnet FROM apps WHERE subnet IS NOT NULL")}

    def set_subnet(self, app: App, subnet: str | None) -> None:
        """Assign the range to the app."""
        self._db.execute("UPDATE apps SET subnet = ? WHERE id = ?", subnet, app.id)

    def formation(self, app: App) -> dict[str, int]:
        """Return the requested quantity of each process type."""
        rows = self._db.all("SELECT process_type, quantity FROM formation WHERE app_id = ?", app.id)
        return {row["process_type"]: row["quantity"] for row in rows}

    def set_formation(self, app: App, quantities: Mapping[str, int]) -> None:
        """Change the given quantities; others are unchanged."""
        self._db.many(
            "INSERT INTO formation VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET quantity = excluded.quantity",
            [(app.id, kind, number) for kind, number in quantities.items()],
        )

    def replicas(self, app: App) -> list[Replica]:
        """Return the desired containers, by type and index."""
        return self.replicas_of(app.id)

    def replicas_of(self, app_id: int) -> list[Replica]:
        """Return the desired containers of the app with that id; none for a removed app."""
        rows = self._db.all("SELECT * FROM replicas WHERE app_id = ? ORDER BY process_type, idx", app_id)
        columns = ("process_type", "idx", "slot", "version", "port", "protocol")
        return [Replica(*(row[name] for name in columns)) for row in rows]

    def set_replicas(self, app: App, replicas: Sequence[Replica]) -> None:
        """Replace the desired containers."""
        with self._db.transaction():
            self._db.execute("DELETE FROM replicas WHERE app_id = ?", app.id)
            self._db.many(
                "INSERT INTO replicas VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(app.id, r.process_type, r.index, r.slot, r.release, r.port, r.protocol) for r in replicas],
            )

    def endpoints(self, app_id: int) -> list[Endpoint]:
        """Return where the edge reaches the app's processes, in order; none for an app that is gone."""
        rows = self._db.all("SELECT * FROM endpoints WHERE app_id = ? ORDER BY position", app_id)
        return [Endpoint(row["process_type"], Address(row["host"], row["port"]), row["protocol"]) for row in rows]

    def set_endpoints(self, app: App, endpoints: Sequence[Endpoint]) -> None:
        """Replace all endpoints of the app."""
        with self._db.transaction():
            self._db.execute("DELETE FROM endpoints WHERE app_id = ?", app.id)
            self._db.many(
                "INSERT INTO endpoints VALUES (?, ?, ?, ?, ?, ?)",
                [(app.id, at, e.process_type, *e.address, e.protocol) for at, e in enumerate(endpoints)],
            )

    def port(self, app: App, process_type: str, index: int, slot: int) -> int | None:
        """Return the port of the place, or None."""
        row = self._db.one(
            "SELECT port FROM ports WHERE app_id = ? AND process_type = ? AND idx = ? AND slot = ?",
            app.id, process_type, index, slot,
        )  # fmt: skip
        return row["port"] if row else None

    def take_back_ports(self, app: App, kept: Collection[tuple[str, int]]) -> None:
        """Release the ports of the app's processes, by type and index, except the kept ones."""
        with self._db.transaction():
            rows = self._db.all("SELECT DISTINCT process_type, idx FROM ports WHERE app_id = ?", app.id)
            self._db.many(
                "DELETE FROM ports WHERE app_id = ? AND process_type = ? AND idx = ?",
                [(app.id, *row) for row in rows if tuple(row) not in kept],
            )

    def ports_taken(self) -> set[int]:
        """Return all ports that belong to a place."""
        return {row["port"] for row in self._db.all("SELECT port FROM ports")}

    def owners_of_ports(self, ports: Collection[int]) -> dict[int, int]:
        """Return the id of the owning app for each port that has an owner."""
        rows = self._db.all("SELECT port, app_id FROM ports")
        return {row["port"]: row["app_id"] for row in rows if row["port"] in ports}

    def give_port(self, app: App, process_type: str, index: int, slot: int, port: int) -> None:
        """Assign the port to the place, replacing its previous one."""
        with self._db.transaction():
            self._db.execute(
                "DELETE FROM ports WHERE app_id = ? AND process_type = ? AND idx = ? AND slot = ?",
                app.id, process_type, index, slot,
            )  # fmt: skip
            try:
                self._db.execute("INSERT INTO ports VALUES (?, ?, ?, ?, ?)", port, app.id, process_type, index, slot)
            except sqlite3.IntegrityError as error:
                raise PaasError(f"port {port} was given away in the meantime", code="port-taken") from error
