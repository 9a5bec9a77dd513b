"""The nouns: app, process, release, replica, deployment. Frozen: a change is a new value."""

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
"""The process type that takes requests."""
PHASE = "release"
"""The process type of commands that run once for a release. The Procfile calls the release phase so."""

DOCKER_LOCAL = "docker-local"
"""The scheduler of apps that select no other one."""

SERVER = "paas"
"""Who is named for what the server does by itself."""


@dataclass(frozen=True)
class App:
    """One app. ``version`` is that of the release which serves it now, None before the first deploy.

    ``stopped`` is what was asked for by ``ps:stop``; times are seconds since 1970, UTC. ``scheduler`` is the name
    of the one that runs its processes now.
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
    """How one process type of a release is run.

    ``command`` is the line of the Procfile, None for the image's own CMD. ``port`` is the TCP port inside the
    container that it listens on, None for a process that takes no requests. ``checks`` are those that the app gives.
    Without ``overlap`` its old containers stop before new ones start. ``given_port`` is the port that paas.yml says,
    ``protocol`` tcp, udp, or grpc where the requests that come over HTTP are gRPC's.
    """

    type: str
    command: str | None = None
    port: int | None = None
    checks: tuple[Check, ...] = ()
    overlap: bool = True
    given_port: int | None = None
    protocol: str = "tcp"


class ReleaseState(enum.Enum):
    """Where a release is in its life."""

    PENDING = "pending"
    CURRENT = "current"
    SUPERSEDED = "superseded"
    FAILED = "failed"


@dataclass(frozen=True)
class Draft:
    """All that a release is made of, before it has a number.

    ``config`` are the app's own variables, ``shared`` the global ones, both as they were at that moment; ``cron`` are
    the commands that it runs at their times, ``static`` folders of the image that the edge serves, by path prefix.
    ``container`` are the settings of its containers, None for a release from before they were recorded.
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
        """What its processes see: the global variables of its time, overridden by the app's own."""
        return {**self.shared, **self.config}

    def process(self, process_type: str) -> Process | None:
        """The process of that type, or None."""
        return next((process for process in self.processes if process.type == process_type), None)


@dataclass(frozen=True)
class Release(Draft):
    """An immutable record of what was, or is, run: image, configuration and processes together.

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
    """What a list of releases shows of one; the fields are those of `Release`."""

    version: int
    state: ReleaseState
    created_at: float
    actor: str
    cause: str
    commit: str
    image: str


@dataclass(frozen=True)
class Replica:
    """One container that is wanted: the index-th of its process type, on the slot (a, b, …) it was given.

    ``port`` is the loopback port that it is published on, None for a process that takes no requests, ``protocol`` what
    is spoken there.
    """

    process_type: str
    index: int
    slot: int
    release: int
    port: int | None = None
    protocol: str = "tcp"

    @property
    def label(self) -> str:
        """The name of the field for it, as in the DYNO variable and in logs: ``web.1``."""
        return f"{self.process_type}.{self.index}"

    @property
    def place(self) -> Place:
        """What tells its container from all others of the app."""
        return self.process_type, self.index, self.slot

    @property
    def endpoint(self) -> Endpoint | None:
        """Where it takes requests on this server, None if it takes none or runs elsewhere."""
        return Endpoint(self.process_type, Address(LOOPBACK, self.port), self.protocol) if self.port else None


Place = tuple[str, int, int]
"""Process type, index and slot: what tells one container of an app from all others."""


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
    """What a scheduler says of one container of ours.

    ``status`` is the engine's word: created, running, restarting, exited, dead, paused. ``pid`` is that of its
    first process in the host's numbering, 0 if none runs. ``address`` is its IPv4 address on the app's network.
    ``health`` is what the engine found with the image's HEALTHCHECK (starting, healthy, unhealthy; empty without one),
    and ``health_output`` what that printed last. A container on another machine has no pid and no address here:
    ``endpoint`` is where this server reaches its port, ``node`` the name of the machine.
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
        """``web.1``, as for a replica."""
        return f"{self.process_type}.{self.index}"

    @property
    def place(self) -> Place:
        """The place of the replica that it is."""
        return self.process_type, self.index, self.slot


@dataclass(frozen=True)
class Ending:
    """A container of ours that ended, as the engine tells of it, or was removed.

    ``label`` is that of a container (``web.1``), ``release`` its version. ``asked``: this server stopped, restarted or
    removed it.
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
    """A cluster has moved processes of the app: their endpoints may have changed."""

    app_id: int


class DeploymentStatus(enum.Enum):
    """How a deployment stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ABANDONED = "abandoned"


@dataclass(frozen=True)
class Deployment:
    """One change of what runs, as it was carried out. ``step`` is the last step that was begun."""

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
    """A public key that may log in. ``role`` is ``view``, ``deploy`` or ``admin``."""

    name: str
    fingerprint: str
    kind: str
    blob: str
    comment: str
    role: str
    created_at: float = field(default=0.0)
