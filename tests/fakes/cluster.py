"""A scheduler in memory that behaves like a cluster."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

from fakes.containers import FakeScheduler
from fakes.gates import Unexpected
from fakes.machines import FakeMachines, Service
from paas.core.apps import environment
from paas.core.edge.address import Address
from paas.core.errors import DockerError
from paas.core.model import App, Container, Ending, Endpoint, Moved, Place, Process, Release, Replica
from paas.core.releases import rollout
from paas.core.releases.rollout import Candidate, Rollout, Started
from paas.schedulers.base import ContainerLimits, Opened, Unit
from paas.schedulers.tasks import Tasks


class FakeCluster(FakeMachines):
    """A `Scheduler` like Swarm or Kubernetes: it places, restarts and moves replicas itself, in `work`.

    A replica is pending until the cluster has placed it; only then it has a machine and a port. One-off commands and
    their logs are left to the Docker Engine of this server, ``local``.
    """

    name = "memory"

    def __init__(self, local: FakeScheduler, tasks: Tasks, served: Callable[[], set[Address]]) -> None:
        super().__init__()
        self.mistakes: list[str] = []
        self._networks: set[int] = set()
        self.attach(local, tasks, served)

    def attach(self, local: FakeScheduler, tasks: Tasks, served: Callable[[], set[Address]]) -> None:
        """Attach the cluster to this server: a restarted server finds its cluster unchanged."""
        self.tasks = tasks
        self.local = local
        self.programs = local.programs
        self.served = served

    def _units(self, app: App, chosen: Callable[[Place], bool]) -> list[Unit]:
        with self._changed:
            found = []
            for service in self.services.values():
                places = {place for place in service.places if chosen(place)}
                if service.app.id != app.id or not places:
                    continue
                members = [self.here[one] for _, one in sorted(service.members.items()) if one in self.here]
                of_places = [one for one in members if one.container.place in places]
                rest = service.quantity - len(places)
                found.append(
                    Unit(
                        id=f"{service.name}={rest}" if rest else service.name,
                        process_type=service.process.type,
                        labels=tuple(f"{kind}.{index}" for kind, index, _ in sorted(places)),
                        places=frozenset(places),
                        running=not service.halted,
                        containers=frozenset(one.container.id for one in of_places),
                        addresses=tuple(one.container.endpoint for one in of_places if one.container.endpoint),
                    )
                )
            return found

    def _end(self, service: Service, above: int) -> None:
        """Remove the members above that index."""
        for index in [index for index in service.members if index > above]:
            member = service.members[index]
            endpoint = self.here[member].container.endpoint
            if service.kept and endpoint in self.served():
                self.mistakes.append(f"{member} was removed while requests are passed to it")
                raise Unexpected(self.mistakes[-1])
            self.before_removal(member)
            self._remove(member)
        self._changed.notify_all()

    # The roles of a Scheduler

    def containers(self, app: App | None = None) -> list[Container]:
        with self._changed:
            return [one.container for one in self.here.values() if app is None or one.container.app_id == app.id]

    def inspect(self, container_id: str) -> Container | None:
        self.work()
        with self._changed:
            running = self.here.get(self._member(container_id))
            return self._see(running).container if running else self.local.inspect_known(container_id)

    def exec(self, container_id: str, argv: Sequence[str], timeout: float) -> tuple[int | None, str]:
        running = self.here.get(self._member(container_id))
        if running is None or not running.up:
            return 126, "the container does not run"
        return running.behaviour.commands[" ".join(argv)], ""

    def restart(self, container_id: str, grace: int) -> None:
        with self._changed:
            running = self.here.get(self._member(container_id))
            if running is not None:
                running.container = replace(running.container, status="exited", endpoint=None)
        self.work()

    @contextmanager
    def events(self) -> Iterator[Iterator[Ending | Moved]]:
        yield iter(self._events.get, None)

    def logs(self, container_id: str, tail: int | None) -> list[bytes]:
        return super().logs(self._member(container_id), tail)

    def follow(
        self, container_id: str, tail: int | None, since: float = 0.0, opened: Opened = lambda end: None
    ) -> AbstractContextManager[Iterator[bytes]]:
        return super().follow(self._member(container_id), tail, since, opened)

    def prepare(self, app: App) -> None:
        self._networks.add(app.id)
        self.local.prepare(app)

    def plan(
        self,
        app: App,
        release: Release,
        quantities: Mapping[str, int],
        current: Collection[Replica],
        fresh: Collection[str] | None,
    ) -> Rollout:
        there = [one for one in self.services.values() if one.app.id == app.id]
        lost = self.missing(app, current)
        alive = [replica for replica in current if replica not in lost]
        return rollout.plan_services(
            release, quantities, alive, {(one.process.type, one.slot) for one in there}, fresh=fresh
        )

    def start(
        self,
        app: App,
        release: Release,
        candidates: Sequence[Candidate],
        rev_variable: str,
        limits: ContainerLimits,
        check: Callable[[], None],
    ) -> list[Started]:
        check()
        if app.id not in self._networks:
            raise Unexpected("the app's network is not there")
        with self._changed:
            for candidate in candidates:
                process, replica = candidate.process, candidate.replica
                name = self._name(app, replica)
                if name not in self.services:
                    behaviour = self._behaviours[process.type]
                    if behaviour.refused:
                        raise DockerError("the cluster refused: creating a service", why=behaviour.refused)

                    def variables(index: int, process: Process = process) -> Mapping[str, str]:
                        return environment.for_process(
                            release.environment, app.name, process, index, release.version, release.commit, rev_variable
                        )

                    self.services[name] = Service(
                        name, app, release, process, replica.slot, variables, limits, behaviour, 0
                    )
                service = self.services[name]
                service.quantity = max(service.quantity, replica.index)
            self.work()
        return [Started(one, f"{self._name(app, one.replica)}.{one.replica.index}") for one in candidates]

    def _name(self, app: App, replica: Replica) -> str:
        return f"{app.id}-{replica.process_type}-v{replica.release}-{replica.slot}"

    def keep_running(self, started: Started) -> None:
        self.services[started.id.rpartition(".")[0]].kept = True

    def at(self, app: App, places: Collection[Place]) -> list[Unit]:
        return self._units(app, lambda place: place in places)

    def beyond(self, app: App, places: Collection[Place]) -> list[Unit]:
        return self._units(app, lambda place: place not in places)

    def missing(self, app: App, replicas: Collection[Replica]) -> list[Replica]:
        own = [one for one in self.services.values() if one.app.id == app.id and not one.halted]
        held = {place for one in own for place in one.places}
        return [replica for replica in replicas if replica.place not in held]

    def adrift(self, wanted: Mapping[int, Collection[Replica]]) -> set[int]:
        held: dict[int, set[Place]] = {}
        for service in self.services.values():
            held.setdefault(service.app.id, set()).update(service.places)
        return {
            app_id
            for app_id, replicas in wanted.items()
            if held.get(app_id, set()) != {replica.place for replica in replicas}
        }

    def halt(self, app: App, unit_id: str, grace: int) -> None:
        with self._changed:
            service = self.services[unit_id.partition("=")[0]]
            service.halted = True
            for member in list(service.members.values()):
                self.before_removal(member)
                self._remove(member)
            self._changed.notify_all()

    def revive(self, app: App, unit_id: str) -> None:
        self.services[unit_id.partition("=")[0]].halted = False
        self.work()

    def retire(self, app: App, unit_id: str, grace: int) -> None:
        with self._changed:
            name, _, rest = unit_id.partition("=")
            service = self.services.get(name)
            if service is None:
                return
            # First, as the removal of a member makes the cluster look for what is due.
            service.quantity = min(service.quantity, int(rest or 0))
            self._end(service, service.quantity)
            if not service.quantity:
                del self.services[name]

    def endpoints(self, app: App, replicas: Collection[Replica]) -> tuple[Endpoint, ...]:
        with self._changed:
            protocols = {replica.place: replica.protocol for replica in replicas}
            members = sorted(
                (one.container for one in self.here.values() if one.container.app_id == app.id and one.up),
                key=lambda container: container.place,
            )
            return tuple(
                Endpoint(one.process_type, one.endpoint, protocols[one.place])
                for one in members
                if one.place in protocols and one.endpoint
            )

    def forget(self, app_id: int) -> None:
        with self._changed:
            for service in [one for one in self.services.values() if one.app.id == app_id]:
                for member in list(service.members.values()):
                    self._remove(member)
                del self.services[service.name]
            self._changed.notify_all()

    def clear(self, app_id: int) -> None:
        self._networks.discard(app_id)

    def networked(self) -> set[int]:
        return set(self._networks)
