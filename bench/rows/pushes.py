"""``git push`` until the new release is live."""

from __future__ import annotations

import shutil
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from bench import apps, processes, waiting
from bench.apps import Source
from bench.ground import answers
from bench.programs import run
from bench.stats import Goal
from bench.work import Figure, Sample, Work

ENGINE = ("docker build", "creating a container", "starting a container")


class CodePush(Work):
    """One line of a small app changes."""

    key = "push"
    title = "push → live, code-only change of a small Dockerfile app"
    floor_title = "post-receive script over OpenSSH"
    figures: tuple[Figure, ...] = (
        Figure("live", "push → live", goal=Goal("at most", 0.8)),
        Figure("returned", "push → git returns"),
        Figure("share", "of that ours: all but build, create, start, the app's own start", goal=Goal("absolute", 0.15)),
    )
    app = "code"

    def set_up(self) -> None:
        self.number = 0
        self.source = self.make_source()
        self.repository = self.ground.repository(self.app)
        self.app_start = self.start_of_the_app()
        self.extra["app start"] = self.app_start

    def make_source(self) -> Source:
        """What is pushed at first."""
        return self.ground.source(apps.python_app(self.ground.base))

    def change(self) -> str:
        """Commits a change; the text that its release answers with."""
        self.number += 1
        text = f"release-{self.number:04d}"
        self.source.commit({"web.py": apps.PYTHON.replace("TEXT", text)})
        return text

    def start_of_the_app(self) -> float:
        """The seconds from the engine's word that the container runs until the app answers, by hand."""
        containers, env = self.ground.containers, self.ground.git_environment()
        tag = f"{self.ground.base.rpartition(':')[0]}-{self.app}:{self.ground.id}"
        build = [self.ground.docker, "build", "--quiet", "--label", containers.label, "--tag", tag, "."]
        run(build, folder=self.source.folder, env={**env, "DOCKER_BUILDKIT": "1"})
        seconds = []
        for _ in range(5):
            container = containers.start(tag)
            began = time.perf_counter()
            host, _, port = containers.address(container).partition(":")
            answers_now = partial(waiting.body, (host, int(port)), "app")
            seconds.append(waiting.until(answers_now, "the app") - began)
            containers.remove(container)
        return statistics.median(seconds)

    def ours(self) -> Sample:
        text, address = self.change(), self.ground.address()
        live, returned = waiting.live_after(
            ["git", "push", "-q", self.ground.server.url(self.app), "main"], self.ground.git_environment(),
            self.source.folder, lambda: answers(address, f"{self.app}.localhost", text),
        )  # fmt: skip
        trace = self.ground.trace(self.app)
        self.extra["trace"] = trace
        engine = sum(span["ms"] for span in trace["spans"] if span["name"] in ENGINE) / 1000
        return {"live": live, "returned": returned, "share": live - engine - self.app_start}

    def floor(self) -> Sample:
        text = self.change()
        address = ("127.0.0.1", self.ground.nginx.port)
        live, returned = waiting.live_after(
            ["git", "push", "-q", self.ground.floor_url(self.repository.path), "main"], self.ground.git_environment(),
            self.source.folder, lambda: answers(address, self.repository.host, text),
        )  # fmt: skip
        return {"live": live, "returned": returned}

    def tear_down(self) -> None:
        self.ground.succeed(f"apps:destroy --force {self.app}")


class LargePush(CodePush):
    """The same with many files that do not change."""

    key = "push-large"
    title = "the same, 2,000 files / 50 MB"
    floor_title = "the script with a kept work tree"
    figures = (
        Figure("live", "push → live", goal=Goal("at most", 1.0)),
        Figure("returned", "push → git returns"),
    )
    app = "large"

    def make_source(self) -> Source:
        source = self.ground.source(apps.python_app(self.ground.base))
        apps.bulk(source.folder / "data", 2000, 25_000)
        source.commit({})
        return source


