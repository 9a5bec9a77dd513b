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
    """The app of a row of the table of apps."""
    return App(
        row["id"], row["name"], row["created_at"], row["created_by"], bool(row["stopped"]), row["version"],
        row["scheduler"],
    )  # fmt: skip


def gone() -> NoSuchApp:
    """The error where somebody goes on with an app that is not there any more."""
    return NoSuchApp("the app was destroyed in the meantime")


class Apps(Domains):
    """The apps of this instance."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._db = database

    def all(self) -> list[App]:
        """Every app, by name."""
        return [as_app(row) for row in self._db.all("SELECT * FROM apps ORDER BY name")]

    def find(self, name: str) -> App | None:
        """The app of that name, or None."""
        row = self._db.one("SELECT * FROM apps WHERE name = ?", name)
        return as_app(row) if row else None

    def get(self, name: str) -> App:
        """The app of that name; `NoSuchApp` suggests one that is spelt alike."""
        app = self.find(name)
        if app is None:
            raise NoSuchApp(
                f"there is no app {name!r}",
                why=meant(name, (row["name"] for row in self._db.all("SELECT name FROM apps"))),
                fix="'apps:list' shows the apps there are; 'apps:create NAME' or a push makes one.",
            )
        return app

    def by_id(self, app_id: int) -> App:
        """The app as it is now; `NoSuchApp` once it is destroyed."""
        row = self._db.one("SELECT * FROM apps WHERE id = ?", app_id)
        if row is None:
            raise gone()
        return as_app(row)

    def exists(self, app: App) -> bool:
        """Whether the app was not destroyed in the meantime."""
        return self._db.one("SELECT 1 FROM apps WHERE id = ?", app.id) is not None

    def create(self, name: str, *, actor: str, now: float) -> App:
        """A new app; `AlreadyExists` if the name is taken."""
        try:
            # Durable, as its folders are: a number that is lost would be given to another app, beside them.
            with self._db.transaction(durable=True):
                self._db.execute("INSERT INTO apps (name, created_at, created_by) VALUES (?, ?, ?)", name, now, actor)
        except sqlite3.IntegrityError as error:
            raise AlreadyExists(f"the app {name!r} already exists", fix="Choose another name.") from error
        return self.get(name)

    def reserve_numbers(self, highest: int) -> None:
        """Give no app a number up to that: something is there that belongs to others of those numbers."""
        self._db.execute("INSERT INTO sqlite_sequence (name, seq) SELECT 'apps', 0 WHERE NOT EXISTS"
                         " (SELECT 1 FROM sqlite_sequence WHERE name = 'apps')")  # fmt: skip
        self._db.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'apps'", highest)

    def rename(self, app: App, name: str) -> App:
        """The app under its new name; `AlreadyExists` if that is taken."""
        try:
            self._db.execute("UPDATE apps SET name = ? WHERE id = ?", name, app.id)
        except sqlite3.IntegrityError as error:
            raise AlreadyExists(f"the app {name!r} already exists", fix="Choose another name.") from error
        return self.get(name)

    def delete(self, app: App) -> None:
        """Removes the app and every row that belongs to it."""
        self._db.execute("DELETE FROM apps WHERE id = ?", app.id)

    def set_stopped(self, app: App, stopped: bool) -> None:
        """Records that the app was stopped or started by hand."""
        self._db.execute("UPDATE apps SET stopped = ? WHERE id = ?", int(stopped), app.id)

    def set_scheduler(self, app: App, name: str) -> None:
        """Record which scheduler runs the app's processes."""
        self._db.execute("UPDATE apps SET scheduler = ? WHERE id = ?", name, app.id)

    def subnet(self, app: App) -> str | None:
        """The network range that was given to the app, or None."""
        row = self._db.one("SELECT subnet FROM apps WHERE id = ?", app.id)
        return row["subnet"] if row else None

    def subnets(self) -> set[str]:
        """All ranges that are given away."""
        return {row["subnet"] for row in self._db.all("SELECT subnet FROM apps WHERE subnet IS NOT NULL")}

    def set_subnet(self, app: App, subnet: str | None) -> None:
        """Gives the range to the app."""
        self._db.execute("UPDATE apps SET subnet = ? WHERE id = ?", subnet, app.id)

    def formation(self, app: App) -> dict[str, int]:
        """How many of each process type were asked for."""
        rows = self._db.all("SELECT process_type, quantity FROM formation WHERE app_id = ?", app.id)
        return {row["process_type"]: row["quantity"] for row in rows}

    def set_formation(self, app: App, quantities: Mapping[str, int]) -> None:
        """Changes the quantities that are named; the others stay."""
        self._db.many(
            "INSERT INTO formation VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET quantity = excluded.quantity",
            [(app.id, kind, number) for kind, number in quantities.items()],
        )

    def replicas(self, app: App) -> list[Replica]:
        """The containers that are wanted now, by type and index."""
        return self.replicas_of(app.id)

    def replicas_of(self, app_id: int) -> list[Replica]:
        """The same for the number of an app; none for one that is gone."""
        rows = self._db.all("SELECT * FROM replicas WHERE app_id = ? ORDER BY process_type, idx", app_id)
        columns = ("process_type", "idx", "slot", "version", "port", "protocol")
        return [Replica(*(row[name] for name in columns)) for row in rows]

    def set_replicas(self, app: App, replicas: Sequence[Replica]) -> None:
        """Makes these, and no others, the wanted containers."""
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
        """The port that the slot owns, or None."""
        row = self._db.one(
            "SELECT port FROM ports WHERE app_id = ? AND process_type = ? AND idx = ? AND slot = ?",
            app.id, process_type, index, slot,
        )  # fmt: skip
        return row["port"] if row else None

    def take_back_ports(self, app: App, kept: Collection[tuple[str, int]]) -> None:
        """The slots of its processes, by type and index, own no port any more, but those that are kept."""
        with self._db.transaction():
            rows = self._db.all("SELECT DISTINCT process_type, idx FROM ports WHERE app_id = ?", app.id)
            self._db.many(
                "DELETE FROM ports WHERE app_id = ? AND process_type = ? AND idx = ?",
                [(app.id, *row) for row in rows if tuple(row) not in kept],
            )

    def ports_taken(self) -> set[int]:
        """All ports that are owned by a slot."""
        return {row["port"] for row in self._db.all("SELECT port FROM ports")}

    def owners_of_ports(self, ports: Collection[int]) -> dict[int, int]:
        """The number of the app whose slot owns the port, for each that has an owner."""
        rows = self._db.all("SELECT port, app_id FROM ports")
        return {row["port"]: row["app_id"] for row in rows if row["port"] in ports}

    def give_port(self, app: App, process_type: str, index: int, slot: int, port: int) -> None:
        """Makes the slot the owner of the port, in place of one that it had."""
        with self._db.transaction():
            self._db.execute(
                "DELETE FROM ports WHERE app_id = ? AND process_type = ? AND idx = ? AND slot = ?",
                app.id, process_type, index, slot,
            )  # fmt: skip
            try:
                self._db.execute("INSERT INTO ports VALUES (?, ?, ?, ?, ?)", port, app.id, process_type, index, slot)
            except sqlite3.IntegrityError as error:
                raise PaasError(f"port {port} was given away in the meantime", code="port-taken") from error
