"""Logs: the last lines of much, and following a lot that comes."""

from __future__ import annotations

import select
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from bench import apps, waiting
from bench.programs import environment, run, timed
from bench.stats import Goal
from bench.work import Figure, Sample, Work

LINE_BYTES = 191
BURST = 200_000


class LogWork(Work):
    """The same image under the platform and by hand; both write the same lines."""

    app: str

    def set_up(self) -> None:
        ground = self.ground
        source = ground.source(apps.python_app(ground.base, "talks"))
        env = ground.git_environment()
        ground.succeed(f"apps:create {self.app}")
        # So that the engine keeps as much for both: the floor's container rotates nothing.
        ground.succeed(f"logs:set {self.app} max-size 1g")
        run(["git", "push", "-q", ground.server.url(self.app), "main"], folder=source.folder, env=env)
        self.container = ground.containers.api.containers(
            filters={"label": [f"paas.instance={ground.server.instance()}", f"paas.app={self.app}"]}
        )[0]
        self.hand = ground.containers.start(self.container["ImageID"], rotate=False)
        host, _, port = ground.containers.address(self.hand).partition(":")
        self.by_hand = (host, int(port))
        waiting.until(lambda: waiting.body(self.by_hand, "app"), "the app by hand")

    def say(self, address: tuple[str, int], lines: int) -> None:
        """The app writes so many lines, with their numbers from 0 on."""
        for _ in range(lines // 500_000):
            self._say(address, 500_000)
        if lines % 500_000:
            self._say(address, lines % 500_000)

    def _say(self, address: tuple[str, int], lines: int) -> None:
        run(["curl", "-sSf", "-m", "300", "-o", "/dev/null", "-H", f"Host: {self.app}.localhost",
             f"http://{address[0]}:{address[1]}/lines/{lines}"])  # fmt: skip

    def tear_down(self) -> None:
        # First: it has the labels of the app's image, by which the platform would remove it.
        self.ground.containers.remove(self.hand)
        self.ground.succeed(f"apps:destroy --force {self.app}")


class Tail(LogWork):
    """The last 1,000 lines."""

    key = "logs"
    title = "`logs -n 1000` of an app with 1 GB of logs"
    floor_title = "`docker logs -n 1000`"
    figures = (Figure("seconds", "time", goal=Goal("at most", 1.2)),)
    app = "talker"

    def set_up(self) -> None:
        super().set_up()
        size = 50_000_000 if self.size.quick else 1_000_000_000
        # The app's own address, so that nginx's time limit for a response has no part in it.
        networks = self.container["NetworkSettings"]["Networks"].values()
        for address in ((next(iter(networks))["IPAddress"], 5000), self.by_hand):
            self.say(address, size // LINE_BYTES)
        self.notes.append(f"{size // 1_000_000} MB were written to each, with `logs:set max-size 1g`.")

    def ours(self) -> Sample:
        return {"seconds": timed(self.ground.ssh(f"logs {self.app} -n 1000"), folder=self.ground.folder)}

    def floor(self) -> Sample:
        return {"seconds": timed([self.ground.docker, "logs", "-n", "1000", self.hand])}


class Follow(LogWork):
    """Lines that come as fast as the app writes them, read by one who follows."""

    key = "logs-t"
    title = "`logs -t`: lines a second to one who follows"
    floor_title = "`docker logs -f`"
    figures = (Figure("rate", "lines/s", "lines/s", Goal("at least", 0.9)),)
    app = "chatty"

    def _follow(self, argv: Sequence[str], folder: Path, address: tuple[str, int]) -> float:
        count = BURST // 4 if self.size.quick else BURST
        last = f"{count - 1:09d} ".encode()
        process = subprocess.Popen(
            argv, cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            # One line first: who follows is there once it has come.
            self._await(process, address)
            began = time.perf_counter()
            self.say(address, count)
            while (line := process.stdout.readline()) and last not in line:
                pass
            if not line:
                raise RuntimeError("the log ended early")
            return count / (time.perf_counter() - began)
        finally:
            process.kill()
            process.communicate()

    def _await(self, process: subprocess.Popen[bytes], address: tuple[str, int]) -> None:
        assert process.stdout is not None
        deadline = time.monotonic() + 30
        seen = False
        while not seen and time.monotonic() < deadline:
            self.say(address, 1)
            seen = bool(select.select([process.stdout], [], [], 0.1)[0])
        if not seen:
            raise TimeoutError("nothing came of the log")

    def ours(self) -> Sample:
        ground = self.ground
        networks = self.container["NetworkSettings"]["Networks"].values()
        address = (next(iter(networks))["IPAddress"], 5000)
        return {"rate": self._follow(ground.ssh(f"logs {self.app} -t -n 0"), ground.folder, address)}

    def floor(self) -> Sample:
        argv = [self.ground.docker, "logs", "--follow", "--timestamps", "--tail", "0", self.hand]
        return {"rate": self._follow(argv, self.ground.folder, self.by_hand)}
