"""A table that a feature registers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from paas.store.database import Database
from paas.store.sealed import Sealer


@dataclass(frozen=True)
class Sealed:
    """Column with sealed values. ``key`` identifies rows; those that match ``condition`` are checked."""

    table: str
    column: str
    key: str = "rowid"
    condition: str = "1"


class Table:
    """Methods of one table. ``_sealer`` is for secret values, whose columns are in ``SEALED``."""

    SEALED: ClassVar[tuple[Sealed, ...]] = ()

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._db = database
        self._sealer = sealer
