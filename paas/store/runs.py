"""Runs of commands, and sandboxes."""

from __future__ import annotations

import sqlite3
from typing import Any

from paas.core.errors import AlreadyExists, NotFound
from paas.core.model import App
from paas.core.runs.oneoff import Run, RunStatus
from paas.core.sandboxes import Sandbox
from paas.store.apps import gone
from paas.store.database import Database, Row
from paas.store.table import Table


def _run(row: Row) -> Run:
    found: dict[str, Any] = dict(row)
    return Run(**{**found, "status": RunStatus(found["status"]), "attached": bool(found["attached"])})


class Runs:
    """Runs of all apps."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(
        self,
        app: App,
        *,
        kind: str,
        entry: str,
        command: str,
        actor: str,
        version: int,
        attached: bool,
        now: float,
        until: float,
        status: RunStatus = RunStatus.RUNNING,
        note: str = "",
        count: int = 1,
    ) -> Run:
        """Record a new run under the app's next number. Raise `NoSuchApp` if the app was destroyed meanwhile."""
        with self._db.transaction():
            last = self._db.one("SELECT max(number) AS number FROM runs WHERE app_id = ?", app.id)
            number = ((last["number"] if last else None) or 0) + 1
            over = None if status is RunStatus.RUNNING else now
            cursor = self._db.execute(
                "INSERT INTO runs (app_id, number, kind, entry, command, actor, version, attached, status, started_at,"
                " until, finished_at, note, count) SELECT id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM apps"
                " WHERE id = ?",
                number, kind, entry, command, actor, version, attached, status.value, now, until, over, note, count,
                app.id,
            )  # fmt: skip
            if not cursor.rowcount:
                raise gone()
            row = self._db.one("SELECT * FROM runs WHERE id = ?", cursor.lastrowid)
        assert row is not None
        return _run(row)

    def finish(self, run_id: int, status: RunStatus, now: float, exit_code: int | None, note: str = "") -> None:
        """Record its end."""
        self._db.execute(
            "UPDATE runs SET status = ?, finished_at = ?, exit_code = ?, note = ? WHERE id = ? AND status = 'running'",
            status.value, now, exit_code, note, run_id,
        )  # fmt: skip

    def last_id(self) -> int:
        """Return the id of the newest run, 0 if there is none."""
        row = self._db.one("SELECT max(id) AS id FROM runs")
        return (row["id"] if row else None) or 0

    def by_id(self, run_id: int) -> Run | None:
        """Return the run with that id, or None."""
        row = self._db.one("SELECT * FROM runs WHERE id = ?", run_id)
        return _run(row) if row else None

    def get(self, app: App, number: int) -> Run:
        """Return the app's run of that number. Raise `NotFound` if it does not exist, or was forgotten."""
        row = self._db.one("SELECT * FROM runs WHERE app_id = ? AND number = ?", app.id, number)
        if row is None:
            raise NotFound(
                f"{app.name} has no run {number}",
                fix=f"'run:list {app.name} --all' and 'cron:history {app.name}' show those there are.",
                code="no-such-run",
            )
        return _run(row)

    def all(
        self, app: App | None = None, *, kind: str = "", entry: str = "", active: bool = False, limit: int = 1000
    ) -> list[Run]:
        """Return the runs of the app, or of all, newest first, optionally only of a kind and a cron entry."""
        wanted = {"app_id = ?": app.id if app else 0, "kind = ?": kind, "entry = ?": entry}
        asked = {condition: value for condition, value in wanted.items() if value}
        where = " AND ".join([*asked, "status = 'running'" if active else "1"])
        rows = self._db.all(f"SELECT * FROM runs WHERE {where} ORDER BY id DESC LIMIT ?", *asked.values(), limit)
        return [_run(row) for row in rows]

    def ids(self, app: App) -> list[int]:
        """Return the ids of all runs of the app."""
        return [row["id"] for row in self._db.all("SELECT id FROM runs WHERE app_id = ?", app.id)]

    def forget_older(self, like: Run, keep: int) -> list[int]:
        """Forget ended runs of the same app and cron entry except the newest ``keep``. Return their ids."""
        with self._db.transaction():
            rows = self._db.all(
                "SELECT id FROM runs WHERE app_id = ? AND kind = ? AND entry = ? AND status != 'running'"
                " ORDER BY id DESC LIMIT -1 OFFSET ?",
                like.app_id, like.kind, like.entry, keep,
            )  # fmt: skip
            self._db.many("DELETE FROM runs WHERE id = ?", [(row["id"],) for row in rows])
        return [row["id"] for row in rows]


class SuspendedCron(Table):
    """Suspended cron entries."""

    def of(self, app: App) -> dict[str, str]:
        """Return who suspended each of the app's suspended entries, by the entry's id."""
        rows = self._db.all("SELECT entry, actor FROM suspended_cron WHERE app_id = ?", app.id)
        return {row["entry"]: row["actor"] for row in rows}

    def set(self, app: App, entry: str, actor: str, now: float) -> None:
        """Suspend the entry, if it is not suspended."""
        self._db.execute("INSERT OR IGNORE INTO suspended_cron VALUES (?, ?, ?, ?)", app.id, entry, actor, now)

    def clear(self, app: App, entry: str) -> None:
        """Resume the entry."""
        self._db.execute("DELETE FROM suspended_cron WHERE app_id = ? AND entry = ?", app.id, entry)


class Sandboxes:
    """Existing sandboxes."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def all(self) -> list[Sandbox]:
        """Return all sandboxes, by name."""
        return [Sandbox(**dict(row)) for row in self._db.all("SELECT * FROM sandboxes ORDER BY name")]

    def find(self, name: str) -> Sandbox | None:
        """Return the sandbox of that name, or None."""
        row = self._db.one("SELECT * FROM sandboxes WHERE name = ?", name)
        return Sandbox(**dict(row)) if row else None

    def get(self, name: str) -> Sandbox:
        """Return the sandbox of that name. Raise `NotFound`."""
        found = self.find(name)
        if found is None:
            raise NotFound(
                f"there is no sandbox {name!r}",
                why="It was never made, or its time was over.",
                fix="'sandbox:list' lists them.",
                code="no-such-sandbox",
            )
        return found

    def add(self, sandbox: Sandbox) -> None:
        """Record it. Raise `AlreadyExists` if the name is taken."""
        try:
            self._db.execute(
                "INSERT INTO sandboxes (name, image, actor, created_at, until) VALUES (?, ?, ?, ?, ?)",
                sandbox.name, sandbox.image, sandbox.actor, sandbox.created_at, sandbox.until,
            )  # fmt: skip
        except sqlite3.IntegrityError as error:
            raise AlreadyExists(f"there is a sandbox {sandbox.name!r} already", fix="Choose another name.") from error

    def remove(self, name: str) -> None:
        """Remove the record."""
        self._db.execute("DELETE FROM sandboxes WHERE name = ?", name)
