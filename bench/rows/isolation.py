"""What building apart from the host costs: the same pushes to two instances, one with ``build-isolation rootless``."""

from __future__ import annotations

import threading
from pathlib import Path

from instance import Server

from bench import apps, waiting
from bench.apps import Source
from bench.ground import answers
from bench.programs import run
from bench.stats import Goal
from bench.work import Figure, Sample, Work
from paas.builders import image_transfer
from paas.builders.rootless import Rootless
from paas.schedulers.docker.api import Docker

BUILDER_USER = Path(__file__).resolve().parents[2] / "scripts" / "builder-user"
MADE = "RUN head -c 60000000 /dev/urandom > /data # {number}\n"
"""A step whose layer has 60 MB, different each time."""


class IsolatedPush(Work):
    """A change of the code, and the first build of an app with a layer of its own."""

    key = "isolation"
    title = "push → live, built apart from the host (build-isolation rootless)"
    floor_title = "the same without isolation"
    figures: tuple[Figure, ...] = (
        Figure("change", "code-only change", goal=Goal("absolute", 2.5)),
        Figure("first", "first build, a layer of 60 MB among it", goal=Goal("absolute", 6.0)),
    )

    def set_up(self) -> None:
        run([str(BUILDER_USER)], timeout=600)
        self.number = 0
        self.apart, self.usual = self.ground.new_server(), self.ground.new_server()
        self.ground.succeed("settings:set build-isolation rootless", self.apart)
        builder = Rootless(self.apart.root, "", list, list)
        # The base image is on no registry.
        waiting.until(lambda: (builder.run / "docker.sock").is_socket(), "the builder")
        builder.start()
        image_transfer.lend(Docker(""), builder.docker, self.ground.base, threading.Event())
        self.sources = {server: self.ground.source(self.files(server)) for server in (self.apart, self.usual)}

    def files(self, server: Server) -> dict[str, str]:
        """An app with a layer of its own."""
        files = apps.python_app(self.ground.base)
        made = MADE.format(number=f"{self.number} {server.http_port}")
        return {**files, "Dockerfile": files["Dockerfile"].replace("WORKDIR", f"{made}WORKDIR")}

    def ours(self) -> Sample:
        self.number += 1
        return self._both(self.apart)

    def floor(self) -> Sample:
        return self._both(self.usual)

    def _both(self, server: Server) -> Sample:
        name = f"first{self.number}"
        first = self._push(server, name, self.ground.source(self.files(server)))
        self.ground.succeed(f"apps:destroy --force {name}", server)
        return {"change": self._push(server, "kept", self.sources[server]), "first": first}

    def _push(self, server: Server, app: str, source: Source) -> float:
        text = f"release-{self.number:04d}"
        source.commit({"web.py": apps.PYTHON.replace("TEXT", text)})
        env = {**self.ground.git_environment(), "GIT_SSH_COMMAND": server.git_environment()["GIT_SSH_COMMAND"]}
        address = self.ground.address(server)
        live, _ = waiting.live_after(
            ["git", "push", "-q", server.url(app), "main"], env, source.folder,
            lambda: answers(address, f"{app}.localhost", text),
        )  # fmt: skip
        return live

    def tear_down(self) -> None:
        for server in (self.apart, self.usual):
            self.ground.succeed("apps:destroy --force kept", server)
