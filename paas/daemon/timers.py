"""What happens at a time of day, or when a time is over: one thread that sleeps until the next of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from paas.core.errors import PaasError
from paas.cron import ticker
from paas.jobs.context import Context
from paas.runs.active import Oneoffs
from paas.sandboxes import sandboxes

_log = logging.getLogger(__name__)

LONGEST_SECONDS = 60.0
"""It looks at least so often, since the time of day may be set while it waits."""

RETRY_SECONDS = 5.0


class Timers:
    """Ends of runs and of sandboxes, and the times of cron entries.

    `tick` may be called without `start`: then nothing happens between the calls.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._complained: dict[str, str] = {}
        self.cron = ticker.CronTicker(ctx)
        self.sandboxes = sandboxes.Expiry(ctx)
        self._settled = False
        self._works: dict[str, Callable[[], float | None]] = {
            "taking up what was left": self.settle,
            "ending runs": ctx.part(Oneoffs).expire,
            "removing sandboxes": self.sandboxes.tick,
            "cron": self.cron.tick,
        }

    def start(self) -> None:
        """Begins, in two threads: one keeps time, one wakes it when something new may be due earlier."""
        for work in (self._keep_time, self._listen):
            threading.Thread(target=work, name=f"timers-{work.__name__}", daemon=True).start()

    def stop(self) -> None:
        """Ends; nothing new begins."""
        self._stopping.set()
        self._wake.set()
        self.cron.stop()
        self.sandboxes.stop()

    def _listen(self) -> None:
        seen = self._ctx.changed.count()
        while not self._stopping.is_set():
            count = self._ctx.changed.wait(seen, LONGEST_SECONDS)
            if count != seen:
                self._wake.set()
            seen = count

    def _keep_time(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            pause = self.tick() - self._ctx.clock.now()
            self._ctx.clock.wait(self._wake, min(max(pause, 0.0), LONGEST_SECONDS))

    def tick(self) -> float:
        """Does all that is due; when the next of it will be, in seconds since 1970."""
        ahead = [when for name in self._works if (when := self._try(name)) is not None]
        return min([*ahead, self._ctx.clock.now() + LONGEST_SECONDS])

    def settle(self) -> None:
        """Takes up, once, what a daemon of before left of runs and sandboxes; the engine may come up after this one."""
        if not self._settled:
            self._ctx.part(Oneoffs).settle()
            sandboxes.settle(self._ctx)
            self._settled = True

    def _try(self, name: str) -> float | None:
        try:
            due = self._works[name]()
        except PaasError as error:
            if error.what != self._complained.get(name):
                _log.error("%s is put off: %s (%s)", name, error.what, error.why)
            self._complained[name] = error.what
        except Exception:  # noqa: BLE001  # a fault must not end the only thread that keeps time
            _log.exception("%s failed unexpectedly", name)
        else:
            self._complained.pop(name, None)
            return due
        return self._ctx.clock.now() + RETRY_SECONDS
