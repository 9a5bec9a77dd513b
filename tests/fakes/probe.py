"""The host's network, as far as containers in memory have one."""

from __future__ import annotations

import os
from collections.abc import Mapping

from fakes.cluster import FakeCluster
from fakes.containers import FakeScheduler
from fakes.processes import Behaviour
from paas.core.containers.tcp_table import Listener
from paas.core.edge.address import Address
from paas.core.health.outcome import Answer
from paas.system.probe import Probe


class FakeProbe(Probe):
    """Sees the sockets of a `FakeScheduler`'s containers. ``requests`` has the port and Host of each request that it
    sent, ``headers`` all of its headers. ``own_ports`` are those of the server itself, which answers after the line
    ``expected`` alone. ``unaccepted`` are clients whose connections no container accepts."""

    def __init__(self, scheduler: FakeScheduler, cluster: FakeCluster | None = None) -> None:
        self.requests: list[tuple[int, str]] = []
        self.headers: list[dict[str, str]] = []
        self.own_ports = {2222, 8080, 8443}
        self.expected = b""
        self.unaccepted: set[str] = set()
        self._scheduler = scheduler
        self._cluster = cluster

    def listeners(self, pid: int) -> frozenset[Listener]:
        if pid == os.getpid():
            # The server itself sees what listens on the host.
            return frozenset(Listener(port, True) for port in self._scheduler.ports_in_use() | self.own_ports)
        for running in list(self._scheduler.here.values()):
            if running.container.pid == pid and running.up and running.ready:
                port = running.behaviour.port if running.behaviour.port is not None else running.port
                return frozenset({Listener(port, running.behaviour.loopback)}) if port else frozenset()
        return frozenset()

    def waiting(self, pid: int, container_id: str, port: int) -> frozenset[str] | None:
        found = self._scheduler.here.get(container_id)
        return frozenset(self.unaccepted) if found and found.container.pid == pid else None

    def get(
        self,
        address: str,
        port: int,
        path: str,
        headers: Mapping[str, str],
        timeout: float,
        *,
        body: bool = False,
        before: bytes = b"",
    ) -> Answer | str:
        self.requests.append((port, headers["Host"]))
        self.headers.append(dict(headers))
        if port in self.own_ports:
            return Answer(404) if before == self.expected else "the connection was reset"
        elsewhere = self._cluster.at_address(Address(address, port)) if self._cluster else None
        if elsewhere is not None:
            does = elsewhere.behaviour
            return _answer(does, path, body=body) if elsewhere.ready else "[Errno 111] Connection refused"
        for running in list(self._scheduler.here.values()):
            if port in (running.published, running.behaviour.port) and running.up:
                return _answer(running.behaviour, path, body=body)
        return "[Errno 111] Connection refused"

    def port_is_free(self, port: int) -> bool:
        return port not in self._scheduler.ports_in_use()

    def address_is_free(self, protocol: str, address: str, port: int) -> bool:
        return port not in self.own_ports | self._scheduler.ports_in_use()

    def routed_networks(self) -> list[tuple[int, int]]:
        return []


def _answer(does: Behaviour, path: str, *, body: bool) -> Answer | str:
    answer = does.answers.get(path, does.answer)
    return Answer(answer, does.body if body else "") if isinstance(answer, int) else answer