class FirstPush(Work):
    """A history that the server does not have, stored and not deployed."""

    key = "history"
    title = "first push of a 40 MB history"
    floor_title = "OpenSSH + C git receive-pack"
    figures = (
        Figure("seconds", "time", goal=Goal("at most", 1.5)),
        Figure("grown", "peak memory of the server's processes above that at rest", "MB", goal=Goal("at most", 2.0)),
        Figure("peak", "the same including their memory at rest", "MB"),
    )

    def set_up(self) -> None:
        self.folder = self.ground.folder / "history.git"
        commits = 400 if self.size.quick else 2000
        apps.history(self.folder, commits, 20_000)
        self.notes.append(f"{commits} commits, {commits * 20_000 // 1_000_000} MB.")
        self.number = 0
        self.notes.append("At rest the daemon has all of the platform in memory, the sshd little more than its socket.")

    def _push(self, url: str, server: int) -> Sample:
        env = self.ground.git_environment()
        with processes.PeakMemory(server) as memory:
            began = time.perf_counter()
            run(["git", "push", "-q", url, "main:refs/heads/history"], folder=self.folder, env=env)
            seconds = time.perf_counter() - began
        return {"seconds": seconds, "peak": memory.peak / 1e6, "grown": (memory.peak - memory.rest) / 1e6}

    def ours(self) -> Sample:
        self.number += 1
        name = f"history{self.number}"
        self.ground.succeed(f"apps:create {name}")
        self.ground.succeed(f"git:set {name} deploy-branch main")
        assert self.ground.server.daemon is not None
        try:
            return self._push(self.ground.server.url(name), self.ground.server.daemon.pid)
        finally:
            self.ground.succeed(f"apps:destroy --force {name}")

    def floor(self) -> Sample:
        path = self.ground.folder / f"floor-history{self.number}.git"
        run(["git", "init", "-q", "--bare", "-b", "main", str(path)])
        try:
            return self._push(self.ground.floor_url(path), self.ground.sshd.pid)
        finally:
            shutil.rmtree(path)


class ManyClients(Work):
    """Ten people push an app each, and again another one."""

    key = "clients"
    title = "100 apps pushed by 10 clients"
    floor_title = "the script, one push after the other"
    figures = (
        Figure("rate", "apps deployed", "apps/min", goal=Goal("at least", 1.5)),
    )
    repeat = 1
    warm_up = 0

    def set_up(self) -> None:
        self.count = 20 if self.size.quick else 100
        self.server = self.ground.new_server()
        self.sources = [
            self.ground.source(apps.python_app(self.ground.base, f"app-{number}")) for number in range(self.count)
        ]
        if self.count != 100:
            self.notes.append(f"With {self.count} apps.")

    def ours(self) -> Sample:
        env = {**self.ground.git_environment(), "GIT_SSH_COMMAND": self.server.git_environment()["GIT_SSH_COMMAND"]}

        def push(number: int) -> None:
            url = self.server.url(f"many{number}")
            run(["git", "push", "-q", url, "main"], folder=self.sources[number].folder, env=env)

        began = time.perf_counter()
        with ThreadPoolExecutor(10) as clients:
            list(clients.map(push, range(self.count)))
        return {"rate": self.count / (time.perf_counter() - began) * 60}

    def floor(self) -> Sample:
        repositories = [self.ground.repository(f"many{number}") for number in range(self.count)]
        env = self.ground.git_environment()
        began = time.perf_counter()
        for number, repository in enumerate(repositories):
            url = self.ground.floor_url(repository.path)
            run(["git", "push", "-q", url, "main"], folder=self.sources[number].folder, env=env)
        return {"rate": self.count / (time.perf_counter() - began) * 60}

    def tear_down(self) -> None:
        self.server.close()
        for path in (self.ground.folder / "repositories").glob("*many*.container"):
            self.ground.containers.remove(path.read_text().strip())
