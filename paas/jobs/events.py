"""Lines of the platform in an app's log: deployments, crashes, and lost logs."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping

from paas.core.errors import NoSuchApp, PaasError
from paas.core.logs import codes, query
from paas.core.model import PHASE, DeploymentStatus, Ending
from paas.store import Store
from paas.system.clock import Clock

_log = logging.getLogger(__name__)
QUIET = ("create", "destroy")
"""Kinds of deployments that are not reported in an app's log."""


class EventLog:
    """Writer of the platform's lines in the logs of apps."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def tell(self, app_id: int, process: str, text: str, *, release: int = 0, code: str = "") -> None:
        """Add a line with the current time. A line of a removed app is dropped, and so is one on a full disk."""
        now = query.rfc3339(self._clock.now())
        try:
            self._store.events.add(app_id, now, process, text, release=release, code=code)
        except PaasError as error:
            _log.warning("%s could not be logged: %s: %s", process, text, error.what)

    def ended(self, ending: Ending) -> None:
        """Report the end or removal of a container, unless this server caused it."""
        if ending.asked:
            return
        if not ending.removed:
            code, text = codes.of_end(ending.exit_code, ending.out_of_memory, again=self._comes_back(ending))
            self.tell(ending.app_id, ending.label, text, release=ending.release, code=code)
        elif self._store.kept_logs.find(ending.container_id) is None:
            lost = "The container was not removed by this server; its log is gone"
            self.tell(ending.app_id, ending.label, lost, release=ending.release)

    def _comes_back(self, ending: Ending) -> bool:
        """Return True if Docker restarts it. Phases and failed candidates are not restarted."""
        if ending.label.partition(".")[0] == PHASE:
            return False
        try:
            return self._store.apps.by_id(ending.app_id).version == ending.release
        except NoSuchApp:
            return False

    def cut(self, connections: Mapping[int, int]) -> None:
        """Report connections to these loopback ports that ended because there were too many old workers, by port."""
        owners = self._store.apps.owners_of_ports(connections.keys())
        counts: Counter[int] = Counter()
        for port, count in connections.items():
            if port in owners:
                counts[owners[port]] += count
        for app_id, count in counts.items():
            text = (
                f"{codes.described('H24')}: {count} {'connection was' if count == 1 else 'connections were'} ended, "
                "because more workers of nginx went on than may (nginx old-generations)"
            )
            self.tell(app_id, "nginx", text, code="H24")

    def change(
        self, app_id: int, kind: str, who: str, status: DeploymentStatus, version: int | None, error: str = ""
    ) -> None:
        """Report the beginning or end of a deployment; ``who`` is what and by whom."""
        if kind in QUIET:
            return
        of_release = f": v{version}" if version else ""
        code = ""
        if status is DeploymentStatus.RUNNING:
            text = f"{who} begins"
        elif status is DeploymentStatus.SUCCEEDED:
            text = f"{who} succeeded{of_release}"
        else:
            code = codes.of_start(error)
            said = f"{codes.described(code)}: " if code else ""
            text = f"{said}{who} {status.value}{of_release} [{error}]"
        self.tell(app_id, kind, text, release=version or 0, code=code)
