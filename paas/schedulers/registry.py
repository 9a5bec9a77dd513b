"""The schedulers of this server, by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from paas.core.errors import NotFound
from paas.core.model import App, Container
from paas.schedulers.base import Scheduler


class Schedulers:
    """All schedulers of one instance; the first one is the default."""

    def __init__(self, known: Sequence[Scheduler]) -> None:
        self._known = {scheduler.name: scheduler for scheduler in known}

    def __iter__(self) -> Iterator[Scheduler]:
        return iter(self._known.values())

    def names(self) -> list[str]:
        """Return the names, the default first."""
        return list(self._known)

    def named(self, name: str) -> Scheduler:
        """Return the scheduler of that name. Raise `NotFound` if the server has none."""
        if name not in self._known:
            raise NotFound(
                f"this server has no scheduler {name!r}",
                why=f"It has: {', '.join(self._known)}",
                fix="Select one of them: 'scheduler:set APP selected NAME'.",
                code="no-such-scheduler",
            )
        return self._known[name]

    def of(self, app: App) -> Scheduler:
        """Return the scheduler that runs the app's processes now."""
        return self.named(app.scheduler)

    def containers(self) -> list[Container]:
        """Return the containers of all apps on all schedulers."""
        return [found for scheduler in self for found in scheduler.containers()]
