"""The SQLite file: opening, migrating, transactions."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from paas.core.errors import disk_full
from paas.core.server.intact import damaged
from paas.store.migrate import OWN, Migrations, migrate

Row = sqlite3.Row

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR)


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Return a context in which a full disk, and a damaged or unreadable file, become errors with a fix."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        # Errors of the connection itself have no code.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            raise disk_full("the database") from error
        if code in _DAMAGE:
            raise damaged(str(path), str(error)) from error
        raise


class Database:
    """Connection shared by all threads of the daemon, for one statement or transaction at a time.

    Every statement takes well under a millisecond, so a lock costs less than a connection per thread.
    """

    def __init__(self, path: Path, migrations: Iterable[Migrations] = (OWN,)) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._durable = False
        self._path = path
        self._kept = -1
        self.recorded = threading.Event()
        """Set by every durable transaction: its changes are worth a `checkpoint` soon."""
        # Created here, so that it, and the log that inherits its mode, are never readable by others.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        self._connection.row_factory = sqlite3.Row
        with told(path):
            self._connection.executescript(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;"
            )
            migrate(self._connection, migrations)

    @contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[None]:
        """Return a context in which all statements are committed together or not at all; nested ones join the outer.

        Committed changes survive a crash of the server; a power failure only if they were ``durable``, or before a
        durable one (https://www.sqlite.org/pragma.html#pragma_synchronous).
        """
        with self._lock:
            if self._depth == 0:
                self._make_durable(durable)
                with told(self._path):
                    self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0 and self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._commit()

    def _make_durable(self, durable: bool) -> None:
        # It can't be changed inside a transaction.
        if durable != self._durable:
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._durable = durable

    def _commit(self) -> None:
        try:
            with told(self._path):
                self._connection.execute("COMMIT")
        except BaseException:
            # SQLite rolls back automatically for some errors, but not for others.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        if self._durable:
            self.recorded.set()

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        """Run one statement. Use its ``lastrowid`` or ``rowcount``, and `all` or `one` for rows."""
        with self._lock, told(self._path):
            return self._connection.execute(sql, parameters)

    def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each row of parameters."""
        with self._lock, told(self._path):
            self._connection.executemany(sql, rows)

    def all(self, sql: str, *parameters: Any) -> list[Row]:
        """Return the rows of a query."""
        with self._lock, told(self._path):
            return self._connection.execute(sql, parameters).fetchall()

    def one(self, sql: str, *parameters: Any) -> Row | None:
        """Return the first row of a query, or None."""
        with self._lock, told(self._path):
            row: Row | None = self._connection.execute(sql, parameters).fetchone()
            return row

    @contextmanager
    def watched(self, note: Callable[[str], None]) -> Iterator[None]:
        """Return a context in which ``note`` gets every statement of any thread."""
        self._connection.set_trace_callback(note)
        try:
            yield
        finally:
            self._connection.set_trace_callback(None)

    def written(self) -> bool:
        """Return True if something was written since the last complete `checkpoint`."""
        with self._lock:
            return self._connection.total_changes != self._kept

    def checkpoint(self) -> bool:
        """Move the log into the file, where damage to the log loses nothing. Return False if that was incomplete.

        It uses its own connection, so other statements continue meanwhile. Only truncating the empty log takes the
        lock. A long reader, such as a backup, prevents completion.
        """
        with self._lock:
            written = self._connection.total_changes
        with told(self._path), closing(sqlite3.connect(self._path, isolation_level=None, timeout=0)) as other:
            _, frames, folded = other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            with self._lock:
                other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if folded < frames:
            return False
        self._kept = written
        return True

    def close(self) -> None:
        """Close the file. The log is moved into it."""
        with self._lock, told(self._path):
            self._connection.close()
