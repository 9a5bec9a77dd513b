"""A thread that does the same again and again, as long as the daemon lives."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from paas.core.errors import PaasError
from paas.system.clock import Clock

_log = logging.getLogger(__name__)


class Loop:
    """Calls ``work`` in a thread of its own, with ``every`` seconds in between, or as many as it returns.

    What fails is logged, an error that stays the same only once, and the next call comes all the same: after ``retry``
    seconds, if given. ``wake`` ends a pause early; then ``gather`` seconds pass first, for others that may follow.
    ``later``: the first call comes after a pause, too.
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
        """For work that takes long: it is set when the loop is to end."""
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
        """End after the call that is under way."""
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
        """Call ``work``, whatever comes of it. Return the seconds to the next time."""
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
