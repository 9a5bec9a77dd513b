"""A newer push takes the place of older ones that still wait."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paas.core.errors import Cancelled

if TYPE_CHECKING:
    from paas.jobs.jobs import Job

SUPERSEDED = "superseded by a newer push"


@dataclass(frozen=True)
class PushToDeploy:
    """What a job deploys that is a push. ``follows`` says whether its commit goes on from another one."""

    commit: str
    follows: Callable[[str], bool]


def supersede(push: PushToDeploy, older: Iterable[Job]) -> None:
    """Cancels the pushes that still wait and whose commit is part of this one.

    One that does not go on from an older one would be refused in its turn, and nothing were deployed.
    """
    for other in older:
        if other.pushed and other.waits and push.follows(other.pushed):
            other.cancel(Cancelled(SUPERSEDED, code="superseded"), waiting_only=True)
