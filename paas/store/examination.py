"""Examine a database without changing it, before and while it is served."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from paas.core.errors import PaasError
from paas.core.server.intact import Recorded, damaged
from paas.store.database import told

CHECKPOINT = "checkpoint"


def examine(path: Path) -> Recorded | None:
    """Return the facts in the database; None if it is missing or empty. Raise `PaasError` if it is damaged.

    It is opened read-only, so that the log beside it stays as it is.
    """
    if not path.exists() or not path.stat().st_size:
        return None

    with told(path), closing(_open(path)) as database:
        _check(path, database)
        tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}

        if not {"instance", "apps", "releases"} <= tables:
            return None

        facts = dict(database.execute("SELECT key, value FROM instance WHERE key IN ('id', ?)", [CHECKPOINT]))

        if "id" not in facts:
            return None

        last = database.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = 'apps'").fetchone()[0]
        newest = database.execute(
            "SELECT apps.id, coalesce(max(releases.version), 0) FROM apps"
            " LEFT JOIN releases ON releases.app_id = apps.id GROUP BY apps.id"
        )
        return Recorded(facts["id"], int(facts.get(CHECKPOINT, 0)), last or 0, dict(newest.fetchall()))


def trouble(path: Path) -> str:
    """Return what is wrong with the database, empty if nothing is."""
    try:
        with told(path), closing(_open(path)) as database:
            _check(path, database)
    except PaasError as error:
        return f"{error.what}\n{error.why}"
    except sqlite3.Error as error:
        return str(error)

    return ""


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=10)


def _check(path: Path, database: sqlite3.Connection) -> None:
    words = [str(row[0]) for row in database.execute("PRAGMA quick_check(3)")]

    if words != ["ok"]:
        raise damaged(str(path), "; ".join(words))
