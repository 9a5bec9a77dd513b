"""Migration of a database, with scripts identified by the number at the beginning of their names.

Each script runs once, whenever it is found. So a script with a lower number than others that have already run, as when
two branches added one at the same time, runs at the next start.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

from paas.core.errors import PaasError

PLATFORM = ""
BY_POSITION = (1, 2, 10, 11, 12, 13, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 30, 31)
"""Scripts that ran before the table below existed; then ``user_version`` was their count."""
_TABLE = """
    CREATE TABLE migrations (
        feature TEXT NOT NULL,
        number  INTEGER NOT NULL,
        PRIMARY KEY (feature, number)
    ) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Migrations:
    """Folder with scripts, and the feature they belong to: that of the platform itself has no name."""

    feature: str
    folder: Traversable

    @functools.cached_property
    def scripts(self) -> Mapping[int, Traversable]:
        """Return the scripts by number, in order."""
        found: dict[int, Traversable] = {}
        for entry in sorted(self.folder.iterdir(), key=lambda entry: entry.name):
            if entry.name.endswith(".sql"):
                number = int(entry.name.partition("_")[0])
                if number in found:
                    raise ValueError(f"{entry.name} has the same number as {found[number].name}")
                found[number] = entry
        return dict(sorted(found.items()))


OWN = Migrations(PLATFORM, resources.files("paas.store").joinpath("migrations"))


def migrate(connection: sqlite3.Connection, found: Iterable[Migrations]) -> None:
    """Run the scripts that have not run in this database. Raise `PaasError` if it is from a newer version."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").fetchone():
        _check(version, len(BY_POSITION))
        _take_over(connection, version)
    done = {(feature, number) for feature, number in connection.execute("SELECT feature, number FROM migrations")}
    for one in found:
        newest = max(one.scripts, default=0)
        _check(max((number for feature, number in done if feature == one.feature), default=0), newest)
        if one.feature == PLATFORM:
            _check(version, newest)
        for number, script in one.scripts.items():
            if (one.feature, number) not in done:
                _run(connection, one.feature, number, script.read_text(encoding="utf-8"))


def _take_over(connection: sqlite3.Connection, count: int) -> None:
    ran = BY_POSITION[:count]
    rows = "".join(f"INSERT INTO migrations VALUES ('{PLATFORM}', {number});" for number in ran)
    connection.executescript(f"BEGIN IMMEDIATE; {_TABLE} {rows} PRAGMA user_version = {max(ran, default=0)}; COMMIT;")


def _check(recorded: int, known: int) -> None:
    if recorded > known:
        raise PaasError(
            f"the database was written by a newer version (schema {recorded}, this one knows {known})",
            fix="Install that version again; going back is not possible without a backup.",
            code="database-too-new",
        )


def _run(connection: sqlite3.Connection, feature: str, number: int, text: str) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    newest = max(version, number) if feature == PLATFORM else version
    # executescript commits an open transaction first, so the transaction is part of the script.
    connection.executescript(
        f"BEGIN IMMEDIATE; {text} INSERT INTO migrations VALUES ('{feature}', {number});"
        f" PRAGMA user_version = {newest}; COMMIT;"
    )
