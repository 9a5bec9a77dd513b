"""The scheduler for the Docker Engine of this host."""

from __future__ import annotations

import ipaddress
import os
import re
import threading
import zlib
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from paas.core.apps import environment
from paas.core.containers import container, shell_line
from paas.core.containers.container import ContainerSpec
from paas.core.containers.image import BuildCache
from paas.core.errors import DockerError
from paas.core.model import DOCKER_LOCAL, App, Container, Ending, Release, Replica
from paas.core.releases import rollout
from paas.core.releases.rollout import Candidate, Rollout, Started
from paas.schedulers.base import ContainerLimits, Opened
from paas.schedulers.docker.api import Docker
from paas.schedulers.docker.client import briefly
from paas.schedulers.docker.images import LocalImages
from paas.schedulers.docker.removal import remove_everything
from paas.schedulers.docker.units import DockerUnits
from paas.schedulers.each import start_each
from paas.schedulers.tasks import Tasks
from paas.store import Store
from paas.system.probe import Probe
from paas.system.settings_file import SettingsFile
from paas.system.spans import carried

NETWORK_PREFIX = 24
REMOVED_AT_ONCE = 4
REMEMBERED = 4096
"""Number of remembered containers that this server ended: Docker reports their ends a moment later."""
_NETWORK_NAME = re.compile(r"paas-([0-9a-f]{6})-(\d+)")


