"""The seam between a command to run once and what runs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from paas.core.runs.oneoff import Task, TaskSpec
from paas.schedulers.container_stream import ContainerStream


class Exec(Protocol):
    """A command that runs beside a container's own."""

    stream: ContainerStream

    def resize(self, columns: int, rows: int) -> None:
        """Its terminal has another size."""

    def wait(self) -> int:
        """Its exit status, once its output has ended."""

    def hang_up(self) -> None:
        """Ends it: its client has gone."""


class Tasks(Protocol):
    """One way of running containers that are not part of a release's formation. `DockerError` for what goes wrong."""

    instance: str

    def create(self, spec: TaskSpec) -> str:
        """Creates the container, without starting it, and returns its id."""

    def attach(self, container_id: str, *, terminal: bool) -> ContainerStream:
        """Its input and output; before its start, so that nothing is missed."""

    def start(self, container_id: str) -> None:
        """Starts it; `CommandNotFound` if the image lacks the command."""

    def resize(self, container_id: str, columns: int, rows: int) -> None:
        """Its terminal has another size; ended already is fine."""

    def wait(self, container_id: str) -> int | None:
        """Blocks until it has ended; its exit status, or None if it is gone."""

    def ended_at(self, container_id: str) -> float | None:
        """When it ended, in seconds since 1970; None while it has not, or if it is gone."""

    def out_of_memory(self, container_id: str) -> bool:
        """Whether the kernel ended it for that."""

    def hang_up(self, container_id: str) -> None:
        """Sends it SIGHUP, as when a terminal is closed; ended already is fine."""

    def stop(self, container_id: str, grace: int) -> None:
        """SIGTERM, SIGKILL after ``grace`` seconds; it stays, ended. Gone already is fine."""

    def remove(self, container_id: str) -> None:
        """Kills and removes it. Gone already is fine."""

    def all(self) -> list[Task]:
        """The one-off containers of this instance."""

    def save_log(self, container_id: str, path: Path) -> None:
        """Writes what the engine kept of its output to a file, each line with its timestamp before a space."""

    def log(self, container_id: str, tail: int | None) -> list[bytes]:
        """Its last lines, each with a timestamp before a space."""

    def follow(self, container_id: str, tail: int) -> AbstractContextManager[Iterator[bytes]]:
        """Chunks of its log as they come, from the last ``tail`` lines on, until it ends."""

    def exec(
        self, container_id: str, argv: Sequence[str], *, terminal: bool, environment: Mapping[str, str]
    ) -> Exec:
        """Runs a command inside, in a terminal of its own if wanted."""

    def app_network(self, app_id: int) -> str:
        """The name of the app's network, which its scheduler has prepared."""

    def sandbox_network(self) -> str:
        """The name of the network of sandboxes, made on first use; they don't reach each other in it."""
