"""The processes of a container engine in memory, and what they write."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from fakes import programs
from fakes.gates import SECONDS
from fakes.programs import Program
from fakes.times import EPOCH
from paas.core.errors import DockerError
from paas.core.logs import json_file, query
from paas.core.logs import line as logline
from paas.core.model import Container
from paas.schedulers.base import ContainerLimits, Opened


@dataclass(frozen=True)
class Behaviour:
    """Behavior of a process. By default it listens on its port, answers with 200 and stays up.

    ``looks``: for that many inspections it runs, but does nothing yet. ``lives``: it exits with 1 after that many
    inspections at which it was well. ``exits``: with that status, None for never. ``port``: where it listens instead, 0
    for nowhere. ``refused``: why Docker can't start it. ``answers``: its responses by path, ``answer`` for all others;
    each has the ``body``. ``commands``: the exit status of each command line that may be run in it, None if it never
    ends. ``health``: the result of the image's HEALTHCHECK. ``log``: the lines that it writes at its start. ``writes``:
    it creates files.
    """

    looks: int = 0
    lives: int | None = None
    exits: int | None = None
    out_of_memory: bool = False
    restarts: int = 0
    port: int | None = None
    loopback: bool = False
    answer: int | str = 200
    refused: str = ""
    answers: Mapping[str, int | str] = field(default_factory=dict)
    body: str = ""
    commands: Mapping[str, int | None] = field(default_factory=dict)
    health: str = ""
    log: tuple[str, ...] = ()
    writes: bool = False


@dataclass
class Running:
    """One container: its state, its parameters, and its behavior."""

    container: Container
    behaviour: Behaviour
    environment: Mapping[str, str]
    limits: ContainerLimits
    port: int | None
    published: int | None
    command: str | None
    kept: bool = False
    looks: int = 0
    lines: list[bytes] = field(default_factory=list)

    @property
    def up(self) -> bool:
        """True if its process runs."""
        return self.container.status in ("running", "paused")

    @property
    def ready(self) -> bool:
        """True once it does what its behavior says."""
        return self.looks > self.behaviour.looks


class FakeLogs:
    """The logs of containers: part of `fakes.containers.FakeScheduler`.

    With a ``log_folder`` they are files in it, too, as those of the real engine.
    """

    def __init__(self) -> None:
        super().__init__()
        self.here: dict[str, Running] = {}
        self.log_folder: Path | None = None
        self.programs: Callable[[str], Program | None] = lambda container_id: None
        self._changed = threading.Condition(threading.RLock())
        self._count = 0

    def logs(self, container_id: str, tail: int | None) -> list[bytes]:
        with self._changed:
            running = self.here.get(container_id)
            program = self.programs(container_id)
            lines = list(running.lines) if running else list(program.lines) if program else []
            return lines if tail is None else lines[-tail:] if tail else []

    def write_logs_to(self, folder: Path) -> None:
        """Also write logs to files in this new folder from now on."""
        folder.mkdir()
        self.log_folder = folder

    def log_file(self, container_id: str) -> Path | None:
        """Return the log file; with a `log_folder`, logs are files in it as those of the real Docker."""
        if self.log_folder is None or container_id not in self.here:
            return None
        path = self.log_folder / f"{container_id}-json.log"
        path.touch()
        return path

    @contextmanager
    def read_log(self, container_id: str, since: float) -> Iterator[Iterator[bytes]]:
        yield iter([line for line in self.logs(container_id, None) if _written(line) >= since])

    def follow(
        self, container_id: str, tail: int | None, since: float = 0.0, opened: Opened = lambda end: None
    ) -> AbstractContextManager[Iterator[bytes]]:
        program = self.programs(container_id)
        if program is not None:
            return nullcontext(programs.follow(program, len(program.lines) if tail is None else tail))
        ended = threading.Event()

        def end() -> None:
            ended.set()
            with self._changed:
                self._changed.notify_all()

        opened(end)
        return self._follow(container_id, tail, since, ended)

    def _forget_log(self, gone: Running) -> None:
        if self.log_folder is not None:
            (self.log_folder / f"{gone.container.id}-json.log").unlink(missing_ok=True)

    def _get(self, container_id: str) -> Running:
        running = self.here.get(container_id)
        if running is None:
            raise DockerError("the container engine refused", why=f"No such container: {container_id}")
        return running

    def _see(self, running: Running) -> Running:
        """Count one inspection."""
        raise NotImplementedError

    def write_last(self, container_id: str, text: str) -> None:
        """Write a line as the process of that container."""
        with self._changed:
            self._write(self._get(container_id), text)
            self._changed.notify_all()

    def _write(self, running: Running, text: str) -> None:
        self._count += 1
        time = query.rfc3339(EPOCH + self._count)
        running.lines.append(f"{time} {text}\n".encode())
        if self.log_folder is not None:
            with (self.log_folder / f"{running.container.id}-json.log").open("ab") as file:
                file.write(json_file.encode(time, f"{text}\n".encode()))

    @contextmanager
    def _follow(
        self, container_id: str, tail: int | None, since: float, ended: threading.Event
    ) -> Iterator[Iterator[bytes]]:
        yield self._chunks(container_id, tail, since, ended)

    def _chunks(
        self, container_id: str, tail: int | None, since: float, ended: threading.Event
    ) -> Iterator[bytes]:
        with self._changed:
            running = self._get(container_id)
            early = sum(1 for line in running.lines if _written(line) < since)
            seen = max(early, 0 if tail is None else len(running.lines) - tail)
        while not ended.is_set():
            with self._changed:
                there = container_id in self.here and running.up
                data = b"".join(running.lines[seen:])
                seen = len(running.lines)
                if not data and there and running.behaviour.exits is not None:
                    # A reader of the log to its end sees the process run to its end.
                    there = self._see(running).up
                elif not data and there:
                    self._changed.wait(SECONDS)
            if data:
                yield data
            elif not there:
                return


def _written(line: bytes) -> float:
    return query.seconds(logline.parse(line, "").time)