class DockerLocal(LocalImages, DockerUnits):
    """The `Scheduler` for one server, and its `Engine`."""

    name = DOCKER_LOCAL

    def __init__(self, docker: Docker, store: Store, settings: SettingsFile, probe: Probe, tasks: Tasks) -> None:
        super().__init__(docker)
        self.tasks = tasks
        self._store = store
        self._settings = settings
        self._giving = threading.Lock()
        self._probe = probe
        self._taken_away: deque[str] = deque(maxlen=REMEMBERED)
        # Restarted containers: only the next end of each is this server's doing.
        self._interrupted: deque[str] = deque(maxlen=REMEMBERED)
        self._asking = threading.Lock()
        self.before_removal: Callable[[str], None] = lambda container_id: None

    def _network(self, app_id: int) -> str:
        return container.network_of(app_id, self.instance)

    def version(self) -> str:
        return self._docker.version()

    def live_restore(self) -> bool:
        return self._docker.live_restore()

    def briefly(self) -> AbstractContextManager[None]:
        return briefly()

    def prepare(self, app: App) -> None:
        """Create the app's own network, with an explicit small range:

        Docker's own pools are exhausted after about 30 networks.
        """
        networks = self._docker.networks()
        if self._network(app.id) in networks:
            return

        given = self._store.apps.subnet(app)
        used = [ipaddress.ip_network(subnet) for ranges in networks.values() for subnet in ranges]
        routes = self._probe.routed_networks()
        used += [ipaddress.ip_network((network, bin(mask).count("1"))) for network, mask in routes]
        used += [ipaddress.ip_network(subnet) for subnet in self._store.apps.subnets() if subnet != given]
        pool = ipaddress.ip_network(self._settings.value("network-pool"))
        taken = [network for network in used if network.version == 4 and network.overlaps(pool)]

        for candidate in _ranges(pool, given):
            if any(candidate.overlaps(network) for network in taken):
                continue
            try:
                self._docker.create_network(self._network(app.id), str(candidate), app.id)
            except DockerError as error:
                if error.code != "network-overlap":
                    raise
                # Another program took the range since the list was read: try the next one.
                continue
            self._store.apps.set_subnet(app, str(candidate))
            return
        raise DockerError(
            f"no free network is left in {pool}",
            fix="Remove apps that are not needed, or set another pool: 'settings:set network-pool 10.64.0.0/12'.",
            code="no-network",
        )

    def port(self, app: App, process_type: str, index: int, slot: int) -> int:
        """Return the loopback port of the place: its own, or on first use the first free one of the range."""
        with self._giving:
            own = self._store.apps.port(app, process_type, index, slot)
            if own is not None and self._probe.port_is_free(own):
                return own
            low, high = self._settings.value("port-range")
            taken = self._store.apps.ports_taken()
            for port in _ports(low, high, self.instance):
                if port not in taken and self._probe.port_is_free(port):
                    self._store.apps.give_port(app, process_type, index, slot, port)
                    return port
        raise DockerError(
            f"no port from {low} to {high} is free",
            fix="'cleanup' takes back those of containers that were scaled away; or widen the range:"
            " 'settings:set port-range 20000-31999'.",
            code="no-port",
        )

    def plan(
        self,
        app: App,
        release: Release,
        quantities: Mapping[str, int],
        current: Collection[Replica],
        fresh: Collection[str] | None,
    ) -> Rollout:
        return rollout.plan(release, quantities, *self._standing(app, current), partial(self.port, app), fresh=fresh)

    def port_of(self, app: App, process_type: str, index: int, slot: int) -> int | None:
        return self._store.apps.port(app, process_type, index, slot)

    def start(
        self,
        app: App,
        release: Release,
        candidates: Sequence[Candidate],
        rev_variable: str,
        limits: ContainerLimits,
        check: Callable[[], None],
    ) -> list[Started]:
        def start_one(candidate: Candidate) -> str:
            return self._start(app, release, candidate, rev_variable, limits)

        return start_each(candidates, start_one, check)

    def _start(
        self, app: App, release: Release, candidate: Candidate, rev_variable: str, limits: ContainerLimits
    ) -> str:
        process, replica = candidate.process, candidate.replica
        spec = ContainerSpec(
            name=container.name_of(app, candidate, self.instance),
            image=release.image,
            argv=shell_line.argv(process.command) if process.command else None,
            environment=environment.for_process(
                release.environment, app.name, process, replica.index, release.version, release.commit, rev_variable
            ),
            labels=container.labels_of(app, candidate, release, self.instance),
            network=self._network(app.id),
            aliases=(f"{app.name}.{process.type}",),
            container_port=process.port,
            host_port=replica.port,
            protocol="udp" if process.protocol == "udp" else "tcp",
            stop_timeout=limits.stop_timeout,
            memory_limit=limits.memory,
            pids_limit=limits.pids,
            options=limits.options,
            log_max_size=limits.log_max_size,
        )
        container_id = self._docker.create(spec)
        self._docker.start(container_id)
        return container_id

    def revive(self, app: App, unit_id: str) -> None:
        self._docker.start(unit_id)

    def keep_running(self, started: Started) -> None:
        self._docker.keep_running(started.id)

    def inspect(self, container_id: str) -> Container | None:
        return self._docker.inspect(container_id)

    def containers(self, app: App | None = None) -> list[Container]:
        return self._docker.containers(app.id if app else None)

    def exec(self, container_id: str, argv: Sequence[str], timeout: float) -> tuple[int | None, str]:
        return self._docker.exec(container_id, argv, timeout)

    def restart(self, container_id: str, grace: int) -> None:
        self._interrupt(container_id)
        self._docker.restart(container_id, grace)

    def halt(self, app: App, unit_id: str, grace: int) -> None:
        self._interrupt(unit_id)
        self._docker.stop(unit_id, grace)

    def _interrupt(self, container_id: str) -> None:
        with self._asking:
            self._interrupted.append(container_id)

    def _asked(self, ending: Ending) -> bool:
        """Return True if this server caused it. A restarted container may crash later, which it did not cause."""
        with self._asking:
            if ending.container_id in self._taken_away:
                return True
            asked = not ending.removed and ending.container_id in self._interrupted
            if asked:
                self._interrupted.remove(ending.container_id)
            return asked

    def architecture(self) -> str:
        return self._docker.architecture

    def retire(self, app: App, unit_id: str, grace: int) -> None:
        self._stop(unit_id, grace)

    def _stop(self, container_id: str, grace: int) -> None:
        with self._asking:
            self._taken_away.append(container_id)
        self._docker.stop(container_id, grace)
        self.before_removal(container_id)
        self._docker.remove(container_id)

    def remove(self, container_id: str) -> None:
        # Its last line must be written before its log is archived.
        self._stop(container_id, 0)

    def log_file(self, container_id: str) -> Path | None:
        path = self._docker.log_path(container_id)
        return path if path and os.access(path, os.R_OK) else None

    def logs(self, container_id: str, tail: int | None) -> list[bytes]:
        return self._docker.logs(container_id, tail)

    def read_log(self, container_id: str, since: float) -> AbstractContextManager[Iterator[bytes]]:
        return self._docker.follow(container_id, None, since, follow=False)

    def follow(
        self, container_id: str, tail: int | None, since: float = 0.0, opened: Opened = lambda end: None
    ) -> AbstractContextManager[Iterator[bytes]]:
        return self._docker.follow(container_id, tail, since, opened=opened)

    @contextmanager
    def events(self) -> Iterator[Iterator[Ending]]:
        with self._docker.endings() as endings:
            yield (replace(ending, asked=self._asked(ending)) for ending in endings)

    def storage(self) -> Path | None:
        return self._docker.root_folder()

    def build_cache(self) -> BuildCache:
        return self._docker.build_cache()

    def prune_build_cache(self, keep: int) -> int:
        return self._docker.prune_build_cache(keep)

    def forget(self, app_id: int) -> None:
        there = list(self._docker.everything(app_id))
        with ThreadPoolExecutor(REMOVED_AT_ONCE, thread_name_prefix="forget") as pool:
            removals = [pool.submit(carried(partial(self._docker.remove, container_id))) for container_id in there]
        for removal in removals:
            removal.result()

    def clear(self, app_id: int) -> None:
        # Images that clients sent have no label of this instance.
        for name in self._docker.names_in(self._repository(app_id)):
            self._docker.remove_image(name)
        self._docker.remove_network(self._network(app_id))

    def networked(self) -> set[int]:
        found = (_NETWORK_NAME.fullmatch(name) for name in self._docker.own_networks())
        return {int(match[2]) for match in found if match and match[1] == self.instance[:6]}

    def teardown(self) -> list[str]:
        return remove_everything(self._docker)


def _ranges(pool: Any, given: str | None) -> Iterator[Any]:
    """Yield the app's previous range, then all of the pool."""
    if given:
        yield ipaddress.ip_network(given)
    yield from pool.subnets(new_prefix=max(NETWORK_PREFIX, pool.prefixlen))


def _ports(low: int, high: int, instance: str) -> Iterator[int]:
    """Yield the ports of the range, beginning at another one for each instance, so that instances don't compete."""
    size = high - low + 1
    first = zlib.crc32(instance.encode()) % size
    return (low + (first + offset) % size for offset in range(size))
