"""Requests for runs, and active runs."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from paas.core.model import App, Release
from paas.core.runs import oneoff
from paas.core.runs.oneoff import Run, RunStatus, TaskSpec
from paas.core.secret import Secret
from paas.schedulers.base import ContainerLimits
from paas.schedulers.tasks import Tasks


@dataclass(frozen=True)
class RunRequest:
    """Request for a run. ``ttl`` in seconds. ``attached``: it ends with its client, and Docker keeps no log of it."""

    app: App
    release: Release
    kind: str
    command: str
    argv: list[str] | None
    actor: str
    ttl: float
    limits: ContainerLimits
    network: str
    rev_variable: str
    entry: str = ""
    extra: Mapping[str, Secret] = field(default_factory=dict)
    terminal: tuple[int, int] | None = None
    kind_of_terminal: str = ""
    interactive: bool = False
    attached: bool = False

    def spec(self, run: Run, instance: str) -> TaskSpec:
        """Return the specification of the run's container."""
        environment = oneoff.environment(self.app, run, self.release, self.extra, self.rev_variable)
        if self.terminal:
            environment = {"TERM": self.kind_of_terminal, **environment}
        return TaskSpec(
            name=oneoff.name_of(self.app, run, instance),
            image=self.release.image,
            argv=self.argv,
            environment=environment,
            labels=oneoff.labels_of(self.app, run, instance),
            network=self.network,
            memory=self.limits.memory,
            pids=self.limits.pids,
            stop_timeout=self.limits.stop_timeout,
            options=self.limits.options,
            terminal=self.terminal,
            interactive=self.interactive,
            logged=not self.attached,
        )


class ActiveRun:
    """Active run, in a container of ``tasks``. ``done`` is set once its end is recorded in ``result``."""

    def __init__(
        self, run: Run, app: App, tasks: Tasks, container_id: str, *, logged: bool, grace: int
    ) -> None:
        self.run = run
        self.app = app
        self.tasks = tasks
        self.container_id = container_id
        self.logged = logged
        self.grace = grace
        self.reason: RunStatus | None = None
        self.note = ""
        self.ending = False
        self.done = threading.Event()
        self.result = run
