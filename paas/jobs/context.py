"""Everything that a use-case may access, in one place. There are no globals."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from paas.builders.base import Builder
from paas.core.access.caller import Caller
from paas.jobs.events import EventLog
from paas.jobs.feature import Feature
from paas.jobs.jobs import Jobs
from paas.jobs.locks import Broadcast
from paas.jobs.output import Output
from paas.jobs.parts import Parts
from paas.proxies.base import Proxy
from paas.schedulers.engine import Engine
from paas.schedulers.registry import Schedulers
from paas.store import Store
from paas.system.clock import Clock
from paas.system.host import Host
from paas.system.paths import Paths
from paas.system.settings_file import SettingsFile

_T = TypeVar("_T")


@dataclass(frozen=True)
class Context:
    """Services of one instance, and the caller.

    ``out`` is the caller's output; ``gone`` is set when the client has disconnected. ``changed`` is notified whenever
    the set of containers of any app changed. ``engine`` is the Docker Engine of this server, which builds images
    whatever scheduler runs an app. What only some subjects use is a `part`.
    """

    paths: Paths
    settings: SettingsFile
    store: Store
    schedulers: Schedulers
    engine: Engine
    proxy: Proxy
    builder: Builder
    clock: Clock
    host: Host
    jobs: Jobs
    events: EventLog
    changed: Broadcast
    features: Sequence[Feature]
    parts: Parts
    out: Output
    caller: Caller
    gone: threading.Event

    def part(self, kind: type[_T]) -> _T:
        """Return the part of that class, which a feature has registered."""
        return self.parts.get(kind)
