"""Containers of this server as units: each container is one, and its ports are known before it starts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from paas.core.edge.address import LOOPBACK, Address
from paas.core.model import App, Container, Endpoint, Place, Replica
from paas.schedulers.base import Unit

RUNNING = ("running", "restarting", "paused")
"""Docker's words for a container with processes."""


class DockerUnits(Protocol):
    """The part of the role `Formations` that follows from the list of containers and the recorded ports."""

    def containers(self, app: App | None = None) -> list[Container]:
        """Return the containers that exist."""

    def port_of(self, app: App, process_type: str, index: int, slot: int) -> int | None:
        """Return the recorded port of the place, if it has one."""

    def _standing(self, app: App, current: Collection[Replica]) -> tuple[list[Replica], list[Place]]:
        """Return those of the current replicas that run, and all places that have a container."""
        existing = self.containers(app)
        running = {found.place for found in existing if found.status in RUNNING}
        # A replica whose container has gone is started again, whatever the plan would keep.
        return [replica for replica in current if replica.place in running], [found.place for found in existing]

    def _unit(self, app: App, found: Container) -> Unit:
        port = self.port_of(app, *found.place)
        return Unit(
            id=found.id,
            process_type=found.process_type,
            labels=(found.label,),
            places=frozenset([found.place]),
            running=found.status in RUNNING,
            containers=frozenset([found.id]),
            addresses=(Address(LOOPBACK, port),) if port else (),
        )

    def at(self, app: App, places: Collection[Place]) -> list[Unit]:
        """Return the containers at these places."""
        return [self._unit(app, found) for found in self.containers(app) if found.place in places]

    def beyond(self, app: App, places: Collection[Place]) -> list[Unit]:
        """Return the containers at all other places."""
        return [self._unit(app, found) for found in self.containers(app) if found.place not in places]

    def missing(self, app: App, replicas: Collection[Replica]) -> list[Replica]:
        """Return the replicas without a running container: Docker restarts only those that exit on their own."""
        running = {found.place for found in self.containers(app) if found.status in RUNNING}
        return [replica for replica in replicas if replica.place not in running]

    def adrift(self, wanted: Mapping[int, Collection[Replica]]) -> set[int]:
        """Return the ids of the apps whose running containers are not exactly the wanted ones."""
        there: dict[int, set[Place]] = {}
        running: dict[int, set[Place]] = {}
        for found in self.containers():
            there.setdefault(found.app_id, set()).add(found.place)
            if found.status in RUNNING:
                running.setdefault(found.app_id, set()).add(found.place)
        places = {app_id: {replica.place for replica in replicas} for app_id, replicas in wanted.items()}
        return {
            app_id
            for app_id, own in places.items()
            if own - running.get(app_id, set()) or there.get(app_id, set()) - own
        }

    def endpoints(self, app: App, replicas: Collection[Replica]) -> tuple[Endpoint, ...]:
        """Return their ports on the loopback interface, which a container keeps for its life."""
        return tuple(replica.endpoint for replica in replicas if replica.endpoint is not None)
