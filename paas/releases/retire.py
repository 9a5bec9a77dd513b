"""Letting old containers go: once the proxy has no more requests for them, or their time is up."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial

from paas.core import backoff
from paas.core.errors import PaasError
from paas.core.model import App
from paas.proxies.base import Proxy, Switch
from paas.schedulers.base import Scheduler, Unit
from paas.system.clock import Clock

_log = logging.getLogger(__name__)
_POLL_SECONDS = 0.1
_LONGEST_POLL = 1.0
TRIES = 8


class Retirer:
    """Retires containers in the background. What is left at a stop of the daemon is retired at its next start."""

    def __init__(self, proxy: Proxy, clock: Clock, changed: Callable[[], None]) -> None:
        self._proxy = proxy
        self._clock = clock
        self._changed = changed
        self._stopping = threading.Event()
        self._threads: set[threading.Thread] = set()
        self._containers: set[str] = set()
        self._lock = threading.Lock()

    def retire(
        self, app: App, scheduler: Scheduler, units: Sequence[Unit], switch: Switch | None, drain: float, grace: int
    ) -> None:
        """Stop and remove the units once no old nginx worker of ``switch`` has requests for their addresses.

        They stop at the latest ``drain`` seconds from now; each has ``grace`` seconds from SIGTERM to SIGKILL.
        """
        if not units:
            return
        work = partial(self._retire, app, scheduler, list(units), switch, drain, grace)
        thread = threading.Thread(target=work, daemon=True)
        with self._lock:
            self._threads.add(thread)
            self._containers.update(*(unit.containers for unit in units))
        thread.start()

    def retiring(self) -> frozenset[str]:
        """Return the ids of the containers that are being retired."""
        with self._lock:
            return frozenset(self._containers)

    def later(self, doing: str, work: Callable[[], None]) -> None:
        """Do the work in the background; an error is logged."""
        thread = threading.Thread(target=self._try, args=(doing, work), daemon=True)
        with self._lock:
            self._threads.add(thread)
        thread.start()

    def _try(self, doing: str, work: Callable[[], None]) -> None:
        try:
            work()
        except PaasError as error:
            _log.warning("%s: %s", doing, error.what)
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())

    def _retire(
        self, app: App, scheduler: Scheduler, units: list[Unit], switch: Switch | None, drain: float, grace: int
    ) -> None:
        addresses = frozenset(address for unit in units for address in unit.addresses)
        try:
            began = self._clock.monotonic()
            while switch and not self._proxy.drained(switch, addresses):
                waited = self._clock.monotonic() - began
                # A look goes through all connections of the old workers, of which there may be thousands.
                pause = min(_LONGEST_POLL, max(_POLL_SECONDS, waited / 10))
                if waited >= drain or self._clock.wait(self._stopping, pause):
                    break
            if self._stopping.is_set():
                return
            stops = [
                threading.Thread(target=self._stop, args=(app, scheduler, unit, grace), daemon=True) for unit in units
            ]
            for stop in stops:
                stop.start()
            for stop in stops:
                stop.join()
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())
                self._containers.difference_update(*(unit.containers for unit in units))
            self._changed()

    def _stop(self, app: App, scheduler: Scheduler, unit: Unit, grace: int) -> None:
        for failures in range(1, TRIES + 1):
            try:
                scheduler.retire(app, unit.id, grace)
                return
            except PaasError as error:
                # After the last try the next start of the daemon finds it again: it is not wanted any more.
                _log.warning("Could not retire %s %s: %s", app.name, ", ".join(unit.labels), error.what)
            if self._clock.wait(self._stopping, backoff.seconds(failures)):
                return

    def idle(self) -> bool:
        """Return True if nothing is being retired."""
        with self._lock:
            return not self._threads

    def stop(self) -> None:
        """Leave draining containers to the next start."""
        self._stopping.set()
