"""Runs of cron entries that are due and have not begun, so that a stop of the server in between loses none."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from typing import NamedTuple

from paas.store.values import Instance

PENDING = "cron-pending"
"""The fact about the instance with what waits."""


class Pending(NamedTuple):
    """One run that waits: of which app and entry, and for which time."""

    app_id: int
    entry: str
    when: float


class Queue:
    """What waits, in memory and in the database. ``left`` is what a server of before left."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._lock = threading.Lock()
        self.left = [Pending(*row) for row in json.loads(instance.get(PENDING) or "[]")]
        self._waiting = list(self.left)

    def add(self, due: Iterable[Pending], key: str, value: str) -> None:
        """These wait from now on instead of what was left; recorded together with another fact, both or none."""
        with self._lock:
            waiting = [*(one for one in self._waiting if one not in self.left), *due]
            if waiting == self._waiting and not self.left:
                self._instance.set(key, value)
            else:
                self._instance.set_all({PENDING: json.dumps(waiting), key: value})
            self._waiting, self.left = waiting, []

    def begun(self, one: Pending) -> None:
        """It waits no more."""
        with self._lock:
            self._waiting.remove(one)
            self._instance.set(PENDING, json.dumps(self._waiting))
