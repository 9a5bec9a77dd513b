"""Desired state and history, in SQLite."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar, cast

from paas.store.apps import Apps
from paas.store.certificates import Certificates
from paas.store.database import Database
from paas.store.docker_options import DockerOptions
from paas.store.edge import EdgeItems
from paas.store.examination import CHECKPOINT
from paas.store.logs import Events, KeptLogs
from paas.store.migrate import OWN, Migrations
from paas.store.releases import Deployments, Releases
from paas.store.runs import Runs, Sandboxes
from paas.store.sealed import Sealer
from paas.store.sealed_rows import SealedRows
from paas.store.sources import Sources
from paas.store.table import Table
from paas.store.traces import TraceRecords
from paas.store.values import Config, Instance, PropertyValues

_T = TypeVar("_T", bound=Table)


class Store:
    """The tables of one instance, each with the few verbs that the platform needs.

    Those that several subjects use are attributes. Those of one are registered by its Feature: see `table`.
    """

    def __init__(
        self, folder: Path, tables: Iterable[type[Table]] = (), migrations: Iterable[Migrations] = (OWN,)
    ) -> None:
        tables = tuple(tables)
        self._database = Database(folder / "paas.db", migrations)
        rows = SealedRows(self._database, tables)
        sealer = Sealer(folder / "secret.key", make=not rows.any())
        rows.check(sealer)
        self.apps = Apps(self._database)
        self.config = Config(self._database, sealer)
        self.properties = PropertyValues(self._database)
        self.edge = EdgeItems(self._database, sealer)
        self.releases = Releases(self._database, sealer)
        self.deployments = Deployments(self._database)
        self.runs = Runs(self._database)
        self.sandboxes = Sandboxes(self._database)
        self.docker_options = DockerOptions(self._database)
        self.traces = TraceRecords(self._database)
        self.sources = Sources(self._database)
        self.instance = Instance(self._database)
        self.events = Events(self._database)
        self.kept_logs = KeptLogs(self._database)
        self.certificates = Certificates(self._database, sealer)
        self._tables = {kind: kind(self._database, sealer) for kind in tables}

    def table(self, kind: type[_T]) -> _T:
        """Return the table of that class, which a feature has registered."""
        try:
            return cast(_T, self._tables[kind])
        except KeyError:
            raise LookupError(f"no feature has registered {kind.__name__}: name it in its `tables`") from None

    def transaction(self, *, durable: bool = False) -> AbstractContextManager[None]:
        """Return a context in which all changes are committed together or not at all; ``durable`` ones survive a power
        failure.
        """
        return self._database.transaction(durable=durable)

    def watched(self, note: Callable[[str], None]) -> AbstractContextManager[None]:
        """Return a context in which ``note`` gets every SQL statement, for tests that count them."""
        return self._database.watched(note)

    @property
    def recorded(self) -> threading.Event:
        """Event that is set when a record is worth a `checkpoint` soon."""
        return self._database.recorded

    def checkpoint(self) -> int | None:
        """Write everything so far into the file of the database, not just its log.

        Return the number of the checkpoint, which the file has certainly reached; None if nothing was written since the
        last one, or a reader of the database prevented it.
        """
        if not self._database.written():
            return None
        number = int(self.instance.get(CHECKPOINT) or 0) + 1
        self.instance.set(CHECKPOINT, str(number))
        return number if self._database.checkpoint() else None

    def close(self) -> None:
        """Close the database."""
        self._database.close()
