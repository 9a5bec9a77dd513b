"""The thread that gets and renews certificates by itself."""

from __future__ import annotations

import logging
import threading

from paas.core.errors import NoSuchApp, PaasError
from paas.core.model import App
from paas.engine import issuing, tls
from paas.engine.context import Context
from paas.engine.issuing import Wanted

_log = logging.getLogger(__name__)
TICK_SECONDS = 60.0
LOOK_AGAIN_SECONDS = 600.0
"""How long a host that does not lead here is left alone."""


class Issuer:
    """Looks every minute, and whenever domains change, which certificates are due. Nothing here stops an app."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._stopping = threading.Event()
        self._look_again: dict[tuple[int, str], float] = {}

    def start(self) -> None:
        """Begins, in a thread."""
        threading.Thread(target=self._run, name="issuer", daemon=True).start()

    def stop(self) -> None:
        """Starts nothing new."""
        self._stopping.set()
        self._ctx.issuing.wake.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._ctx.issuing.wake.clear()
            try:
                self.tick()
            except Exception:  # noqa: BLE001  # a fault is logged, and the next tick comes all the same
                _log.exception("looking after certificates failed")
            self._ctx.clock.wait(self._ctx.issuing.wake, TICK_SECONDS)

    def tick(self) -> None:
        """Does all that is due now."""
        for app in [None, *self._ctx.store.apps.all()]:
            if tls.acme_enabled(self._ctx, app):
                try:
                    self._look_after(app)
                except NoSuchApp:
                    continue
                except PaasError as error:
                    _log.error("certificates of %s: %s (%s)", _name(app), error.what, error.why)

    def _look_after(self, app: App | None) -> None:
        now, number = self._ctx.clock.now(), app.id if app else 0
        issuing.stand_in(self._ctx, app)
        found = [
            one
            for one in issuing.candidates(self._ctx, app)[0]
            if issuing.due(self._ctx, one) and self._look_again.get((number, one.host), 0.0) <= now
        ]
        kept, skipped = issuing.resolving(self._ctx, found)
        for other in skipped:
            _log.info("no certificate for %s of %s: %s", other.host, _name(app), other.why)
            self._look_again[number, other.host] = now + LOOK_AGAIN_SECONDS
        for one in kept:
            if self._stopping.is_set():
                return
            self._obtain(one)

    def _obtain(self, one: Wanted) -> None:
        with self._ctx.issuing.turn:
            # Somebody may have asked for it by hand in the meantime.
            still = [other for other in issuing.candidates(self._ctx, one.app)[0] if other.host == one.host]
            if not still or not issuing.due(self._ctx, still[0]):
                return
            try:
                issuing.obtain(self._ctx, still[0])
                _log.info("%s of %s has a certificate", one.host, _name(one.app))
            except PaasError as error:
                _log.error("no certificate for %s of %s: %s (%s)", one.host, _name(one.app), error.what, error.why)


def _name(app: App | None) -> str:
    return app.name if app else "the dashboard"
