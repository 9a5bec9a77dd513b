"""Schedulers in memory pass the contract: one like Docker Engine on this server, and one like a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from contract.scheduler import EXITS, SchedulerContract
from fakes import Behaviour, Copies, Result, Server, eventually
from fakes.cluster import FakeCluster
from fakes.gates import Unexpected
from fakes.programs import Program
from paas.core.edge.vhost import VhostState
from paas.core.model import Container
from paas.releases import container_settings
from paas.server.watch import Watcher

PROCFILE = "web: ./web\nworker: ./work\n"
COMMAND = "show-release-and-exit-7"


def show(program: Program) -> int:
    """The command of the contract."""
    program.out(f"{program.environment['PAAS_RELEASE']}\n".encode())
    return 7


class MemoryRig:
    """A `Rig` of fakes."""

    def __init__(self, server: Server, cluster: FakeCluster | None) -> None:
        self.server = server
        self.cluster = cluster
        self.scheduler = cluster or server.scheduler
        self.watcher = Watcher(server.ctx)
        server.tasks.tell(COMMAND, show)
        if cluster is not None:
            server.run("apps:create hello")
            assert server.run("scheduler:set hello selected memory").status == 0
        assert self.deploy().status == 0

    def command(self, line: str) -> Result:
        return self.server.run(line)

    def deploy(self, *, files: Mapping[str, str] | None = None, **behavior: str) -> Result:
        for process_type, exits in (("web", None), ("worker", None), ("release", 0)):
            fails = behavior.get(process_type) == EXITS
            self.scheduler.tell(process_type, Behaviour(exits=1 if fails else exits))
        return self.server.try_deploy("hello", {"Procfile": PROCFILE, **(files or {})})

    def answers(self) -> set[str]:
        vhost = self.server.proxy.vhost("hello")
        assert vhost is not None
        if vhost.state is VhostState.STOPPED:
            return {"503"}
        found = {(address.host, address.port): None for address in vhost.upstreams}
        here = [*self.server.scheduler.here.values(), *(self.cluster.here.values() if self.cluster else ())]
        for running in here:
            endpoint = running.container.endpoint
            at = (endpoint.host, endpoint.port) if endpoint else ("127.0.0.1", running.published or 0)
            if at in found and running.up:
                found[at] = f"v{running.container.release}"
        lost = [at for at, release in found.items() if release is None]
        if lost:
            raise Unexpected(f"requests to {lost} are lost")
        return {release for release in found.values() if release}

    def _running(self) -> list[Container]:
        return [one for one in self.scheduler.containers() if one.status == "running"]

    def processes(self) -> list[str]:
        return sorted(f"{one.label} v{one.release}" for one in self._running())

    def ids(self) -> dict[str, str]:
        return {one.label: one.id for one in self._running()}

    def say(self, text: str) -> None:
        self.scheduler.write_last(self.ids()["web.1"], text)

    def crash(self, label: str) -> None:
        self.scheduler.crash(label)

    def lose(self, label: str) -> None:
        if self.cluster is not None:
            self.cluster.fail(self.cluster.of(label).container.node)
        else:
            self.server.scheduler.vanish(label)

    def heal(self) -> None:
        app = self.server.app()
        if self.cluster is not None:
            self.cluster.work()

        def healed() -> bool:
            self.watcher.look_at(app.id)
            self.watcher.tick()
            return len(self._running()) == 3 and self.server.ctx.jobs.idle()

        eventually(healed, "the end of the repair")
        self.watcher.tick()
        self.server.quiet()

    def leave_over(self) -> None:
        ctx, app = self.server.ctx, self.server.app()
        release = ctx.store.releases.deployed(app)
        plan = self.scheduler.plan(app, release, {"web": 1, "worker": 0}, (), None)
        limits = container_settings.of_release(ctx, app, release, ctx.store.properties.of(app))
        for one in self.scheduler.start(app, release, plan.start, "", limits, lambda: None):
            self.scheduler.inspect(one.id)

    def restart_server(self) -> None:
        self.server = self.server.killed(self.server.root.with_name(f"{self.server.root.name}-again"))
        self.scheduler = self.cluster or self.server.scheduler
        self.watcher = Watcher(self.server.ctx)
        self.server.repair()

    def left(self) -> list[str]:
        found = [one.name for one in self.scheduler.containers()]
        found += list(self.cluster.services) if self.cluster else []
        return found + [f"network {number}" for number in self.scheduler.networked()]


class TestDockerLocal(SchedulerContract):
    """The scheduler in memory that stands for Docker Engine on this server."""

    @pytest.fixture
    def rig(self, server: Server) -> MemoryRig:
        return MemoryRig(server, None)


class TestCluster(SchedulerContract):
    """A cluster of three machines in memory."""

    @pytest.fixture
    def rig(self, blank: Copies, tmp_path: Path) -> Iterator[MemoryRig]:
        server = Server(blank.make(tmp_path / "root"), cluster=True)
        yield MemoryRig(server, server.cluster)
        server.close()
