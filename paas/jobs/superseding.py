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
    """Commit of a job that deploys a push. ``follows`` returns True if it descends from another commit."""

    commit: str
    follows: Callable[[str], bool]


def supersede(push: PushToDeploy, older: Iterable[Job]) -> None:
    """Cancel waiting pushes whose commit is an ancestor of this one.

    A push that does not descend from an older one would be refused later, and nothing would be deployed.
    """
    for other in older:
        if other.pushed and other.waits and push.follows(other.pushed):
            other.cancel(Cancelled(SUPERSEDED, code="superseded"), waiting_only=True)
