"""A container engine in memory, whose processes behave as a test says."""

from __future__ import annotations

import hashlib
import queue
import shlex
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

from fakes.gates import Gates, Unexpected
from fakes.processes import Behaviour, FakeLogs, Running
from fakes.transfers import FakeTransfers
from paas.core.apps import environment
from paas.core.containers import container as labels
from paas.core.containers.image import BuildCache, Image, StoredImage
from paas.core.edge.address import LOOPBACK, Address, local
from paas.core.errors import DockerError
from paas.core.model import DOCKER_LOCAL, App, Container, Ending, Release, Replica
from paas.core.releases import rollout
from paas.core.releases.rollout import Candidate, Rollout, Started
from paas.schedulers.base import ContainerLimits
from paas.schedulers.docker.units import DockerUnits
from paas.schedulers.each import start_each
from paas.schedulers.tasks import Tasks


class FakeScheduler(FakeLogs, FakeTransfers, DockerUnits):
    """A `Scheduler` and `Engine`. Process types that no test described with `tell` are refused, as are unknown images.

    ``calls`` counts what was asked, ``most`` how many containers of a label ran at one time. Two
    containers with one name or one port, and taking away a container that the edge
    still passes requests to, are refused as mistakes.
    """

    name = DOCKER_LOCAL
    tasks: Tasks

    def __init__(self, gates: Gates, instance: str) -> None:
        super().__init__()
        self.instance = instance
        self.calls: Counter[str] = Counter()
        self.built_for: dict[str, int | None] = {}
        self.cache = 0
        self.committed: set[str] = set()
        self.engine_version = "28.5.1"
        self.keeps_containers = True
        self.layers: dict[str, int] = {}
        self.slow_disk = False
        self.engine_down = False
        self.names: dict[tuple[int, int], str] = {}
        self.mistakes: list[str] = []
        self.most: Counter[str] = Counter()
        self.served: Callable[[], set[Address]] = set
        self._behaviours: dict[str, Behaviour] = {}
        self._gates = gates
        self._known: set[str] = set()
        self._networks: set[int] = set()
        self._ports: dict[tuple[int, str, int, int], int] = {}
        self._ended: queue.SimpleQueue[Ending | None] = queue.SimpleQueue()
        self._asked: set[str] = set()
        self.before_removal: Callable[[str], None] = lambda container_id: None

    def briefly(self) -> AbstractContextManager[None]:
        self.calls["briefly"] += 1
        return nullcontext()

    def stop_engine(self) -> None:
        """Stop Docker Engine: the stream of events ends."""
        self._ended.put(None)

    # What tests say and ask

    def take_over(self, other: FakeScheduler) -> None:
        """Take over the containers and images of another daemon that was killed."""
        self._behaviours.update(other._behaviours)
        self.images.update(other.images)
        self.built_for.update(other.built_for)
        self.names.update(other.names)
        self.here.update({key: replace(one, lines=list(one.lines)) for key, one in other.here.items()})
        self._known |= other._known
        self._networks |= other._networks
        self._ports.update(other._ports)
        self._count = other._count

    def learn(self, container_id: str) -> None:
        """Make the id of a container known that another program created."""
        self._known.add(container_id)

    def add_image(self, image: Image, app_id: int | None = None) -> None:
        """Add an image, built for that app."""
        self.images[image.id] = image
        self.built_for[image.id] = app_id

    def tell(self, process_type: str, behaviour: Behaviour) -> None:
        """Set the behavior of containers of the process type that are started from now on."""
        self._behaviours[process_type] = behaviour

    def running(self, label: str) -> Running:
        """Return the only container of ``web.1``. Fail if there are more or none."""
        found = [running for running in self.here.values() if running.container.label == label]
        if len(found) != 1:
            raise Unexpected(f"there are {len(found)} containers of {label}")
        return found[0]

    def ids(self) -> dict[str, str]:
        """Return the container ids by label, of labels with one container."""
        return {label: self.running(label).container.id for label in self.labels()}

    def labels(self) -> list[str]:
        """Return ``web.1`` and so on for each existing container, sorted."""
        return sorted(running.container.label for running in self.here.values())

    def crash(self, label: str, status: int = 1) -> None:
        """End the process on its own; it is not restarted."""
        running = self.running(label)
        running.container = replace(running.container, status="exited", exit_code=status, pid=0)
        self._tell_end(running)

    def _tell_end(self, running: Running, *, removed: bool = False) -> None:
        found = running.container
        asked = found.id in self._asked
        self._ended.put(
            Ending(
                found.app_id, found.id, found.label, found.release, found.exit_code, removed=removed, asked=asked,
                out_of_memory=running.behaviour.out_of_memory,
            )
        )  # fmt: skip

    def vanish(self, label: str) -> None:
        """Remove the container as another program would."""
        with self._changed:
            gone = self.here.pop(self.running(label).container.id)
            self._forget_log(gone)
            self._changed.notify_all()
        self._tell_end(gone, removed=True)

    def write(self, label: str, text: str) -> None:
        """Write a line to the log of the process."""
        with self._changed:
            self._write(self.running(label), text)
            self._changed.notify_all()

    def ports_in_use(self) -> set[int]:
        """Return the loopback ports of running containers."""
        with self._changed:
            return {running.published for running in self.here.values() if running.up and running.published}

    def addresses(self) -> set[Address]:
        """Return the addresses at which running containers take requests."""
        return set(local(*self.ports_in_use()))

    # What a Scheduler does

    def version(self) -> str:
        if self.engine_down:
            raise DockerError("Docker does not answer", code="engine-down")
        return self.engine_version

    def written(self) -> dict[str, int]:
        if self.slow_disk:
            raise DockerError("Docker does not answer", code="engine-down")
        return {running.container.name: self.layers.get(running.container.label, 0) for running in self.here.values()}

    def live_restore(self) -> bool:
        return self.keeps_containers

    def prepare(self, app: App) -> None:
        self.calls["prepare"] += 1
        self._networks.add(app.id)

    def port(self, app: App, process_type: str, index: int, slot: int) -> int:
        """Return the loopback port of the place, assigned on first use."""
        self.calls["port"] += 1
        with self._changed:
            return self._ports.setdefault((app.id, process_type, index, slot), 20_000 + len(self._ports))

    def port_of(self, app: App, process_type: str, index: int, slot: int) -> int | None:
        return self._ports.get((app.id, process_type, index, slot))

    def plan(
        self,
        app: App,
        release: Release,
        quantities: Mapping[str, int],
        current: Collection[Replica],
        fresh: Collection[str] | None,
    ) -> Rollout:
        return rollout.plan(release, quantities, *self._standing(app, current), partial(self.port, app), fresh=fresh)

    def start(
        self,
        app: App,
        release: Release,
        candidates: Sequence[Candidate],
        rev_variable: str,
        limits: ContainerLimits,
        check: Callable[[], None],
    ) -> list[Started]:
        return start_each(candidates, lambda one: self._start(app, release, one, rev_variable, limits), check)

    def _start(
        self, app: App, release: Release, candidate: Candidate, rev_variable: str, limits: ContainerLimits
    ) -> str:
        self._gates.at("start")
        process, replica = candidate.process, candidate.replica
        with self._changed:
            self.calls["start"] += 1
            behaviour = self._behaviours.get(process.type)
            self._expect(behaviour is not None, f"nobody told how {process.type} behaves")
            self._expect(app.id in self._networks, f"{replica.label} was started before its network was there")
            self._expect(release.image in self.images, f"{replica.label} was started from an image that is gone")
            assert behaviour is not None

            name = labels.name_of(app, candidate, self.instance)
            names = [running.container.name for running in self.here.values()]
            self._expect(name not in names, f"there are two containers {name}")
            ports = [running.published for running in self.here.values()]
            self._expect(replica.port is None or replica.port not in ports, f"port {replica.port} was given twice")

            made = self._make(app, release, candidate, rev_variable, limits, behaviour, name)
            if behaviour.refused:
                raise DockerError("Docker refused: starting a container", why=behaviour.refused)
            return made.container.id

    def _make(
        self,
        app: App,
        release: Release,
        candidate: Candidate,
        rev_variable: str,
        limits: ContainerLimits,
        behaviour: Behaviour,
        name: str,
    ) -> Running:
        process, replica = candidate.process, candidate.replica
        self._count += 1
        container_id = hashlib.sha256(str(self._count).encode()).hexdigest()
        found = labels.from_labels(
            container_id, name, labels.labels_of(app, candidate, release, self.instance), "created", release.image
        )
        assert found is not None
        if not behaviour.refused:
            found = replace(found, status="running", pid=1000 + self._count, started_at="2026-01-01T00:00:00.5Z")
        variables = environment.for_process(
            release.environment, app.name, process, replica.index, release.version, release.commit, rev_variable
        )
        made = Running(found, behaviour, variables, limits, process.port, replica.port, process.command)
        for line in behaviour.log:
            self._write(made, line)
        self.here[container_id] = made
        self._known.add(container_id)
        self._count_together()
        return made

    def revive(self, app: App, unit_id: str) -> None:
        self.calls["revive"] += 1
        with self._changed:
            running = self.here[unit_id]
            self._expect(not running.up, f"{running.container.label} is up already")
            self._run(running)

    def keep_running(self, started: Started) -> None:
        self._get(started.id).kept = True

    def inspect(self, container_id: str) -> Container | None:
        self._gates.at("inspect")
        with self._changed:
            self._expect(container_id in self._known, f"there never was a container {container_id}")
            running = self.here.get(container_id)
            if running is None:
                return None
            does = self._see(running).behaviour
            return replace(running.container, health=does.health, address="10.208.0.2")

    def inspect_known(self, container_id: str) -> Container | None:
        """Do what `inspect` does; return None also for an unknown container."""
        return self.inspect(container_id) if container_id in self._known else None

    def containers(self, app: App | None = None) -> list[Container]:
        """See `Scheduler.containers`. Like the engine's list it has no details."""
        with self._changed:
            found = [running.container for running in self.here.values()]
            return [
                replace(one, pid=0, exit_code=0, oom_killed=False, restarts=0, started_at="")
                for one in found
                if app is None or one.app_id == app.id
            ]

    def exec(self, container_id: str, argv: Sequence[str], timeout: float) -> tuple[int | None, str]:
        self._gates.at("exec")
        running = self.here.get(container_id)
        if running is None or not running.up:
            return 126, "the container does not run"
        line = shlex.join(argv)
        self._expect(line in running.behaviour.commands, f"nobody told what {line!r} does in {running.container.label}")
        status = running.behaviour.commands[line] if running.ready else 1
        return status, "" if status == 0 else f"{argv[0]} failed"

    def restart(self, container_id: str, grace: int) -> None:
        self._gates.at("restart")
        self.calls["restart"] += 1
        with self._changed:
            running = self.here.get(container_id)
            if running is not None:
                self._run(running)

    def halt(self, app: App, unit_id: str, grace: int) -> None:
        self._gates.at("halt")
        self.calls["halt"] += 1
        with self._changed:
            self._expect(unit_id in self._known, f"there never was a container {unit_id}")
            running = self.here.get(unit_id)
            if running is not None and running.up:
                running.container = replace(running.container, status="exited", exit_code=143, pid=0)
                self._changed.notify_all()

    def architecture(self) -> str:
        return "amd64"

    def retire(self, app: App, unit_id: str, grace: int) -> None:
        if not grace:
            self.remove(unit_id)
            return
        self._gates.at("stop")
        self.calls["stop"] += 1
        self._end(unit_id)

    def remove(self, container_id: str) -> None:
        self.calls["remove"] += 1
        self._end(container_id)

    @contextmanager
    def events(self) -> Iterator[Iterator[Ending]]:
        yield iter(self._ended.get, None)

    def commit(self, container_id: str, image: str) -> str | None:
        self.calls["commit"] += 1
        running = self.here[container_id]
        self._expect(not running.up, f"{running.container.label} was committed while it runs")
        if not running.behaviour.writes:
            return None
        made = f"sha256:{hashlib.sha256(container_id.encode()).hexdigest()}"
        self.committed.add(made)
        self.add_image(replace(self.images[image], id=made), self.built_for.get(image))
        return made

    def name_image(self, app: App, release: Release) -> None:
        self._expect(release.image in self.images, f"v{release.version} has an image that is gone")
        self.names[app.id, release.version] = release.image

    def drop_image(self, app: App, version: int) -> bool:
        return self._drop(app.id, version)

    def _drop(self, app_id: int, version: int) -> bool:
        with self._changed:
            image = self.names.get((app_id, version))
            others = [known for key, known in list(self.names.items()) if key != (app_id, version)]
            used = any(running.container.image == image for running in self.here.values())
            if image is None or (used and image not in others):
                return False
            del self.names[app_id, version]
            if image not in others:
                self.images.pop(image, None)
            return True

    def stored_images(self, *, sizes: bool = False) -> list[StoredImage]:
        # Images of other programs do not have this instance's label.
        ours = [image for image in list(self.images) if image not in self.foreign]
        owners: dict[str, list[tuple[int, int]]] = {image: [] for image in ours}
        for name, image in list(self.names.items()):
            owners[image].append(name)
        return [
            StoredImage(key, self.built_for.get(key), tuple(names), size=self.images[key].size if sizes else 0)
            for key, names in owners.items()
        ]

    def remove_image(self, image: StoredImage) -> bool:
        with self._changed:
            if image.id not in self.images or any(one.container.image == image.id for one in self.here.values()):
                return False
            for name in image.releases:
                self.names.pop(name, None)
            del self.images[image.id]
            return True

    def storage(self) -> Path | None:
        return None

    def build_cache(self) -> BuildCache:
        return BuildCache(self.cache, self.cache)

    def prune_build_cache(self, keep: int) -> int:
        freed = max(0, self.cache - keep)
        self.cache -= freed
        return freed

    def forget(self, app_id: int) -> None:
        """See `Formations.forget`. The proxy forgets the app at the same time, before or after."""
        for found in self.containers():
            if found.app_id == app_id:
                self._take_away(found.id, even_served=True)

    def clear(self, app_id: int) -> None:
        self._gates.at("clear")
        [self._drop(*named) for named in list(self.names) if named[0] == app_id]
        self._networks.discard(app_id)

    def networked(self) -> set[int]:
        return set(self._networks)

    def teardown(self) -> list[str]:
        done = [f"container {found.name}" for found in self.containers()]
        self.here.clear()
        self.images.clear()
        self._networks.clear()
        return done

    # Inside

    def _run(self, running: Running) -> None:
        self._count += 1
        running.container = replace(running.container, status="running", exit_code=0, pid=1000 + self._count)
        running.looks = 0
        self._count_together()

    def _count_together(self) -> None:
        together = Counter(one.container.label for one in self.here.values() if one.up)
        for label, count in together.items():
            self.most[label] = max(self.most[label], count)

    def _see(self, running: Running) -> Running:
        """Count one inspection, and do what is due after that many."""
        running.looks += 1
        does = running.behaviour
        if running.up and running.ready and (does.exits is not None or does.out_of_memory):
            code = 137 if does.exits is None else does.exits
            running.container = replace(
                running.container, status="exited", pid=0, exit_code=code, oom_killed=does.out_of_memory
            )
        elif running.up and does.lives is not None and running.looks > does.looks + does.lives:
            running.container = replace(running.container, status="exited", pid=0, exit_code=1)
        elif running.up and running.ready and does.restarts:
            running.container = replace(running.container, status="restarting", restarts=does.restarts)
        return running

    def _take_away(self, container_id: str, *, even_served: bool = False) -> None:
        with self._changed:
            self._expect(container_id in self._known, f"there never was a container {container_id}")
            running = self.here.get(container_id)
            if running is None:
                return
            # A candidate that did not become healthy serves no requests, even on a port that is still published.
            served = running.kept and Address(LOOPBACK, running.published or 0) in self.served()
            in_order = even_served or not served
            self._expect(in_order, f"{running.container.name} was taken away while requests are passed to it")
            self._forget_log(self.here.pop(container_id))
            self._changed.notify_all()

    def _end(self, container_id: str) -> None:
        self._asked.add(container_id)
        if container_id in self.here:
            # The real scheduler relies on Docker for that, which is another inspection of the container.
            self.before_removal(container_id)
        self._take_away(container_id)

    def _expect(self, holds: bool, mistake: str) -> None:
        if not holds:
            self.mistakes.append(mistake)
            raise Unexpected(mistake)
