"""Domain model: app, process, release, replica, deployment. Values are frozen: a change creates a new value."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from paas.core.containers.settings import ContainerSettings
from paas.core.cron.entries import CronEntry
from paas.core.edge.address import LOOPBACK, Address
from paas.core.git.refs import RefUpdate
from paas.core.health.checks import Check
from paas.core.secret import Secret

WEB = "web"
"""Process type that receives requests."""
PHASE = "release"
"""Process type of commands that run once for a release. The Procfile calls the release phase so."""

DOCKER_LOCAL = "docker-local"
"""Scheduler of apps that select no other."""

SERVER = "paas"
"""Name of the server as an actor."""


@dataclass(frozen=True)
class App:
    """App. ``version`` is that of the release that serves now, None before the first deploy.

    ``stopped``: `ps:stop` was called. Times are seconds since 1970, UTC. ``scheduler`` is the name of the one that runs
    its processes now.
    """

    id: int
    name: str
    created_at: float
    created_by: str
    stopped: bool = False
    version: int | None = None
    scheduler: str = DOCKER_LOCAL


@dataclass(frozen=True)
class Process:
    """Process type of a release.

    ``command`` is the line of the Procfile, None for the image's own CMD. ``port`` is the TCP port inside the
    container, None for a process without requests. ``checks`` are those that the app defines. Without ``overlap`` its
    old containers stop before new ones start. ``given_port`` is the port in paas.yml; ``protocol`` is tcp, udp, or grpc
    for gRPC over HTTP.
    """

    type: str
    command: str | None = None
    port: int | None = None
    checks: tuple[Check, ...] = ()
    overlap: bool = True
    given_port: int | None = None
    protocol: str = "tcp"


class ReleaseState(enum.Enum):
    """State of a release."""

    PENDING = "pending"
    CURRENT = "current"
    SUPERSEDED = "superseded"
    FAILED = "failed"


@dataclass(frozen=True)
class Draft:
    """Content of a release, before it has a number.

    ``config`` are the app's own variables, ``shared`` the global ones, both as of that time; ``cron`` are its cron
    entries, ``static`` folders of the image that the edge serves, by path prefix. ``container`` are the settings of its
    containers, None for an old release without recorded settings.
    """

    image: str
    commit: str
    processes: tuple[Process, ...]
    config: Mapping[str, Secret]
    shared: Mapping[str, Secret]
    actor: str
    cause: str
    cron: tuple[CronEntry, ...] = ()
    static: Mapping[str, str] = field(default_factory=dict)
    container: ContainerSettings | None = None

    @property
    def environment(self) -> dict[str, Secret]:
        """Variables of its processes: the global ones, overridden by the app's own."""
        return {**self.shared, **self.config}

    def process(self, process_type: str) -> Process | None:
        """Return the process of that type, or None."""
        return next((process for process in self.processes if process.type == process_type), None)


@dataclass(frozen=True)
class Release(Draft):
    """Immutable record of what runs or ran: image, configuration and processes together.

    ``image`` is the image's id (``sha256:…``), ``commit`` the 40 hex digits it was built from (empty for none),
    ``cause`` a short phrase such as ``git push`` or ``config:set KEY``.
    """

    id: int = 0
    app_id: int = 0
    version: int = 0
    created_at: float = 0.0
    state: ReleaseState = ReleaseState.PENDING


@dataclass(frozen=True)
class Summary:
    """Release in a list; the fields are those of `Release`."""

    version: int
    state: ReleaseState
    created_at: float
    actor: str
    cause: str
    commit: str
    image: str


@dataclass(frozen=True)
class Replica:
    """Desired container: the index-th of its process type, on its slot (a, b, …).

    ``port`` is the loopback port that it is published on, None for a process without requests or on another machine;
    ``protocol`` is that of the process.
    """

    process_type: str
    index: int
    slot: int
    release: int
    port: int | None = None
    protocol: str = "tcp"

    @property
    def label(self) -> str:
        """Its name in DYNO and in logs: ``web.1``."""
        return f"{self.process_type}.{self.index}"

    @property
    def place(self) -> Place:
        """What tells its container from all others of the app."""
        return self.process_type, self.index, self.slot

    @property
    def endpoint(self) -> Endpoint | None:
        """Endpoint on this server, None without requests or on another machine."""
        return Endpoint(self.process_type, Address(LOOPBACK, self.port), self.protocol) if self.port else None


Place = tuple[str, int, int]
"""Process type, index and slot, which identify a container of an app."""


@dataclass(frozen=True)
class Endpoint:
    """Address at which the edge reaches processes of the type. ``protocol`` is that of the `Process`."""

    process_type: str
    address: Address
    protocol: str = "tcp"


PENDING = "pending"
"""Status of a container that a cluster has not placed on a machine yet."""


@dataclass(frozen=True)
class Container:
    """Container of an app, as its scheduler reports it.

    ``status`` is Docker's word: created, running, restarting, exited, dead, paused; or `PENDING`. ``pid`` is that of
    its first process on this machine, 0 if none runs. ``address`` is its IPv4 address on the app's network. ``health``
    is the result of the image's HEALTHCHECK (starting, healthy, unhealthy; empty without one), and ``health_output``
    its last output. A container on another machine has no pid and no address here: ``endpoint`` is where this server
    reaches its port, ``node`` the name of the machine.
    """

    id: str
    name: str
    app_id: int
    process_type: str
    index: int
    slot: int
    release: int
    status: str
    image: str = ""
    pid: int = 0
    exit_code: int = 0
    oom_killed: bool = False
    restarts: int = 0
    started_at: str = ""
    error: str = ""
    address: str = ""
    health: str = ""
    health_output: str = ""
    endpoint: Address | None = None
    node: str = ""

    @property
    def label(self) -> str:
        """Its name in logs, as for a replica: ``web.1``."""
        return f"{self.process_type}.{self.index}"

    @property
    def place(self) -> Place:
        """Place of its replica."""
        return self.process_type, self.index, self.slot


@dataclass(frozen=True)
class Ending:
    """End or removal of a container, as reported by its scheduler.

    ``label`` is that of the container (``web.1``), ``release`` its version. ``asked``: this server stopped, restarted
    or removed it.
    """

    app_id: int
    container_id: str
    label: str
    release: int
    exit_code: int = 0
    out_of_memory: bool = False
    removed: bool = False
    asked: bool = False


@dataclass(frozen=True)
class Moved:
    """A cluster moved processes of the app: their endpoints may have changed."""

    app_id: int


class DeploymentStatus(enum.Enum):
    """State of a deployment."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ABANDONED = "abandoned"


@dataclass(frozen=True)
class Deployment:
    """Recorded change of what runs. ``step`` is the last step that began."""

    id: int
    app_id: int
    kind: str
    actor: str
    cause: str
    status: DeploymentStatus
    step: str
    started_at: float
    finished_at: float | None = None
    commit: str = ""
    version: int | None = None
    error: str = ""
    landing: RefUpdate | None = None


@dataclass(frozen=True)
class Key:
    """Public key that may log in. ``role`` is ``view``, ``deploy`` or ``admin``."""

    name: str
    fingerprint: str
    kind: str
    blob: str
    comment: str
    role: str
    created_at: float = field(default=0.0)
