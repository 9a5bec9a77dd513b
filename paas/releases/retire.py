"""Letting old containers go: once the proxy has no more requests for them, or their time is up."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Sequence

from paas.core import backoff
from paas.core.edge.address import Address
from paas.core.errors import PaasError
from paas.proxies.base import Proxy, Switch
from paas.schedulers.base import Scheduler
from paas.system.clock import Clock

_log = logging.getLogger(__name__)
_POLL_SECONDS = 0.1
_LONGEST_POLL = 1.0
TRIES = 8


class Retirer:
    """Retires containers in the background. What is left at a stop of the daemon is retired at its next start."""

    def __init__(self, scheduler: Scheduler, proxy: Proxy, clock: Clock, changed: Callable[[], None]) -> None:
        self._scheduler = scheduler
        self._proxy = proxy
        self._clock = clock
        self._changed = changed
        self._stopping = threading.Event()
        self._threads: set[threading.Thread] = set()
        self._containers: set[str] = set()
        self._lock = threading.Lock()

    def retire(
        self,
        containers: Sequence[str],
        switch: Switch | None,
        drain: float,
        grace: int,
        addresses: Collection[Address] = (),
    ) -> None:
        """Stops and removes the containers, at the earliest when no worker of before ``switch`` has requests for their
        ``addresses``, at the latest ``drain`` seconds from now; each has ``grace`` seconds from SIGTERM to SIGKILL."""
        if not containers:
            return
        work = (list(containers), switch, drain, grace, frozenset(addresses))
        thread = threading.Thread(target=self._retire, args=work, daemon=True)
        with self._lock:
            self._threads.add(thread)
            self._containers.update(containers)
        thread.start()

    def retiring(self) -> frozenset[str]:
        """The ids of the containers that are on their way out."""
        with self._lock:
            return frozenset(self._containers)

    def later(self, doing: str, work: Callable[[], None]) -> None:
        """Does the work in the background; an error is logged."""
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
        self, containers: list[str], switch: Switch | None, drain: float, grace: int, addresses: frozenset[Address]
    ) -> None:
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
            stops = [threading.Thread(target=self._stop, args=(found, grace), daemon=True) for found in containers]
            for stop in stops:
                stop.start()
            for stop in stops:
                stop.join()
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())
                self._containers.difference_update(containers)
            self._changed()

    def _stop(self, container_id: str, grace: int) -> None:
        for failures in range(1, TRIES + 1):
            try:
                self._scheduler.stop(container_id, grace)
                return
            except PaasError as error:
                # After the last try the next start of the daemon finds it again: it is not wanted any more.
                _log.warning("could not retire container %.12s: %s", container_id, error.what)
            if self._clock.wait(self._stopping, backoff.seconds(failures)):
                return

    def idle(self) -> bool:
        """Whether nothing is being retired."""
        with self._lock:
            return not self._threads

    def stop(self) -> None:
        """Leaves what is still draining to the next start."""
        self._stopping.set()
