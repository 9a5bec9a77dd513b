"""Queue of due cron runs that have not started, kept in the database so that a stop of the server loses none."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from typing import NamedTuple

from paas.store.values import Instance

PENDING = "cron-pending"
"""Key of the instance's stored queue."""


class Pending(NamedTuple):
    """Pending run: its app, entry and scheduled time."""

    app_id: int
    entry: str
    when: float


class Queue:
    """Pending runs, in memory and in the database. ``left`` are those that the previous server left."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._lock = threading.Lock()
        self.left = [Pending(*row) for row in json.loads(instance.get(PENDING) or "[]")]
        self._waiting = list(self.left)

    def add(self, due: Iterable[Pending], key: str, value: str) -> None:
        """Add pending runs and drop those in ``left``. Store ``key`` and ``value`` in the same transaction."""
        with self._lock:
            waiting = [*(one for one in self._waiting if one not in self.left), *due]
            if waiting == self._waiting and not self.left:
                self._instance.set(key, value)
            else:
                self._instance.set_all({PENDING: json.dumps(waiting), key: value})
            self._waiting, self.left = waiting, []

    def begun(self, one: Pending) -> None:
        """Remove a run that has started."""
        with self._lock:
            self._waiting.remove(one)
            self._instance.set(PENDING, json.dumps(self._waiting))
