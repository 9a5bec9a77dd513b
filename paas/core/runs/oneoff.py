"""One-off containers: runs, cron runs and sandboxes; their records and labels.

They are not part of a release's formation. They have a role but no index or slot, so that deploys, repairs and clean-up
don't mistake them for processes.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from paas.core.apps import environment as variables
from paas.core.containers.container import (
    LABEL_APP,
    LABEL_APP_ID,
    LABEL_INSTANCE,
    LABEL_PROCESS,
    LABEL_RELEASE,
    LABEL_ROLE,
    LABEL_RUN,
    LABEL_SANDBOX,
    complete,
)
from paas.core.containers.options import ContainerOptions
from paas.core.model import WEB, App, Process, Release
from paas.core.secret import Secret

RUN, CRON, SANDBOX = "run", "cron", "sandbox"
"""Purposes of one-off containers: values of `LABEL_ROLE`."""

NOT_FOUND = 127
"""Exit status for a command that was not found, as in shells."""


class RunStatus(enum.Enum):
    """State of a run. Runs in the last two states never had a container."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    EXPIRED = "expired"
    LOST = "lost"
    SKIPPED = "skipped"
    MISSED = "missed"


@dataclass(frozen=True)
class Run:
    """Recorded run of a command.

    ``kind`` is `RUN` or `CRON`, ``entry`` the id of the cron entry; ``number`` counts the app's runs of both kinds.
    ``attached``: it ends with its client. ``until`` is its time limit. ``count`` is 1, or how often a run was missed.
    Times are seconds since 1970, UTC.
    """

    id: int
    app_id: int
    number: int
    kind: str
    entry: str
    command: str
    actor: str
    version: int
    attached: bool
    status: RunStatus
    started_at: float
    until: float
    finished_at: float | None = None
    exit_code: int | None = None
    note: str = ""
    count: int = 1

    @property
    def label(self) -> str:
        """Name, also in DYNO: ``run.3``, or ``cron.ID``."""
        return f"{CRON}.{self.entry}" if self.kind == CRON else f"{RUN}.{self.number}"


@dataclass(frozen=True)
class TaskSpec:
    """Specification of a one-off container.

    ``argv`` None is the image's own command. ``terminal`` is the size in columns and rows, None without one.
    ``interactive``: its input stays open until the client closes it. ``logged``: Docker keeps its output. ``memory`` is
    in bytes, 0 for no limit. ``lasting``: it starts again after a reboot. ``options`` are the app's own.
    """

    name: str
    image: str
    argv: list[str] | None
    environment: Mapping[str, str]
    labels: Mapping[str, str]
    network: str
    memory: int
    pids: int
    stop_timeout: int
    terminal: tuple[int, int] | None = None
    interactive: bool = False
    logged: bool = True
    lasting: bool = False
    hostname: str = ""
    options: ContainerOptions = field(default_factory=ContainerOptions)


@dataclass(frozen=True)
class Task:
    """Existing one-off container; ``run`` and ``sandbox`` are from its labels, 0 and empty for none."""

    id: str
    name: str
    role: str
    status: str
    run: int = 0
    sandbox: str = ""


def task(container_id: str, name: str, labels: Mapping[str, str], status: str) -> Task | None:
    """Return the one-off container with those labels; None if it is not one."""
    role, run = labels.get(LABEL_ROLE, ""), labels.get(LABEL_RUN) or "0"
    if role not in (RUN, CRON, SANDBOX) or not run.isdecimal():
        return None
    return Task(container_id, name, role, status, int(run), labels.get(LABEL_SANDBOX, ""))


def name_of(app: App, run: Run, instance: str) -> str:
    """Return ``hello.run.3-4f2c91`` or ``hello.cron.nightly.4-4f2c91``: unique across instances on one Docker host."""
    number = f".{run.number}" if run.kind == CRON else ""
    return f"{app.name}.{run.label}{number}-{instance[:6]}"


def labels_of(app: App, run: Run, instance: str) -> dict[str, str]:
    """Return the labels that identify the run's container."""
    own = {
        LABEL_INSTANCE: instance,
        LABEL_ROLE: run.kind,
        LABEL_RUN: str(run.id),
        LABEL_APP: app.name,
        LABEL_APP_ID: str(app.id),
        LABEL_PROCESS: run.label,
        LABEL_RELEASE: str(run.version),
        "com.dokku.app-name": app.name,
        "com.dokku.process-type": run.kind,
        "com.dokku.dyno": run.label,
    }
    return complete(own)


def labels_of_sandbox(name: str, instance: str) -> dict[str, str]:
    """Return the labels of a sandbox, which belongs to no app."""
    return complete({LABEL_INSTANCE: instance, LABEL_ROLE: SANDBOX, LABEL_SANDBOX: name})


def environment(
    app: App, run: Run, release: Release, extra: Mapping[str, Secret], rev_variable: str
) -> dict[str, str]:
    """Return the command's environment: configuration of the release, additional variables, platform variables."""
    web = release.process(WEB)
    process = Process(run.kind, run.command, web.port if web else None)
    config = {**release.environment, **extra}
    told = variables.for_process(config, app.name, process, run.number, run.version, release.commit, rev_variable)
    return {**told, "DYNO": run.label}


def outcome(reason: RunStatus | None, exit_code: int | None) -> RunStatus:
    """Return the final state: ``reason`` if the run was stopped, else by ``exit_code``; None means lost."""
    if reason is not None:
        return reason
    if exit_code is None:
        return RunStatus.LOST
    return RunStatus.SUCCEEDED if exit_code == 0 else RunStatus.FAILED
