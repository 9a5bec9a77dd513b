"""One-off containers in memory: their commands are functions of a test."""

from __future__ import annotations

import hashlib
import math
import shlex
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from fakes import programs
from fakes.containers import FakeScheduler
from fakes.gates import Unexpected
from fakes.processes import Running
from fakes.programs import HUNG_UP, KILLED, TERMINATED, Program, Work
from paas.core.errors import CommandNotFound, DockerError
from paas.core.runs import oneoff
from paas.core.runs.oneoff import Task, TaskSpec
from paas.schedulers.container_stream import ContainerStream


class FakeTasks:
    """A `Tasks`. A command line that was not defined with `tell` is refused, as are unknown images.

    ``stubborn`` commands ignore SIGTERM and SIGHUP. ``specs`` has the created containers, in order; ``end`` is the time
    at which all ended ones did, in seconds since 1970.
    """

    def __init__(self, scheduler: FakeScheduler) -> None:
        self.instance = scheduler.instance
        self.specs: list[TaskSpec] = []
        self.engine_down = False
        self.grace: list[int] = []
        self.end = math.inf
        self.elsewhere: Mapping[str, Running] = {}
        self._scheduler = scheduler
        scheduler.programs = self._here_or_none
        self._works: dict[str, Work] = {"sleep infinity": Program.forever}
        self._here: dict[str, Program] = {}
        self._started: set[str] = set()
        self._lock = threading.RLock()

    # What tests say and ask

    def tell(self, line: str, work: Work) -> None:
        """Define what the command line does, in its own container or in a running one."""
        self._works[line] = work

    def take_over(self, other: FakeTasks) -> None:
        """Take over the containers of a killed daemon."""
        self.engine_down = other.engine_down
        self._works.update(other._works)
        self._here.update(other._here)
        self._started |= other._started

    def program(self, name: str) -> Program:
        """Return the command in the container of that name, without the instance."""
        for program in list(self._here.values()):
            if program.spec is not None and program.spec.name.rpartition("-")[0] == name:
                return program
        raise Unexpected(f"there is no container {name}; there are {self.names()}")

    def names(self) -> list[str]:
        """Return the names of existing containers, without the instance, sorted."""
        # A list, because the platform's threads create and remove meanwhile.
        here = list(self._here.values())
        return sorted(one.spec.name.rpartition("-")[0] for one in here if one.spec is not None)

    def end_all(self) -> None:
        """End all commands, as with Docker itself."""
        for program in list(self._here.values()):
            program.signal(KILLED)

    def _here_or_none(self, container_id: str) -> Program | None:
        return self._here.get(container_id)

    # What Tasks do

    def create(self, spec: TaskSpec) -> str:
        self._answer()
        line = shlex.join(spec.argv) if spec.argv is not None else ""
        if line not in self._works:
            raise Unexpected(f"nobody told what {line!r} does")
        if spec.image not in self._scheduler.images:
            raise Unexpected(f"{spec.name} was created from an image that is gone")
        with self._lock:
            if any(one.spec is not None and one.spec.name == spec.name for one in self._here.values()):
                raise Unexpected(f"there are two containers {spec.name}")
            self.specs.append(spec)
            container_id = hashlib.sha256(f"task {len(self.specs)} {spec.name}".encode()).hexdigest()
            self._scheduler.learn(container_id)
            self._here[container_id] = Program(spec, spec.environment, terminal=spec.terminal is not None)
        return container_id

    def attach(self, container_id: str, *, terminal: bool) -> ContainerStream:
        program = self._here[container_id]
        if terminal != program.terminal or container_id in self._started:
            raise Unexpected(f"{container_id[:12]} was attached too late, or as if its terminal was another")
        return program.connect()

    def start(self, container_id: str) -> None:
        self._answer()
        program = self._here[container_id]
        assert program.spec is not None
        line = shlex.join(program.spec.argv) if program.spec.argv is not None else ""
        if line.startswith("missing"):
            raise CommandNotFound("the command could not be started", why=f"{line}: no such file")
        with self._lock:
            self._started.add(container_id)
        threading.Thread(target=program.run, args=(self._works[line],), name=line, daemon=True).start()

    def resize(self, container_id: str, columns: int, rows: int) -> None:
        program = self._here.get(container_id)
        if program is not None:
            programs.resize(program, columns, rows)

    def wait(self, container_id: str) -> int | None:
        self._answer()
        program = self._here.get(container_id)
        if program is None:
            return None
        program.wait_until(lambda: program.status is not None or container_id not in self._here, None)
        return program.status if container_id in self._here else None

    def ended_at(self, container_id: str) -> float | None:
        program = self._here.get(container_id)
        return self.end if program is not None and program.status is not None else None

    def out_of_memory(self, container_id: str) -> bool:
        program = self._here.get(container_id)
        return program is not None and program.environment.get("FAKE") == "out of memory"

    def hang_up(self, container_id: str) -> None:
        self._here[container_id].signal(HUNG_UP)

    def stop(self, container_id: str, grace: int) -> None:
        self._answer()
        self.grace.append(grace)
        program = self._here.get(container_id)
        if program is not None and container_id in self._started:
            program.signal(TERMINATED)
            program.wait_until(lambda: program.status is not None)

    def remove(self, container_id: str) -> None:
        with self._lock:
            program = self._here.pop(container_id, None)
        if program is not None:
            program.signal(KILLED)

    def all(self) -> list[Task]:
        self._answer()
        found = []
        for container_id, one in list(self._here.items()):
            assert one.spec is not None
            up = "running" if one.status is None else "exited"
            status = up if container_id in self._started else "created"
            task = oneoff.task(container_id, one.spec.name, one.spec.labels, status)
            found += [task] if task else []
        return found

    def save_log(self, container_id: str, path: Path) -> None:
        program = self._here[container_id]
        if program.spec is not None and not program.spec.logged:
            raise Unexpected("the engine keeps no log of it")
        path.write_bytes(b"".join(program.lines))

    def log(self, container_id: str, tail: int | None) -> list[bytes]:
        lines = self._here[container_id].lines
        return list(lines) if tail is None else lines[-tail:] if tail else []

    @contextmanager
    def follow(self, container_id: str, tail: int) -> Iterator[Iterator[bytes]]:
        yield programs.follow(self._here[container_id], tail)

    def exec(
        self, container_id: str, argv: Sequence[str], *, terminal: bool, environment: Mapping[str, str]
    ) -> FakeExec:
        line = shlex.join(argv)
        if line not in self._works:
            raise Unexpected(f"nobody told what {line!r} does")
        running = self._here.get(container_id)
        beside = running or self._scheduler.here.get(container_id) or self.elsewhere[container_id]
        return FakeExec(Program(None, {**beside.environment, **environment}, terminal=terminal), self._works[line])

    def app_network(self, app_id: int) -> str:
        return f"network-{app_id}"

    def sandbox_network(self) -> str:
        return "network-of-sandboxes"

    def _answer(self) -> None:
        if self.engine_down:
            raise DockerError("Docker does not answer", code="engine-down")


class FakeExec:
    """See `paas.schedulers.tasks.Exec`."""

    def __init__(self, program: Program, work: Work) -> None:
        self._program = program
        self.stream = program.connect()
        threading.Thread(target=program.run, args=(work,), name="exec", daemon=True).start()

    def resize(self, columns: int, rows: int) -> None:
        programs.resize(self._program, columns, rows)

    def wait(self) -> int:
        self._program.wait_until(lambda: self._program.status is not None)
        return self._program.status or 0

    def hang_up(self) -> None:
        self._program.signal(HUNG_UP)
