"""A table that a feature registers."""

from __future__ import annotations

from paas.store.database import Database
from paas.store.sealed import Sealer


class Table:
    """The verbs of one table. ``_sealer`` is for values that are secret."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._db = database
        self._sealer = sealer
