"""The machines of a cluster in memory, and the replicas on them: pending, placed, lost and replaced."""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from fakes.gates import Unexpected
from fakes.processes import Behaviour, FakeLogs, Running
from paas.core.edge.address import Address
from paas.core.model import App, Container, Ending, Moved, Place, Process, Release
from paas.schedulers.base import ContainerLimits

NODES = ("one", "two", "three")


@dataclass
class Service:
    """Equal replicas of one process type of one release. ``members`` has the id of each index that exists now."""

    name: str
    app: App
    release: Release
    process: Process
    slot: int
    environment: Callable[[int], Mapping[str, str]]
    limits: ContainerLimits
    behaviour: Behaviour
    quantity: int
    kept: bool = False
    halted: bool = False
    members: dict[int, str] = field(default_factory=dict)

    @property
    def places(self) -> set[Place]:
        """The places of all replicas that it is to have."""
        return {(self.process.type, index, self.slot) for index in range(1, self.quantity + 1)}


class FakeMachines(FakeLogs):
    """Machines of a cluster, with the work that it does on its own in `work`.

    A replica is pending until then, and has no port.
    """

    def __init__(self) -> None:
        super().__init__()
        self.before_removal: Callable[[str], None] = lambda container_id: None
        self.services: dict[str, Service] = {}
        self._working = False
        self.nodes = dict.fromkeys(NODES, True)
        self._behaviours = {"web": Behaviour(), "worker": Behaviour(), "release": Behaviour(exits=0)}
        self._events: queue.SimpleQueue[Ending | Moved | None] = queue.SimpleQueue()

    # What tests say and ask

    def tell(self, process_type: str, behaviour: Behaviour) -> None:
        """Set the behavior of replicas of the process type that are started from now on."""
        self._behaviours[process_type] = behaviour

    def work(self) -> None:
        """Do what is due in the cluster: replace lost members, and place pending ones."""
        with self._changed:
            if self._working:
                # The platform inspects a member that is being replaced.
                return
            self._working = True
            try:
                self._work()
            finally:
                self._working = False

    def _work(self) -> None:
        for service in self.services.values():
            if service.halted:
                continue
            for index in range(1, service.quantity + 1):
                running = self.here.get(service.members.get(index, ""))
                if running is None or (service.kept and running.container.status == "exited"):
                    self._replace(service, index, running)
        for running in [one for one in self.here.values() if one.container.status == "pending"]:
            self._place(running)

    def fail(self, node: str) -> None:
        """Lose the machine, with all members and logs on it."""
        with self._changed:
            self.nodes[node] = False
            for running in [one for one in self.here.values() if one.container.node == node]:
                self._remove(running.container.id)
            self._changed.notify_all()

    def crash(self, label: str, status: int = 1) -> None:
        """End the process on its own."""
        with self._changed:
            running = self.of(label)
            running.container = replace(running.container, status="exited", exit_code=status, endpoint=None)

    def of(self, label: str) -> Running:
        """Return the only member of ``web.1``."""
        found = [one for one in self.here.values() if one.container.label == label]
        if len(found) != 1:
            raise Unexpected(f"there are {len(found)} members of {label}")
        return found[0]

    def at_address(self, address: Address) -> Running | None:
        """Return the member that takes requests at the address."""
        return next((one for one in list(self.here.values()) if one.up and one.container.endpoint == address), None)

    def addresses(self) -> set[Address]:
        """Return the addresses at which members take requests."""
        return {one.container.endpoint for one in list(self.here.values()) if one.up and one.container.endpoint}

    # Inside

    def _replace(self, service: Service, index: int, ended: Running | None) -> None:
        restarts = 0
        if ended is not None:
            restarts = ended.container.restarts + 1
            self.before_removal(ended.container.id)
            self._remove(ended.container.id)
        self._count += 1
        member = f"{service.name}.{index}.{self._count}"
        container = Container(
            member, member, service.app.id, service.process.type, index, service.slot, service.release.version,
            "pending", service.release.image, restarts=restarts, node="?",
        )  # fmt: skip
        self.here[member] = Running(
            container, service.behaviour, service.environment(index), service.limits, service.process.port, None,
            service.process.command, kept=service.kept,
        )  # fmt: skip
        service.members[index] = member

    def _place(self, running: Running) -> None:
        up = [node for node, alive in self.nodes.items() if alive]
        if not up:
            return
        loads = {node: sum(one.container.node == node for one in self.here.values()) for node in up}
        node = min(up, key=lambda name: loads[name])
        self._count += 1
        endpoint = Address(f"10.0.0.{1 + NODES.index(node)}", 30_000 + self._count) if running.port else None
        running.published = endpoint.port if endpoint else None
        running.container = replace(
            running.container, status="running", node=node, endpoint=endpoint, started_at="2026-01-01T00:00:00.5Z"
        )
        for line in running.behaviour.log:
            self._write(running, line)
        self._changed.notify_all()
        self._events.put(Moved(running.container.app_id))

    def _remove(self, member: str) -> None:
        self._forget_log(self.here.pop(member))
        for service in self.services.values():
            service.members = {index: one for index, one in service.members.items() if one != member}

    def _see(self, running: Running) -> Running:
        running.looks += 1
        if running.up and running.ready and running.behaviour.exits is not None:
            running.container = replace(
                running.container, status="exited", exit_code=running.behaviour.exits, endpoint=None
            )
        return running

    def _member(self, container_id: str) -> str:
        """Return the id of a member, from its own id or from SERVICE.INDEX as `start` returns it."""
        if container_id in self.here:
            return container_id
        name, _, index = container_id.rpartition(".")
        service = self.services.get(name)
        return service.members.get(int(index), container_id) if service and index.isdigit() else container_id
