"""The seam between commands that run once and what runs them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from paas.core.runs.oneoff import Task, TaskSpec
from paas.schedulers.container_stream import ContainerStream


class Exec(Protocol):
    """Command that runs beside a container's own."""

    stream: ContainerStream

    def resize(self, columns: int, rows: int) -> None:
        """Set the size of its terminal."""

    def wait(self) -> int:
        """Wait until its output has ended. Return its exit status."""

    def hang_up(self) -> None:
        """End it, because its client has disconnected."""


class Tasks(Protocol):
    """Role that runs containers outside of formations. Methods raise `DockerError`."""

    instance: str

    def create(self, spec: TaskSpec) -> str:
        """Create the container without starting it. Return its id."""

    def attach(self, container_id: str, *, terminal: bool) -> ContainerStream:
        """Return its input and output. Call it before its start, so that nothing is missed."""

    def start(self, container_id: str) -> None:
        """Start it. Raise `CommandNotFound` if the image lacks the command."""

    def resize(self, container_id: str, columns: int, rows: int) -> None:
        """Set the size of its terminal. An ended container is no error."""

    def wait(self, container_id: str) -> int | None:
        """Wait until it has ended. Return its exit status, or None if it is gone."""

    def ended_at(self, container_id: str) -> float | None:
        """Return when it ended, in seconds since 1970; None if it runs or is gone."""

    def out_of_memory(self, container_id: str) -> bool:
        """Return True if the kernel killed it because it ran out of memory."""

    def hang_up(self, container_id: str) -> None:
        """Send SIGHUP, as when a terminal is closed. An ended container is no error."""

    def stop(self, container_id: str, grace: int) -> None:
        """Send SIGTERM, SIGKILL after ``grace`` seconds; keep the ended container.

        A container that is gone is no error.
        """

    def remove(self, container_id: str) -> None:
        """Kill and remove it. A container that is gone is no error."""

    def all(self) -> list[Task]:
        """Return the one-off containers of this instance."""

    def save_log(self, container_id: str, path: Path) -> None:
        """Write its recorded output to a file, each line with its timestamp before a space."""

    def log(self, container_id: str, tail: int | None) -> list[bytes]:
        """Return its last lines, each with a timestamp before a space."""

    def follow(self, container_id: str, tail: int) -> AbstractContextManager[Iterator[bytes]]:
        """Yield chunks of its log as they come, from the last ``tail`` lines on, until its end."""

    def exec(
        self, container_id: str, argv: Sequence[str], *, terminal: bool, environment: Mapping[str, str]
    ) -> Exec:
        """Run a command inside, optionally in its own terminal."""

    def app_network(self, app_id: int) -> str:
        """Return the name of the app's network, which `Formations.prepare` has created."""

    def sandbox_network(self) -> str:
        """Return the name of the network of sandboxes, created on first use. Sandboxes can't reach each other in it."""
