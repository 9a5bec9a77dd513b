"""Events, the index of kept logs, and drains."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from paas.core.errors import NoSuchApp, NotFound
from paas.core.logs.drain import Drain, Position
from paas.core.logs.line import PLATFORM, LogLine
from paas.core.model import App
from paas.core.secret import Secret
from paas.store.database import Database, Row
from paas.store.table import Sealed, Table
from paas.system.segments import Segment

EVENTS_KEPT = 2000
PRUNED_AFTER = 16
_PAGE = 200


@dataclass(frozen=True)
class KeptLog:
    """The log of a container that is gone.

    ``started`` is when it began, ``first`` and ``last`` the times of its first and last line; ``bytes`` what it takes
    on disk. ``segments`` are the parts of the packed file, None while the files are as the engine wrote them.
    """

    container: str
    app_id: int
    process: str
    release: int
    started: str
    first: str
    last: str
    bytes: int
    segments: tuple[Segment, ...] | None = None


class Events:
    """What the platform tells in the logs of apps; of each app the newest are kept."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self.added = 0
        """How many were added by this process: nobody needs to ask as long as it stays the same."""

    def add(self, app_id: int, at: str, process: str, text: str, *, release: int = 0, code: str = "") -> None:
        """Tells it; of an app that is gone, nobody."""
        cursor = self._db.execute(
            "INSERT INTO events (app_id, at, process, release, code, text)"
            " SELECT id, ?, ?, ?, ?, ? FROM apps WHERE id = ?",
            at, process, release, code, text, app_id,
        )  # fmt: skip
        self.added += 1
        if cursor.rowcount and (cursor.lastrowid or 0) % PRUNED_AFTER == 0:
            self._db.execute(
                "DELETE FROM events WHERE app_id = ? AND id <= (SELECT id FROM events WHERE app_id = ?"
                " ORDER BY id DESC LIMIT 1 OFFSET ?)",
                app_id, app_id, EVENTS_KEPT,
            )  # fmt: skip

    def newest(self) -> int:
        """The number of the newest event of all."""
        row = self._db.one("SELECT max(id) AS id FROM events")
        return (row["id"] if row else None) or 0

    def after(self, app: App, event: int, limit: int = 1000) -> list[tuple[int, LogLine]]:
        """The app's events after the one of that number, with theirs, in order."""
        rows = self._db.all(
            "SELECT * FROM events WHERE app_id = ? AND id > ? ORDER BY id LIMIT ?", app.id, event, limit
        )
        return [(row["id"], _event(app, row)) for row in rows]

    def before(self, app: App, moment: str, newest: int) -> int:
        """The number before that of the app's first event of that moment or later, ``newest`` where there is none."""
        row = self._db.one("SELECT min(id) AS id FROM events WHERE app_id = ? AND at >= ?", app.id, moment)
        first: int | None = row["id"] if row else None
        return newest if first is None else first - 1

    def backward(self, app: App) -> Iterator[LogLine]:
        """The app's events, the newest first."""
        below = 1 << 62
        while rows := self._db.all(
            "SELECT * FROM events WHERE app_id = ? AND id < ? ORDER BY id DESC LIMIT ?", app.id, below, _PAGE
        ):
            yield from (_event(app, row) for row in rows)
            below = rows[-1]["id"]


def _event(app: App, row: Row) -> LogLine:
    return LogLine(
        row["at"], PLATFORM, row["process"], row["text"].encode("utf-8", "replace"), row["release"], app.name,
        row["code"],
    )  # fmt: skip


class KeptLogs:
    """The index of the logs of containers that are gone."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def put(self, log: KeptLog) -> None:
        """Adds it, or replaces what is told of its container. `NoSuchApp` once its app is gone."""
        segments = None if log.segments is None else json.dumps(log.segments)
        put = self._db.execute(
            "INSERT OR REPLACE INTO kept_logs SELECT ?, id, ?, ?, ?, ?, ?, ?, ? FROM apps WHERE id = ?",
            log.container, log.process, log.release, log.started, log.first, log.last, log.bytes, segments, log.app_id,
        )  # fmt: skip
        if not put.rowcount:
            raise NoSuchApp(f"the app of container {log.container[:12]} is gone")

    def find(self, container: str) -> KeptLog | None:
        """That of the container, or None."""
        row = self._db.one("SELECT * FROM kept_logs WHERE container = ?", container)
        return _kept(row) if row else None

    def of(self, app: App) -> list[KeptLog]:
        """The app's, the oldest first."""
        rows = self._db.all("SELECT * FROM kept_logs WHERE app_id = ? ORDER BY last, container", app.id)
        return [_kept(row) for row in rows]

    def unpacked(self) -> list[KeptLog]:
        """Those whose files are as the engine wrote them."""
        return [_kept(row) for row in self._db.all("SELECT * FROM kept_logs WHERE segments IS NULL")]

    def remove(self, container: str) -> None:
        """Nothing is kept of it any more."""
        self._db.execute("DELETE FROM kept_logs WHERE container = ?", container)


