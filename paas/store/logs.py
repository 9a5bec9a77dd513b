"""Events, the index of archived logs, and drains."""

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
    """Log of a removed container.

    ``started`` is its start time, ``first`` and ``last`` the times of its first and last line; ``bytes`` its size on
    disk. ``segments`` are the parts of the packed file, None while the files are as Docker wrote them.
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
    """Lines of the platform in the logs of apps; the newest of each app are kept."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self.added = 0
        """Number of events that this process added: as long as it stays the same, readers need no query."""

    def add(self, app_id: int, at: str, process: str, text: str, *, release: int = 0, code: str = "") -> None:
        """Add an event. An event of a removed app is dropped."""
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
        """Return the number of the newest event of all apps."""
        row = self._db.one("SELECT max(id) AS id FROM events")
        return (row["id"] if row else None) or 0

    def after(self, app: App, event: int, limit: int = 1000) -> list[tuple[int, LogLine]]:
        """Return the app's events after that number, with theirs, in order."""
        rows = self._db.all(
            "SELECT * FROM events WHERE app_id = ? AND id > ? ORDER BY id LIMIT ?", app.id, event, limit
        )
        return [(row["id"], _event(app, row)) for row in rows]

    def before(self, app: App, moment: str, newest: int) -> int:
        """Return the number before the app's first event at or after that time, ``newest`` if there is none."""
        row = self._db.one("SELECT min(id) AS id FROM events WHERE app_id = ? AND at >= ?", app.id, moment)
        first: int | None = row["id"] if row else None
        return newest if first is None else first - 1

    def backward(self, app: App) -> Iterator[LogLine]:
        """Yield the app's events, the newest first."""
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
    """Index of the logs of removed containers."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def put(self, log: KeptLog) -> None:
        """Add or replace the entry of its container. Raise `NoSuchApp` if its app is gone."""
        segments = None if log.segments is None else json.dumps(log.segments)
        put = self._db.execute(
            "INSERT OR REPLACE INTO kept_logs SELECT ?, id, ?, ?, ?, ?, ?, ?, ? FROM apps WHERE id = ?",
            log.container, log.process, log.release, log.started, log.first, log.last, log.bytes, segments, log.app_id,
        )  # fmt: skip
        if not put.rowcount:
            raise NoSuchApp(f"the app of container {log.container[:12]} is gone")

    def find(self, container: str) -> KeptLog | None:
        """Return the entry of the container, or None."""
        row = self._db.one("SELECT * FROM kept_logs WHERE container = ?", container)
        return _kept(row) if row else None

    def of(self, app: App) -> list[KeptLog]:
        """Return the app's entries, the oldest first."""
        rows = self._db.all("SELECT * FROM kept_logs WHERE app_id = ? ORDER BY last, container", app.id)
        return [_kept(row) for row in rows]

    def unpacked(self) -> list[KeptLog]:
        """Return those whose files are as Docker wrote them."""
        return [_kept(row) for row in self._db.all("SELECT * FROM kept_logs WHERE segments IS NULL")]

    def remove(self, container: str) -> None:
        """Remove the entry."""
        self._db.execute("DELETE FROM kept_logs WHERE container = ?", container)


def _kept(row: Row) -> KeptLog:
    values = dict(row)
    segments = values.pop("segments")
    parts = None if segments is None else tuple(Segment(*part) for part in json.loads(segments))
    return KeptLog(**values, segments=parts)


class DrainRecords(Table):
    """Drains, with their positions and counters."""

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
        """Add a drain."""
        cursor = self._db.execute(
            "INSERT INTO drains (app_id, url, format, ca, created_at, created_by, position) VALUES (?,?,?,?,?,?,?)",
            app.id if app else None, self._sealer.seal(url.reveal()), form, ca, now, actor, _text(position),
        )  # fmt: skip
        return self.get(int(cursor.lastrowid or 0))

    def get(self, drain_id: int) -> Drain:
        """Return the drain of that number. Raise `NotFound`."""
        row = self._db.one("SELECT * FROM drains WHERE id = ?", drain_id)
        if row is None:
            raise NotFound(
                f"there is no drain {drain_id}", fix="'logs:drain list' lists them.", code="no-such-drain"
            )
        return self._drain(row)

    def ids(self) -> list[int]:
        """Return the numbers of all drains."""
        return [row["id"] for row in self._db.all("SELECT id FROM drains ORDER BY id")]

    def all(self) -> list[Drain]:
        """Return all drains."""
        return [self._drain(row) for row in self._db.all("SELECT * FROM drains ORDER BY id")]

    def of(self, app: App | None) -> list[Drain]:
        """Return the app's own drains, or for None those of all apps."""
        rows = self._db.all(
            "SELECT * FROM drains WHERE coalesce(app_id, 0) = ? ORDER BY id", app.id if app else 0
        )
        return [self._drain(row) for row in rows]

    def remove(self, drain_id: int) -> None:
        """Remove the drain."""
        self._db.execute("DELETE FROM drains WHERE id = ?", drain_id)

    def advance(self, drain_id: int, position: Position) -> None:
        """Record the position up to which lines were read and stored safely."""
        self._db.execute("UPDATE drains SET position = ? WHERE id = ?", _text(position), drain_id)

    def count(self, drain_id: int, *, sent: int = 0, dropped: int = 0, gaps: int = 0) -> None:
        """Add to the counters: lines sent, lines given up, and gaps."""
        self._db.execute(
            "UPDATE drains SET sent = sent + ?, dropped = dropped + ?, gaps = gaps + ? WHERE id = ?",
            sent, dropped, gaps, drain_id,
        )  # fmt: skip

    def complain(self, drain_id: int, error: str, now: float) -> None:
        """Record the last error."""
        self._db.execute("UPDATE drains SET error = ?, error_at = ? WHERE id = ?", error, now, drain_id)


def _text(position: Position) -> str:
    return json.dumps({**vars(position), "logs": dict(position.logs)})


def _position(text: str) -> Position:
    return Position(**json.loads(text))


