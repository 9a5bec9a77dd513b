"""The seam between an app's processes and what runs them: Docker Engine on this server, or a cluster.

A scheduler knows a *formation*: some replicas of one process type of one release, at their places. It starts one beside
another, says where its members take requests, and removes what is no longer wanted. Rollouts, health checks, the edge
and the records are common (`paas.releases.rollout`). A scheduler has several roles, each a Protocol here;
`paas.schedulers.engine` has what only the Docker Engine of this server does, whatever runs an app.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from paas.core.containers.options import ContainerOptions
from paas.core.edge.address import Address
from paas.core.model import App, Container, Ending, Endpoint, Moved, Place, Release, Replica
from paas.core.releases.rollout import Candidate, Rollout, Started
from paas.schedulers.tasks import Tasks


@dataclass(frozen=True)
class ContainerLimits:
    """What each container may use. ``memory`` in bytes, 0 for no limit; ``stop_timeout`` in seconds.

    ``options`` are the app's own; ``log_max_size`` is the size in bytes of a file of its log, 0 for no limit.
    """

    memory: int
    pids: int
    stop_timeout: int
    options: ContainerOptions = field(default_factory=ContainerOptions)
    log_max_size: int = 10 << 20


@dataclass(frozen=True)
class Unit:
    """What a scheduler stops as one: a container on Docker, the surplus replicas of a service in a cluster.

    ``id`` belongs to the scheduler; ``containers`` are the ids of its members, ``addresses`` where they take requests.
    """

    id: str
    process_type: str
    labels: tuple[str, ...]
    places: frozenset[Place]
    running: bool
    containers: frozenset[str]
    addresses: tuple[Address, ...] = ()


Opened = Callable[[Callable[[], None]], None]
"""Called with a function that ends the following from another thread."""


class Containers(Protocol):
    """Access to the containers that exist. Where an ``id`` is taken, that of a `Started` works, too."""

    def containers(self, app: App | None = None) -> list[Container]:
        """Return the containers of the app, or of all apps, without details."""

    def inspect(self, container_id: str) -> Container | None:
        """Return all details of the container, None once it is gone."""

    def exec(self, container_id: str, argv: Sequence[str], timeout: float) -> tuple[int | None, str]:
        """Run the command inside. Return its exit status, None after ``timeout`` seconds, and its output."""

    def restart(self, container_id: str, grace: int) -> None:
        """Send SIGTERM, SIGKILL after ``grace`` seconds, and start it again. A container that is gone is no error."""

    def events(self) -> AbstractContextManager[Iterator[Ending | Moved]]:
        """Yield ends and moves of containers as they happen, until the connection ends."""


class ContainerLogs(Protocol):
    """Access to what processes wrote. Lines start with a timestamp and a space."""

    before_removal: Callable[[str], None]
    """Called with the id of an ended container, before it is removed with its log."""

    def log_file(self, container_id: str) -> Path | None:
        """Return the log file, as `core.logs.json_file` reads it, if this process may read it."""

    def logs(self, container_id: str, tail: int | None) -> list[bytes]:
        """Return the last lines, oldest first."""

    def read_log(self, container_id: str, since: float) -> AbstractContextManager[Iterator[bytes]]:
        """Yield the lines from that time on, until the last one that exists."""

    def follow(
        self, container_id: str, tail: int | None, since: float = 0.0, opened: Opened = lambda end: None
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Yield chunks as they come, from the last ``tail`` lines on (None: all), and from that time on."""


class Formations(Protocol):
    """Change what runs. Every step but `retire` can be undone."""

    def prepare(self, app: App) -> None:
        """Create what the app's containers need, such as a network. Cheap if it exists."""

    def plan(
        self,
        app: App,
        release: Release,
        quantities: Mapping[str, int],
        current: Collection[Replica],
        fresh: Collection[str] | None,
    ) -> Rollout:
        """Return the change from the ``current`` replicas to the release, as `core.releases.rollout.plan` does."""

    def start(
        self,
        app: App,
        release: Release,
        candidates: Sequence[Candidate],
        rev_variable: str,
        limits: ContainerLimits,
        check: Callable[[], None],
    ) -> list[Started]:
        """Start the candidates beside what runs. They are not restarted yet when they exit.

        ``check`` is called before each start; it raises if the job was cancelled.
        """

    def keep_running(self, started: Started) -> None:
        """From now on restart it whenever it exits, and after a reboot."""

    def at(self, app: App, places: Collection[Place]) -> list[Unit]:
        """Return the units that exist at these places, running or not."""

    def beyond(self, app: App, places: Collection[Place]) -> list[Unit]:
        """Return the units that exist at no wanted place; ``places`` are the wanted ones."""

    def missing(self, app: App, replicas: Collection[Replica]) -> list[Replica]:
        """Return the wanted replicas that do not run, and that the scheduler will not bring back itself."""

    def adrift(self, wanted: Mapping[int, Collection[Replica]]) -> set[int]:
        """Return the ids of the apps with missing replicas, or with units that are not wanted.

        ``wanted`` are the replicas by app id. One look at the scheduler is enough for all apps: there may be hundreds.
        """

    def halt(self, app: App, unit_id: str, grace: int) -> None:
        """Stop the unit: SIGTERM, SIGKILL after ``grace`` seconds. `revive` can start it again."""

    def revive(self, app: App, unit_id: str) -> None:
        """Start a halted or exited unit again, at the same places."""

    def retire(self, app: App, unit_id: str, grace: int) -> None:
        """Stop and remove the unit. One that is gone is no error."""

    def endpoints(self, app: App, replicas: Collection[Replica]) -> tuple[Endpoint, ...]:
        """Return where these replicas take requests now; none for a replica that does not run."""

    def forget(self, app_id: int) -> None:
        """Remove all containers of the app at once."""

    def clear(self, app_id: int) -> None:
        """Remove what an app without containers has left, such as its network. Nothing left is no error."""

    def networked(self) -> set[int]:
        """Return the ids of the apps, destroyed ones included, that have something left for `clear`."""


class Scheduler(Containers, ContainerLogs, Formations, Protocol):
    """One way of running apps. ``tasks`` runs commands once; ``name`` is what `scheduler:set … selected` takes."""

    name: str
    tasks: Tasks
