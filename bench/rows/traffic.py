"""Requests through the edge to an app."""

from __future__ import annotations

import re

from bench import apps, waiting
from bench.ground import answers
from bench.programs import run
from bench.stats import Goal
from bench.work import Figure, Sample, Work

CONNECTIONS = 32
_SCALE = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


class Requests(Work):
    """Through the platform's nginx, and through a hand-written one straight to the container's own address."""

    key = "requests"
    title = "requests through the platform's nginx to an app"
    floor_title = "hand-written nginx straight to the container's own address"
    figures = (
        Figure("kept", "requests/s, kept connections", "requests/s", Goal("at least", 0.95)),
        Figure("kept-p99", "p99, kept connections", "s", Goal("at most", 1 / 0.95)),
        Figure("new", "requests/s, a connection each", "requests/s", Goal("at least", 0.95)),
        Figure("new-p99", "p99, a connection each", "s", Goal("at most", 1 / 0.95)),
        # What is the platform's own: both go the way that the engine offers.
        Figure("port-kept", "the hand-written one over the same published port: requests/s, kept", "requests/s"),
        Figure("port-kept-p99", "p99", "s"),
        Figure("port-new", "requests/s, a connection each", "requests/s"),
        Figure("port-new-p99", "p99", "s"),
    )
    app = "busy"

    def set_up(self) -> None:
        ground = self.ground
        source = ground.source(apps.nginx_app(ground.base, "quick"))
        env = ground.git_environment()
        run(["git", "push", "-q", ground.server.url(self.app), "main"], folder=source.folder, env=env)
        self.host = f"{self.app}.localhost"
        # The same container behind both: only the way to it differs.
        container = ground.containers.api.containers(
            filters={"label": [f"paas.instance={ground.server.instance()}", f"paas.app={self.app}"]}
        )[0]
        networks = container["NetworkSettings"]["Networks"].values()
        address = next(iter(networks))["IPAddress"]
        port = next(port["PublicPort"] for port in container["Ports"] if "PublicPort" in port)
        self.published = f"published.{self.host}"
        ground.nginx.write(self.app, f"{address}:5000", self.host)
        ground.nginx.write(f"{self.app}-published", f"127.0.0.1:{port}", self.published)
        ground.nginx.reload()
        for host in (self.host, self.published):
            waiting.until(lambda host=host: answers(("127.0.0.1", ground.nginx.port), host, "quick"), "the app by hand")
        if self._userland_proxy(container["Ports"]):
            self.notes.append(
                "This engine forwards published ports with its userland proxy; an engine that the installer sets up "
                "does not (`userland-proxy: false`)."
            )
        else:
            self.notes.append("On an engine without userland proxy, as the installer sets one up.")

    def _userland_proxy(self, ports: list[dict[str, int]]) -> bool:
        wanted = {str(port["PublicPort"]) for port in ports if "PublicPort" in port}
        lines = run(["ps", "-eo", "args"]).splitlines()
        return any("docker-proxy" in line and wanted & set(line.split()) for line in lines)

    def _load(self, port: int, host: str) -> Sample:
        kept, new = (self._wrk(port, host, header) for header in ("keep-alive", "close"))
        return {"kept": kept[0], "kept-p99": kept[1], "new": new[0], "new-p99": new[1]}

    def _wrk(self, port: int, host: str, connection: str) -> tuple[float, float]:
        seconds = 1 if self.size.quick else 2
        said = run(
            ["wrk", "--threads=1", f"--connections={CONNECTIONS}", f"--duration={seconds}s", "--latency",
             "-H", f"Host: {host}", "-H", f"Connection: {connection}", f"http://127.0.0.1:{port}/"]
        )  # fmt: skip
        rate, p99 = re.search(r"Requests/sec:\s+([\d.]+)", said), re.search(r"99%\s+([\d.]+)(us|ms|s|m)\b", said)
        if rate is None or p99 is None or "Non-2xx" in said:
            raise RuntimeError(f"wrk said: {said}")
        return float(rate[1]), float(p99[1]) * _SCALE[p99[2]]

    def ours(self) -> Sample:
        sample = self._load(self.ground.server.http_port, self.host)
        return sample | {f"port-{key}": value for key, value in sample.items()}

    def floor(self) -> Sample:
        straight, published = (self._load(self.ground.nginx.port, host) for host in (self.host, self.published))
        return straight | {f"port-{key}": value for key, value in published.items()}

    def tear_down(self) -> None:
        self.ground.succeed(f"apps:destroy --force {self.app}")
