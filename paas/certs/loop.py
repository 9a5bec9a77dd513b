"""Background loop that orders and renews certificates."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from paas.certs import issued, orders
from paas.certs.clients import AcmeClients
from paas.certs.orders import WantedCertificate
from paas.core.errors import NoSuchApp, PaasError
from paas.core.model import App
from paas.edge import publish, tls
from paas.edge.new_hosts import NewHosts
from paas.jobs.context import Context
from paas.jobs.loop import Loop

_log = logging.getLogger(__name__)
TICK_SECONDS = 60.0
LOOK_AGAIN_SECONDS = 600.0
"""Pause before a host that does not resolve to this server is checked again."""
PUBLISH_SECONDS = 5.0
"""Time that a new certificate waits for others, so that they share a reload."""


class Issuer(Loop):
    """Loop that orders due certificates, every minute and whenever domains change. Its failures affect no app."""

    def __init__(self, ctx: Context) -> None:
        super().__init__("managing certificates", self.tick, ctx.clock, TICK_SECONDS, wake=ctx.part(NewHosts))
        self._ctx = ctx
        self._look_again: dict[tuple[int, str], float] = {}
        self._unpublished: set[int] = set()
        self._refused: set[int] = set()
        self._since = 0.0

    def tick(self) -> None:
        """Process everything that is due now."""
        apps = [app for app in [None, *self._ctx.store.apps.all()] if tls.acme_enabled(self._ctx, app)]
        for app in apps:
            with _told(f"certificates of {_name(app)}"):
                issued.tidy(self._ctx, app)
                self._unpublished |= {_number(app)} if orders.make_stand_ins(self._ctx, app) else set()
        self._publish()
        with _told("former hosts"):
            publish.refresh_former(self._ctx)
        for app in apps:
            with _told(f"certificates of {_name(app)}"):
                self._look_after(app)
        self._publish()

    def _look_after(self, app: App | None) -> None:
        # Monotonic: if the wall clock is set back, the check is not delayed.
        now, number = self._ctx.clock.monotonic(), _number(app)
        found = [
            one
            for one in orders.candidates(self._ctx, app)[0]
            if orders.due(self._ctx, one) and self._look_again.get((number, one.host), 0.0) <= now
        ]
        kept, skipped = orders.resolving(self._ctx, found)
        for other in skipped:
            _log.info("No certificate for %s of %s: %s", other.host, _name(app), other.why)
            self._look_again[number, other.host] = now + LOOK_AGAIN_SECONDS
        orders.serve(self._ctx, app, kept)
        for one in kept:
            if self.stopping.is_set():
                return
            with _told(f"No certificate for {one.host} of {_name(app)}"):
                self._obtain(one)

    def _obtain(self, one: WantedCertificate) -> None:
        with self._ctx.part(AcmeClients).turn:
            # It may have been ordered by command in the meantime, or no longer be wanted.
            still = orders.again(self._ctx, one)
            if still is None or not orders.due(self._ctx, still):
                return
            orders.obtain(self._ctx, still)
            _log.info("Got a certificate for %s of %s", one.host, _name(one.app))
            if not self._unpublished:
                self._since = self._ctx.clock.monotonic()
            self._unpublished.add(_number(one.app))
        if self._ctx.clock.monotonic() - self._since >= PUBLISH_SECONDS:
            self._publish()

    def _publish(self) -> None:
        """Publish new certificates with one reload. Retry refused ones each time."""
        came, self._unpublished = self._unpublished, set()
        again, self._refused = self._refused, set()
        if len(came) > 1:
            with _told("New certificates are not served"):
                publish.refresh_all(self._ctx)
                return
        # One by one: published apps need no reload, and a refused app does not affect the others.
        for number in came | again:
            with _told("New certificates are not served"):
                self._refresh(number)

    def _refresh(self, number: int) -> None:
        try:
            orders.refresh(self._ctx, self._ctx.store.apps.by_id(number) if number else None)
        except NoSuchApp:
            return
        except Exception:
            self._refused.add(number)
            raise


def _name(app: App | None) -> str:
    return app.name if app else "the dashboard"


def _number(app: App | None) -> int:
    return app.id if app else 0


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Context that logs errors, so that a failure of one app or host does not block the others."""
    try:
        yield
    except NoSuchApp:
        # It was destroyed in the meantime.
        return
    except PaasError as error:
        _log.error("%s: %s (%s)", what, error.what, error.why)
    except Exception:  # noqa: BLE001  # the others must continue
        _log.exception("%s", what)
