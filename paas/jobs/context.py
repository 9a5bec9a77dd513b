"""Everything that a use-case may touch, in one place. There are no globals."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass

from paas.builders.base import Builder
from paas.builders.rootless import Rootless
from paas.certs.clients import AcmeClients
from paas.core.access.caller import Caller
from paas.core.errors import AlreadyExists
from paas.core.model import App
from paas.edge.errors import EdgeErrors
from paas.git.remotes import Remotes
from paas.git.repository import Repository
from paas.health.liveness_state import LivenessState
from paas.jobs.events import EventLog
from paas.jobs.jobs import Jobs
from paas.jobs.locks import Announcements, Broadcast, PublishLock
from paas.jobs.output import Output
from paas.logs.archive import LogArchive
from paas.proxies.base import Proxy
from paas.releases.retire import Retirer
from paas.runs.active import Oneoffs
from paas.schedulers.base import Scheduler
from paas.schedulers.tasks import Tasks
from paas.store import Store
from paas.system.clock import Clock
from paas.system.confined import Confined
from paas.system.host import Host
from paas.system.paths import Paths
from paas.system.probe import Probe
from paas.system.reserve import Reserve
from paas.system.settings_file import SettingsFile


@dataclass(frozen=True)
class Context:
    """The services of one instance, and the one who asks.

    ``out`` is where the caller reads; ``gone`` is set when nobody reads any more. ``changed`` is notified whenever
    the set of containers of any app changed, ``revoked`` told of each key and token that is removed.
    """

    paths: Paths
    settings: SettingsFile
    store: Store
    scheduler: Scheduler
    tasks: Tasks
    proxy: Proxy
    builder: Builder
    rootless: Rootless
    clock: Clock
    probe: Probe
    host: Host
    remotes: Remotes
    confined: Confined
    reserve: Reserve
    jobs: Jobs
    oneoffs: Oneoffs
    routing: PublishLock
    retirer: Retirer
    vitals: LivenessState
    issuing: AcmeClients
    events: EventLog
    edge_errors: EdgeErrors
    logs: LogArchive
    changed: Broadcast
    revoked: Announcements
    out: Output
    caller: Caller
    gone: threading.Event

    def repository(self, app: App) -> Repository:
        """The app's git repository, made on first use."""
        path = self.paths.repository(app)
        if not path.exists():
            # Another thread may make it at this moment.
            with suppress(AlreadyExists):
                return Repository.create(path)
        return Repository(path)
