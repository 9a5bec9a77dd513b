"""One-off containers: runs of a command, by hand or by cron, and sandboxes; what is recorded, and their labels.

None of them has a place in a release's formation: they have a role, and no index and no slot, so that nothing that
deploys, repairs or cleans up takes them for one of its processes.
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
"""What a one-off container is there for: the values of `LABEL_ROLE`."""

NOT_FOUND = 127
"""The exit status of a command that is not there, as shells have it."""


class RunStatus(enum.Enum):
    """How a run stands. The last two never had a container."""

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
    """One run of a command, as it is recorded.

    ``kind`` is `RUN` or `CRON`, ``entry`` the id of the cron entry; ``number`` counts the app's runs of both kinds.
    ``attached``: it ends with its client. ``until`` is when its time is over. ``count`` is 1, or how often a run was
    missed. Times are seconds since 1970, UTC.
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
        """Its DYNO: ``run.3``, or ``cron.ID``."""
        return f"{CRON}.{self.entry}" if self.kind == CRON else f"{RUN}.{self.number}"


@dataclass(frozen=True)
class TaskSpec:
    """One container for one command.

    ``argv`` None: the image's own. ``terminal``: it gets one, of so many columns and rows. ``interactive``: its input
    stays open until the client closes it. ``logged``: the engine keeps what it writes. ``memory`` is in bytes,
    0 for no limit. ``lasting``: it comes back after a reboot. ``options`` are the app's own.
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
    """What the engine says of one such container; ``run`` and ``sandbox`` are from its labels, 0 and empty for none."""

    id: str
    name: str
    role: str
    status: str
    run: int = 0
    sandbox: str = ""


def task(container_id: str, name: str, labels: Mapping[str, str], status: str) -> Task | None:
    """The one-off container with those labels; None if it is none."""
    role, run = labels.get(LABEL_ROLE, ""), labels.get(LABEL_RUN) or "0"
    if role not in (RUN, CRON, SANDBOX) or not run.isdecimal():
        return None
    return Task(container_id, name, role, status, int(run), labels.get(LABEL_SANDBOX, ""))


def name_of(app: App, run: Run, instance: str) -> str:
    """``hello.run.3-4f2c91``, ``hello.cron.nightly.4-4f2c91``: unique on an engine that several instances share."""
    number = f".{run.number}" if run.kind == CRON else ""
    return f"{app.name}.{run.label}{number}-{instance[:6]}"


def labels_of(app: App, run: Run, instance: str) -> dict[str, str]:
    """The labels by which its container is found and known again."""
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
    """The same for a sandbox, which belongs to no app."""
    return complete({LABEL_INSTANCE: instance, LABEL_ROLE: SANDBOX, LABEL_SANDBOX: name})


def environment(
    app: App, run: Run, release: Release, extra: Mapping[str, Secret], rev_variable: str
) -> dict[str, str]:
    """What the command sees: the release's configuration, what was given for this run, what each process is told."""
    web = release.process(WEB)
    process = Process(run.kind, run.command, web.port if web else None)
    config = {**release.environment, **extra}
    told = variables.for_process(config, app.name, process, run.number, run.version, release.commit, rev_variable)
    return {**told, "DYNO": run.label}


def outcome(reason: RunStatus | None, exit_code: int | None) -> RunStatus:
    """How a run ended: for the reason that it was ended for, or by itself; no ``exit_code``: its container is gone."""
    if reason is not None:
        return reason
    if exit_code is None:
        return RunStatus.LOST
    return RunStatus.SUCCEEDED if exit_code == 0 else RunStatus.FAILED
