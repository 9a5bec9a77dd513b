"""What the daemon does from time to time beside what people want."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from paas.apps import lifecycle
from paas.builders import isolation
from paas.core.errors import PaasError
from paas.jobs.context import Context
from paas.server import cleanup, reconcile, resources

_log = logging.getLogger(__name__)

CHORES_SECONDS = 60.0
WATCH_SECONDS = 2.0
ROTATE_BYTES = 50 << 20


class Chores:
    """Something done from time to time, in a thread of its own: one that takes long holds up no other.

    With ``later`` for the first time not at the start, but after the first pause.
    """

    def __init__(
        self, ctx: Context, seconds: float, chores: Sequence[tuple[str, Callable[[], object]]], *, later: bool = False
    ) -> None:
        self._ctx = ctx
        self._later = later
        self._seconds = seconds
        self._chores = chores
        self._stopping = threading.Event()

    def start(self) -> None:
        """Begins, in a thread."""
        threading.Thread(target=self._run, name=self._chores[0][0], daemon=True).start()

    def stop(self) -> None:
        """Ends after what is under way."""
        self._stopping.set()

    def _run(self) -> None:
        if self._later and self._ctx.clock.wait(self._stopping, self._seconds):
            return
        while True:
            for doing, chore in self._chores:
                self._try(doing, chore)
            if self._ctx.clock.wait(self._stopping, self._seconds):
                return

    def _try(self, doing: str, chore: Callable[[], object]) -> None:
        try:
            chore()
        except PaasError as error:
            _log.error("%s failed: %s (%s)", doing, error.what, error.why)
        except Exception:  # noqa: BLE001  # the next ones, and the next time, are not its fault
            _log.exception("%s met an error of its own", doing)


def chores(ctx: Context) -> list[Chores]:
    """All that is done beside what people want: keeping nginx up, and keeping house."""
    return [
        Chores(ctx, WATCH_SECONDS, [("keeping nginx up", lambda: reconcile.keep_proxy(ctx))]),
        Chores(
            ctx, WATCH_SECONDS, [("keeping the builder apart from the host", isolation.BuilderSupervisor(ctx).tick)]
        ),
        Chores(ctx, WATCH_SECONDS, [("keeping folders", lambda: reconcile.keep_files(ctx))]),
        Chores(ctx, CHORES_SECONDS, [("keeping a reserve of disk", lambda: resources.lay_up(ctx))]),
        Chores(
            ctx,
            CHORES_SECONDS,
            [
                ("rotating logs", lambda: ctx.proxy.rotate(ROTATE_BYTES)),
                ("tidying repositories", lifecycle.RepositoryTidier(ctx).tick),
                ("cleaning up", lambda: cleanup.when_due(ctx)),
            ],
            later=True,
        ),
    ]