def _kept(row: Row) -> KeptLog:
    values = dict(row)
    segments = values.pop("segments")
    parts = None if segments is None else tuple(Segment(*part) for part in json.loads(segments))
    return KeptLog(**values, segments=parts)


class DrainRecords(Table):
    """Where lines are sent, how far each has come, and what it counted."""

    SEALED = (Sealed("drains", "url"),)

    def _drain(self, row: Row) -> Drain:
        return Drain(
            id=row["id"],
            app_id=row["app_id"],
            url=Secret(self._sealer.open(row["url"])),
            format=row["format"],
            ca=row["ca"],
            created_at=row["created_at"],
            created_by=row["created_by"],
            position=_position(row["position"]),
            sent=row["sent"],
            dropped=row["dropped"],
            gaps=row["gaps"],
            error=row["error"],
            error_at=row["error_at"],
        )

    def add(
        self, app: App | None, url: Secret, form: str, ca: str, position: Position, *, actor: str, now: float
    ) -> Drain:
        """A new drain."""
        cursor = self._db.execute(
            "INSERT INTO drains (app_id, url, format, ca, created_at, created_by, position) VALUES (?,?,?,?,?,?,?)",
            app.id if app else None, self._sealer.seal(url.reveal()), form, ca, now, actor, _text(position),
        )  # fmt: skip
        return self.get(int(cursor.lastrowid or 0))

    def get(self, drain_id: int) -> Drain:
        """The drain of that number; `NotFound` if there is none."""
        row = self._db.one("SELECT * FROM drains WHERE id = ?", drain_id)
        if row is None:
            raise NotFound(
                f"there is no drain {drain_id}", fix="'logs:drain list' lists them.", code="no-such-drain"
            )
        return self._drain(row)

    def ids(self) -> list[int]:
        """The numbers of every drain."""
        return [row["id"] for row in self._db.all("SELECT id FROM drains ORDER BY id")]

    def all(self) -> list[Drain]:
        """Every drain."""
        return [self._drain(row) for row in self._db.all("SELECT * FROM drains ORDER BY id")]

    def of(self, app: App | None) -> list[Drain]:
        """The app's own, or those of every app for None."""
        rows = self._db.all(
            "SELECT * FROM drains WHERE coalesce(app_id, 0) = ? ORDER BY id", app.id if app else 0
        )
        return [self._drain(row) for row in rows]

    def remove(self, drain_id: int) -> None:
        """Nothing is sent there any more."""
        self._db.execute("DELETE FROM drains WHERE id = ?", drain_id)

    def advance(self, drain_id: int, position: Position) -> None:
        """It was read so far, and what was read is safe."""
        self._db.execute("UPDATE drains SET position = ? WHERE id = ?", _text(position), drain_id)

    def count(self, drain_id: int, *, sent: int = 0, dropped: int = 0, gaps: int = 0) -> None:
        """So many lines more were sent, and given up, and so often lines were gone before they were read."""
        self._db.execute(
            "UPDATE drains SET sent = sent + ?, dropped = dropped + ?, gaps = gaps + ? WHERE id = ?",
            sent, dropped, gaps, drain_id,
        )  # fmt: skip

    def complain(self, drain_id: int, error: str, now: float) -> None:
        """The last thing that went wrong."""
        self._db.execute("UPDATE drains SET error = ?, error_at = ? WHERE id = ?", error, now, drain_id)


def _text(position: Position) -> str:
    return json.dumps({**vars(position), "logs": dict(position.logs)})


def _position(text: str) -> Position:
    return Position(**json.loads(text))


