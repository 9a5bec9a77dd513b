"""The part of the daemon that keeps the web's process up."""

from __future__ import annotations

import logging
import threading

from paas.core import backoff
from paas.core.errors import PaasError
from paas.daemon.gunicorn import Gunicorn
from paas.edge import dashboard
from paas.jobs.context import Context

_log = logging.getLogger(__name__)

STEADY_SECONDS = 60.0
"""One that lived so long has not failed at its start."""
FIRST_SECONDS = 0.1
LOOK_SECONDS = 2.0
"""Seconds between checks whether the web process is enabled."""


class Website:
    """Starts it, and starts it again when it has died: at once, then after longer and longer pauses."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process: Gunicorn | None = None
        self._failures = 0

    def start(self) -> None:
        """Start, in a thread."""
        threading.Thread(target=self._run, name="website", daemon=True).start()

    def stop(self) -> None:
        """End the process, and start no new one."""
        with self._lock:
            self._stopping.set()
        if self._process is not None:
            self._process.end()

    def _run(self) -> None:
        while not self._stopping.is_set():
            began = self._ctx.clock.monotonic()
            try:
                if not dashboard.wanted(self._ctx):
                    self._ctx.clock.wait(self._stopping, LOOK_SECONDS)
                    continue
                self._serve()
            except PaasError as error:
                # For example invalid settings.
                _log.error("%s: %s", error.what, error.why)
            except Exception:  # noqa: BLE001  # no room, no descriptor: the only thread that keeps it up must not end
                _log.exception("the web can't be kept up for now")
            lived = self._ctx.clock.monotonic() - began
            self._failures = 1 if lived >= STEADY_SECONDS else self._failures + 1
            self._ctx.clock.wait(self._stopping, backoff.seconds(self._failures, first=FIRST_SECONDS))

    def _serve(self) -> None:
        """Run the process to its end."""
        with self._lock:
            if self._stopping.is_set():
                return
            self._process = process = Gunicorn(self._ctx.paths.root, self._ctx.paths.web_socket.parent)
        while (status := process.wait(LOOK_SECONDS)) is None:
            if process.lost():
                _log.warning("the socket of the web was removed by somebody: the web is started again")
                process.end()
        if not self._stopping.is_set():
            _log.warning("the web has ended with status %d; starting it again", status)
