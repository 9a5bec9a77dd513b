"""Detect running containers that accept no connections. Report them in the app's log, `ps:report` and `doctor`.

They are not restarted, since that would abort the requests of an app that is only busy; liveness checks do that for
apps that define them. Nothing is sent to the app: the kernel's socket table shows unaccepted connections.
"""

from __future__ import annotations

from collections.abc import Iterator

from paas.core.health import stall
from paas.core.health.checks import Mode
from paas.core.health.stall import Stall
from paas.core.model import App, Container, Process
from paas.health import probing
from paas.health.liveness_state import LivenessState
from paas.jobs.context import Context
from paas.jobs.loop import Loop
from paas.system.probe import Probe


class Stalls(Loop):
    """Loop that examines every container with a port. In tests `tick` may be called without `start`."""

    def __init__(self, ctx: Context) -> None:
        super().__init__("looking for stalls", self.tick, ctx.clock, stall.LOOK_SECONDS, later=True)
        self._ctx = ctx
        self._known: dict[str, Stall] = {}
        self._pids: dict[str, int] = {}

    def tick(self) -> None:
        """Examine each container once."""
        now: dict[str, Stall] = {}
        told: dict[tuple[int, str], str] = {}
        for app, process, container in self._wanted():
            before = self._known.get(container.id, Stall())
            after = now[container.id] = self._look(before, app, process, container)
            if after.known:
                told[app.id, container.label] = after.why
            if after.known != before.known:
                text = after.why if after.known else "accepts connections again"
                self._ctx.events.tell(app.id, container.label, text[:1].upper() + text[1:], release=container.release)
        self._known, self._ctx.part(LivenessState).stalled = now, told
        self._pids = {key: pid for key, pid in self._pids.items() if key in now}

    def _wanted(self) -> Iterator[tuple[App, Process, Container]]:
        """Yield containers with a TCP port whose checks are enabled."""
        ctx = self._ctx
        there = {(one.app_id, one.place): one for one in ctx.schedulers.containers()}
        for app in ctx.store.apps.all():
            release = ctx.store.releases.current(app)
            for replica in ctx.store.apps.replicas(app) if release else ():
                process = release.process(replica.process_type) if release else None
                found = there.get((app.id, replica.place))
                if process is None or found is None or process.port is None or process.protocol != "tcp":
                    continue
                # The sockets of other machines are not visible here.
                if not found.node and probing.mode(ctx, app, process.type) is Mode.ENABLED:
                    yield app, process, found

    def _look(self, before: Stall, app: App, process: Process, container: Container) -> Stall:
        if container.status != "running":
            return stall.seen(before, frozenset(), paused=container.status == "paused")
        assert process.port is not None
        waiting = self._ctx.part(Probe).waiting(self._pids.get(container.id, 0), container.id, process.port)
        if waiting is None:
            # The container is new or was restarted.
            found = self._ctx.schedulers.of(app).inspect(container.id)
            self._pids[container.id] = found.pid if found else 0
            waiting = self._ctx.part(Probe).waiting(self._pids[container.id], container.id, process.port)
        return stall.seen(before, waiting or frozenset())
