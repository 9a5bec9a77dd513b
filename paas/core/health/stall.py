"""Decide whether a running container has stopped accepting connections."""

from __future__ import annotations

from dataclasses import dataclass

LOOK_SECONDS = 20.0
TOLD_AFTER = 3
"""Number of consecutive bad looks before a stall is reported: a short peak is normal."""
PAUSED = "the container is paused: nothing in it runs until 'docker unpause'"
WAITING = (
    f"for {TOLD_AFTER * LOOK_SECONDS:.0f} s connections have waited {LOOK_SECONDS:.0f} s or longer to be accepted: the"
    " process hangs or is overloaded"
)


@dataclass(frozen=True)
class Stall:
    """State of one container: ``waiting`` are the clients of unaccepted connections at the last look, ``looks`` is the
    number of consecutive bad looks, ``why`` the reason of the last one."""

    waiting: frozenset[str] = frozenset()
    looks: int = 0
    why: str = ""

    @property
    def known(self) -> bool:
        """True if the stall is to be reported."""
        return self.looks >= TOLD_AFTER


def seen(before: Stall, waiting: frozenset[str], *, paused: bool = False) -> Stall:
    """Return the state after one more look.

    The kernel hands over connections in order. If one still waits after a whole interval, no later one was accepted
    either.
    """
    why = PAUSED if paused else WAITING if before.waiting & waiting else ""
    return Stall(waiting, before.looks + 1 if why else 0, why)
