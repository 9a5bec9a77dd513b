"""Many who follow logs at once, one of them that of an app that writes a lot."""

from __future__ import annotations

import select
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

# Of tests/real, as in bench.ground.
import api_daemon
from instance import Server

from bench import apps, processes, waiting
from bench.programs import environment, run
from bench.stats import Goal
from bench.work import Figure, Sample, Work

RATE = 20_000
SECONDS = 10
LONG = 1_000_000
GARBAGE = b"\x00\x1b[2Jgarbage"
GAP = b"[lines are missing here"
END = b"the end"


class Follower:
    """``logs -t`` under way: of the numbered lines how many came, and what else did."""

    def __init__(self, argv: Sequence[str], folder: Path) -> None:
        self.numbers: set[bytes] = set()
        self.lines = self.gaps = 0
        self.long = self.garbage = False
        self.ended = threading.Event()
        self.ended_at = 0.0
        self._process = subprocess.Popen(
            argv, cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines += 1
            if line[:9].isdigit():
                self.numbers.add(line[:9])
            elif len(line) > LONG:
                self.long = True
            elif GARBAGE in line or b"garbage" in line:
                self.garbage = True
            elif line.startswith(GAP):
                self.gaps += 1
            elif line.startswith(END):
                self.ended_at = time.monotonic()
                self.ended.set()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._thread.join(10)


class Followers(Work):
    """50 apps are followed, each by one; one of them writes 20,000 lines a second, the others a line a second."""

    key = "followers"
    title = "50 × `logs -t` of 50 apps, one of which writes 20,000 lines/s for 10 s, and a line of 1 MB"
    figures = (
        Figure("lost", "lost lines", "lines", Goal("absolute", 0)),
        Figure("gaps", "reported gaps", "gaps"),
        Figure("cpu", "processor time of the daemon", "s"),
        Figure("memory", "its memory, above that at rest", "MB", Goal("absolute", 100)),
        Figure("lag", "until the last line arrived", "s"),
    )
    repeat = 3
    warm_up = 0
    program: tuple[str, ...] = ()

    def set_up(self) -> None:
        ground = self.ground
        self.server: Server = ground.new_server(program=self.program)
        source = ground.source(apps.python_app(ground.base, "talks"))
        ground.succeed("apps:create busy", self.server)
        run(["git", "push", "-q", self.server.url("busy"), "main"], folder=source.folder,
            env=environment(GIT_SSH_COMMAND=self.server.git_environment()["GIT_SSH_COMMAND"]))  # fmt: skip
        others = 9 if self.size.quick else 49
        ground.succeed(f"apps:clone busy quiet --count {others}", self.server)
        self.names = ["busy", *(f"quiet{number}" for number in range(1, others + 1))]
        found = ground.containers.api.containers(filters={"label": f"paas.instance={self.server.instance()}"})
        self.addresses = {
            row["Labels"]["paas.app"]: (next(iter(row["NetworkSettings"]["Networks"].values()))["IPAddress"], 5000)
            for row in found
        }
        self.notes.append("The clients are `ssh` programs on the same machine.")

    def _ask(self, app: str, path: str) -> None:
        host, port = self.addresses[app]
        run(["curl", "-sSf", "-m", "120", "-o", "/dev/null", f"http://{host}:{port}{path}"])

    def ours(self) -> Sample:
        assert self.server.daemon is not None
        pid = self.server.daemon.pid
        with processes.PeakMemory(pid) as memory:
            followers = {
                name: Follower(self.ground.ssh(f"logs {name} -t -n 0 --source app -q", self.server), self.ground.folder)
                for name in self.names
            }
            try:
                return self._measure(pid, followers) | {"memory": (memory.peak - memory.rest) / 1e6}
            finally:
                for one in followers.values():
                    one.close()

    def _measure(self, pid: int, followers: dict[str, Follower]) -> dict[str, float]:
        for name, one in followers.items():
            self._attach(name, one)
        busy = followers["busy"]
        before = {name: one.lines for name, one in followers.items()}
        busy.numbers.clear()
        busy.ended.clear()
        used = processes.processor_seconds(pid)
        written: list[float] = []

        def write() -> None:
            self._ask("busy", f"/paced/{RATE}/{SECONDS}")
            written.append(time.monotonic())

        writing = threading.Thread(target=write, daemon=True)
        writing.start()
        said, quiet = 0, self.names[1:]
        began = time.monotonic()
        while writing.is_alive():
            for name in quiet:
                self._ask(name, "/lines/1")
            said += 1
            select.select([], [], [], max(0.0, began + said - time.monotonic()))
        busy.ended.wait(60)
        lag = max(0.0, busy.ended_at - written[0])
        waiting.until(lambda: all(followers[name].lines >= before[name] + said for name in quiet), "the others", 30)
        lost = RATE * SECONDS - len(busy.numbers) + (not busy.long) + (not busy.garbage)
        lost += sum(before[name] + said - followers[name].lines for name in quiet)
        return {"lost": lost, "gaps": busy.gaps, "cpu": processes.processor_seconds(pid) - used, "lag": lag}

    def _attach(self, name: str, one: Follower) -> None:
        """Says lines until the first comes, and waits until no more do."""
        said = 0

        def came() -> bool:
            nonlocal said
            self._ask(name, "/lines/1")
            said += 1
            select.select([], [], [], 0.1)
            return one.lines > 0

        waiting.until(came, f"the follower of {name}", 60)
        seen = -1
        while seen != one.lines:
            seen = one.lines
            select.select([], [], [], 0.3)

    def tear_down(self) -> None:
        self.server.close()


class FollowersOverApi(Followers):
    """The same where the daemon may not read the engine's files."""

    key = "followers-api"
    title = "the same through the engine's API, where the daemon is not root"
    program = (sys.executable, str(Path(api_daemon.__file__).resolve()))
