"""A thread that repeats the same work while the daemon runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from paas.core.errors import PaasError
from paas.system.clock import Clock

_log = logging.getLogger(__name__)


class Loop:
    """Thread that calls ``work`` every ``every`` seconds, or after as many seconds as it returns.

    Errors are logged, a repeated error only once, and the next call follows, after ``retry`` seconds if given. ``wake``
    ends a pause early; then ``gather`` seconds pass first, to combine several wakes. ``later``: the first call comes
    after a pause, too.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], float | None],
        clock: Clock,
        every: float,
        *,
        wake: threading.Event | None = None,
        gather: float = 0.0,
        retry: float | None = None,
        later: bool = False,
    ) -> None:
        self.name = name
        self.stopping = threading.Event()
        """Set when the loop is to end, for long work."""
        self._work = work
        self._clock = clock
        self._every = every
        self._wake = wake or self.stopping
        self._gather = gather
        self._retry = every if retry is None else retry
        self._later = later
        self._complained = ""

    def start(self) -> None:
        """Begin, in a thread."""
        threading.Thread(target=self._run, name=self.name, daemon=True).start()

    def stop(self) -> None:
        """End after the current call."""
        self.stopping.set()
        self._wake.set()

    def _run(self) -> None:
        if self._later:
            self._clock.wait(self._wake, self._every)
        while not self.stopping.is_set():
            if self._wake is not self.stopping:
                self._wake.clear()
                # It may have been stopped before that.
                if self.stopping.is_set():
                    return
            pause = self.once()
            self._clock.wait(self._wake, pause)
            if self._gather:
                self._clock.wait(self.stopping, self._gather)

    def once(self) -> float:
        """Call ``work`` and handle its errors. Return the seconds until the next call."""
        try:
            pause = self._work()
        except PaasError as error:
            if error.what != self._complained:
                _log.error("%s failed: %s (%s)", self.name, error.what, error.why)
            self._complained = error.what
        except Exception as fault:  # noqa: BLE001  # a fault must not end the only thread that does this
            if repr(fault) != self._complained:
                _log.exception("%s failed with an internal error", self.name)
            self._complained = repr(fault)
        else:
            self._complained = ""
            return self._every if pause is None else pause
        return self._retry
