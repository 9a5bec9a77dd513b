"""Whether a container that runs still takes up connections: pure decisions over what was seen of it."""

from __future__ import annotations

from dataclasses import dataclass

LOOK_SECONDS = 20.0
TOLD_AFTER = 3
"""So many looks in a row have to be bad: a busy moment is no news."""
PAUSED = "the container is paused: nothing in it runs until 'docker unpause'"
WAITING = (
    f"for {TOLD_AFTER * LOOK_SECONDS:.0f} s connections have waited {LOOK_SECONDS:.0f} s and longer to be accepted: the"
    " process hangs, or has far too much to do"
)


@dataclass(frozen=True)
class Stall:
    """What was seen of one container: ``waiting`` are the clients of connections that it had not accepted at the last
    look, ``looks`` how many in a row were bad, and ``why`` the last one was."""

    waiting: frozenset[str] = frozenset()
    looks: int = 0
    why: str = ""

    @property
    def known(self) -> bool:
        """Whether it is to be told."""
        return self.looks >= TOLD_AFTER


def seen(before: Stall, waiting: frozenset[str], *, paused: bool = False) -> Stall:
    """Return how it stands after one more look.

    The kernel hands connections over in order. One that still waits after a whole interval says that none of the later
    ones was accepted either.
    """
    why = PAUSED if paused else WAITING if before.waiting & waiting else ""
    return Stall(waiting, before.looks + 1 if why else 0, why)
