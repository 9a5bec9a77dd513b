"""Docker Engine on this server passes the contract of schedulers, with the real nginx and the real git."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import listings
import pytest
from instance import LABEL, Server, eventually, left_in_engine

from contract.scheduler import EXITS, SchedulerContract
from fakes import Result
from paas.core.model import Container
from paas.schedulers.docker.api import Docker

pytestmark = pytest.mark.real("docker", "git", "nginx", "ssh")

WEB = """\
import http.server, os, urllib.parse
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/say/"):
            print(urllib.parse.unquote(self.path[5:]), flush=True)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ["PAAS_RELEASE"].encode())
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
"""
DOCKERFILE = """\
FROM {stack}
RUN apt-get update && apt-get install -y --no-install-recommends python3

WORKDIR /app
COPY --chmod=755 show-release-and-exit-7 /usr/local/bin/
COPY . .
"""
GONE = ("retiring", "starting")


class DockerRig:
    """A `Rig` of a whole instance."""

    def __init__(self, server: Server, folder: Path, stack: str) -> None:
        self.server = server
        self.folder = folder
        self.docker = Docker(server.instance())
        folder.mkdir()
        (folder / "Dockerfile").write_text(DOCKERFILE.format(stack=stack))
        (folder / "web.py").write_text(WEB)
        (folder / "show-release-and-exit-7").write_text("#!/bin/sh\necho $PAAS_RELEASE\nexit 7\n")
        pushed = self.deploy()
        assert pushed.status == 0, pushed.err

    def command(self, line: str) -> Result:
        done = Result(*self.server.paas(line))
        self._quiet()
        return done

    def _quiet(self) -> None:
        def quiet() -> bool:
            report = self.server.paas("ps hello --format json")
            return report.status != 0 or not any(row["state"] in GONE for row in json.loads(report.out))

        eventually(quiet)

    def deploy(self, *, files: Mapping[str, str] | None = None, **behavior: str) -> Result:
        worker = "sh -c 'exit 1'" if behavior.get("worker") == EXITS else "sleep 100000"
        migrate = "sh -c 'exit 1'" if behavior.get("release") == EXITS else "true"
        given = {"Procfile": "web: ./web\nworker: ./work\n", **(files or {})}
        words = {"./web": "python3 web.py", "./work": worker, "./migrate": migrate}
        for word, command in words.items():
            given["Procfile"] = given["Procfile"].replace(word, command)
        (self.folder / "paas.yml").unlink(missing_ok=True)
        for name, text in given.items():
            (self.folder / name).write_text(text)
        pushed = Result(*self.server.git_push(self.folder, "hello"))
        self._quiet()
        return pushed

    def answers(self) -> set[str]:
        found = [self.server.get("hello") for _ in range(20)]
        return {answer.body if answer.status == 200 else str(answer.status) for answer in found}

    def _running(self) -> list[Container]:
        return [one for one in self.docker.containers() if one.status == "running"]

    def processes(self) -> list[str]:
        return sorted(f"{one.label} v{one.release}" for one in self._running())

    def ids(self) -> dict[str, str]:
        return {one.label: one.id for one in self._running()}

    def say(self, text: str) -> None:
        assert self.server.get("hello", f"/say/{quote(text)}").status == 200

    def crash(self, label: str) -> None:
        found = self.docker.inspect(self.ids()[label])
        assert found is not None
        os.kill(found.pid, signal.SIGKILL)
        eventually(lambda: (now := self.docker.inspect(found.id)) is None or now.pid != found.pid)

    def lose(self, label: str) -> None:
        self.docker.remove(self.ids()[label])

    def heal(self) -> None:
        eventually(lambda: len(self._running()) == 3)
        eventually(lambda: self.answers() == {"v1"})

    def leave_over(self) -> None:
        of_instance = listings.containers(f"{LABEL}={self.docker.instance}")
        [web] = [one for one in of_instance if one["Id"] == self.ids()["web.1"]]
        labels = {**web["Labels"], "paas.slot": "7"}
        made = self.docker.client.create_container(web["ImageID"], ["sleep", "100000"], name="left-over", labels=labels)
        self.docker.start(made["Id"])

    def restart_server(self) -> None:
        self.server.kill9()
        self.server.start()
        self._quiet()

    def left(self) -> list[str]:
        instance = self.server.instance()
        eventually(lambda: not left_in_engine(instance))
        return left_in_engine(instance)


class TestDockerLocal(SchedulerContract):
    """The suite, on one instance; each test has a new app."""

    @pytest.fixture
    def rig(self, instance: Server, stack: str, tmp_path: Path) -> Iterator[DockerRig]:
        yield DockerRig(instance, tmp_path / "code", stack)
        instance.paas("apps:destroy --force hello")
