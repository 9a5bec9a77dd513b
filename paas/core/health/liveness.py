"""Decide when containers that fail liveness checks are restarted."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from paas.core import backoff

FIRST_SECONDS = 10.0
LONGEST_SECONDS = 300.0
FORGIVEN_SECONDS = 600.0
"""Time after a restart without another one, after which the history of restarts is cleared."""


def pause(restarts: int) -> float:
    """Return the seconds from the last of ``restarts`` to the next, at the earliest: 0, 10, 20, 40, … 300."""
    return backoff.seconds(restarts, FIRST_SECONDS, LONGEST_SECONDS)


@dataclass(frozen=True)
class CheckState:
    """State of a liveness check of a container: when it is due, its consecutive failures, and the last reason.

    Times are seconds of the monotonic clock. ``seen`` is true once it has run.
    """

    due: float
    failures: int = 0
    why: str = ""
    seen: bool = False


@dataclass(frozen=True)
class RestartHistory:
    """Number of consecutive restarts of a container, and the time of the last one."""

    restarts: int = 0
    last: float = 0.0

    def may_restart(self, now: float) -> bool:
        """Return True if the back-off is over."""
        return now >= self.last + pause(self.restarts)


def passed(pulse: CheckState, interval: float, now: float) -> CheckState:
    """Return the state after a passed check. The next is due one interval after this one was due, so nothing drifts."""
    return CheckState(_next(pulse, interval, now), seen=True)


def failed(pulse: CheckState, interval: float, now: float, why: str) -> CheckState:
    """Return the state after a failed check."""
    return CheckState(_next(pulse, interval, now), pulse.failures + 1, why, seen=True)


def _next(pulse: CheckState, interval: float, now: float) -> float:
    return max(pulse.due + interval, now)


def restarted(past: RestartHistory, now: float) -> RestartHistory:
    """Return the history after one more restart."""
    return RestartHistory(past.restarts + 1, now)


def forgiven(past: RestartHistory, now: float) -> RestartHistory:
    """Return the history, cleared if the last restart was long enough ago."""
    return past if now < past.last + FORGIVEN_SECONDS else replace(past, restarts=0)


def describe(pulse: CheckState, past: RestartHistory, tries: int, now: float) -> str:
    """Return the text for ``ps:report``: ``failed 3 times, restarted 2 times, next try in 8s``."""
    words = [f"failed {_times(pulse.failures)}" if pulse.failures else "passing"]
    if past.restarts:
        words.append(f"restarted {_times(past.restarts)}")
    if pulse.failures >= tries and not past.may_restart(now):
        words.append(f"next try in {math.ceil(past.last + pause(past.restarts) - now)}s")
    return ", ".join(words) + (f" ({pulse.why})" if pulse.failures and pulse.why else "")


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
