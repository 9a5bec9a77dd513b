"""Keeping what was recorded safe from damage to the database's log, in the background."""

from __future__ import annotations

import logging
import threading

from paas.core.errors import PaasError
from paas.jobs.context import Context
from paas.server import intact

_log = logging.getLogger(__name__)

EVERY_SECONDS = 3600.0
PAUSE_SECONDS = 1.0
"""After a record: others often follow, and whoever pushed is waited for by nobody any more."""


class Safekeeper:
    """A thread that makes a checkpoint of the database soon after each release was recorded, and every hour."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._stopping = threading.Event()

    def start(self) -> None:
        """Begin, with a checkpoint of what there is."""
        threading.Thread(target=self._run, name="safekeeper", daemon=True).start()

    def stop(self) -> None:
        """Begin none any more."""
        self._stopping.set()
        self._ctx.store.recorded.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.tick()
            self._ctx.clock.wait(self._ctx.store.recorded, EVERY_SECONDS)
            self._ctx.clock.wait(self._stopping, PAUSE_SECONDS)

    def tick(self) -> None:
        """Make a checkpoint, if something was written since the last one."""
        self._ctx.store.recorded.clear()
        try:
            intact.keep(self._ctx.store, self._ctx.paths, self._ctx.scheduler.instance)
        except PaasError as error:
            _log.error("the database could not be made safe: %s (%s)", error.what, error.why)
        except Exception:  # noqa: BLE001  # the next time may go well
            _log.exception("making the database safe met an error of its own")
