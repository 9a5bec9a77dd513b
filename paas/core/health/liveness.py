"""Which containers that no longer answer are restarted, and when: pure decisions over what was seen."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from paas.core import backoff

FIRST_SECONDS = 10.0
LONGEST_SECONDS = 300.0
FORGIVEN_SECONDS = 600.0
"""A container that stays well for so long after a restart begins anew."""


def pause(restarts: int) -> float:
    """Seconds from the last of so many restarts in a row to the next, at the earliest: none, 10, 20, 40, … 300."""
    return backoff.seconds(restarts, FIRST_SECONDS, LONGEST_SECONDS)


@dataclass(frozen=True)
class CheckState:
    """One liveness check of one container: when it is due, how often in a row it failed, and why the last time.

    Times are seconds of the monotonic clock. ``seen``: it was looked at since it began.
    """

    due: float
    failures: int = 0
    why: str = ""
    seen: bool = False


@dataclass(frozen=True)
class RestartHistory:
    """How often the container was restarted in a row, and when the last time."""

    restarts: int = 0
    last: float = 0.0

    def may_restart(self, now: float) -> bool:
        """Whether the back-off is over."""
        return now >= self.last + pause(self.restarts)


def passed(pulse: CheckState, interval: float, now: float) -> CheckState:
    """After a look that went well; the next is due an interval after this one was, so that nothing drifts."""
    return CheckState(_next(pulse, interval, now), seen=True)


def failed(pulse: CheckState, interval: float, now: float, why: str) -> CheckState:
    """After one that did not."""
    return CheckState(_next(pulse, interval, now), pulse.failures + 1, why, seen=True)


def _next(pulse: CheckState, interval: float, now: float) -> float:
    return max(pulse.due + interval, now)


def restarted(past: RestartHistory, now: float) -> RestartHistory:
    """After one more restart."""
    return RestartHistory(past.restarts + 1, now)


def forgiven(past: RestartHistory, now: float) -> RestartHistory:
    """The same, or a clean slate for one that has been well for long enough."""
    return past if now < past.last + FORGIVEN_SECONDS else replace(past, restarts=0)


def describe(pulse: CheckState, past: RestartHistory, tries: int, now: float) -> str:
    """One container as ``ps:report`` shows it: ``failed 3 times, restarted 2 times, next try in 8s``."""
    words = [f"failed {_times(pulse.failures)}" if pulse.failures else "passing"]
    if past.restarts:
        words.append(f"restarted {_times(past.restarts)}")
    if pulse.failures >= tries and not past.may_restart(now):
        words.append(f"next try in {math.ceil(past.last + pause(past.restarts) - now)}s")
    return ", ".join(words) + (f" ({pulse.why})" if pulse.failures and pulse.why else "")


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
