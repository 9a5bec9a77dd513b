"""Phases: commands of the new release, each in a container of its own. Those before the start have to succeed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from paas.core.apps.spec import AppSpec
from paas.core.errors import DeployFailed, DockerError
from paas.core.jobs.journal import Step
from paas.core.logs import line as logline
from paas.core.model import DOCKER_LOCAL, PHASE, App, Container, Process, Release, Replica
from paas.core.releases.rollout import Candidate
from paas.jobs.context import Context
from paas.jobs.jobs import Job
from paas.releases import container_settings
from paas.releases.rollout import selected
from paas.schedulers.base import Scheduler

_log = logging.getLogger(__name__)

TYPE = PHASE
_RECHECK_SECONDS = 0.2
_ENDED_SECONDS = 0.02
LONGEST_LINE = 64 << 10
"""Bytes after which a line without an end is shown as one."""
MOST_SHOWN = 8 << 20
"""Bytes of what a phase writes that the job's log takes: nothing else limits that."""


@dataclass(frozen=True)
class Phase:
    """One command; ``name`` is its name for users. With ``kept``, files that it writes become part of the image."""

    name: str
    command: str
    kept: bool = False


def phases(spec: AppSpec) -> list[Phase]:
    """Return the commands that must succeed before anything starts: app.json's predeploy, then the Procfile's release.
    """
    given = [
        Phase("predeploy script", spec.predeploy, kept=True),
        Phase("release phase", spec.commands.get(TYPE, "")),
    ]
    return [phase for phase in given if phase.command]


def run_phase(ctx: Context, app: App, job: Job, release: Release, phase: Phase) -> str:
    """Run the command in a container of its own and show what it writes; `DeployFailed` unless it exits with 0 in time.

    Return the image: that of the release, or another one with the files that the command wrote and that are to be kept.
    """
    process = Process(TYPE, phase.command)
    # Files that are kept become part of an image, which only the Docker Engine of this server can make.
    scheduler = ctx.schedulers.named(DOCKER_LOCAL) if phase.kept else selected(ctx, app)
    taken = {found.slot for found in scheduler.containers(app) if found.process_type == TYPE}
    slot = next(slot for slot in range(len(taken) + 1) if slot not in taken)
    candidate = Candidate(Replica(TYPE, 1, slot, release.version), process)
    properties = ctx.store.properties.of(app)
    granted = container_settings.of_release(ctx, app, release, properties)
    rev_variable = properties.text("git", "rev-env-var")

    job.out.step(f"Running the {phase.name}: {phase.command}")
    with job.step(Step.PHASE, f"{phase.name.capitalize()} done"):
        scheduler.prepare(app)
        deadline = ctx.clock.monotonic() + float(properties.value("deploy", "phase-timeout"))
        try:
            (started,) = scheduler.start(app, release, [candidate], rev_variable, granted, job.check)
            with _ended_early(ctx, app, job, phase, scheduler, candidate, deadline) as over:
                _show(scheduler, job, started.id)
                ended = _ended(ctx, scheduler, started.id)
            job.check()
            if over.is_set():
                raise _too_long(ctx, app, phase)
            _judge(phase, ended)
            return _left(ctx, job, started.id, release, phase)
        finally:
            # A container that could not be started exists, too.
            for unit in scheduler.at(app, {candidate.replica.place}):
                scheduler.retire(app, unit.id, 0)


def _left(ctx: Context, job: Job, container_id: str, release: Release, phase: Phase) -> str:
    """Return the image after the phase.

    The command has succeeded, so if its files can't be kept, that is only reported.
    """
    if not phase.kept:
        return release.image
    try:
        return ctx.engine.commit(container_id, release.image) or release.image
    except DockerError as error:
        job.out.error(error)
        job.out.warning(f"The files the {phase.name} wrote are not part of the image.")
        return release.image


def _show(scheduler: Scheduler, job: Job, container_id: str) -> None:
    pending, size = b"", 0

    def show(line: bytes) -> None:
        nonlocal size
        before, size = size, size + len(line) + 1
        if size <= MOST_SHOWN:
            job.out.detail(logline.parse(line, TYPE).text.decode("utf-8", "replace"))
        elif before <= MOST_SHOWN:
            job.out.warning(f"It wrote more than {MOST_SHOWN >> 20} MiB; the rest is not shown.")

    with scheduler.follow(container_id, 1_000_000) as chunks:
        for chunk in chunks:
            *lines, pending = (pending + chunk).split(b"\n")
            if len(pending) > LONGEST_LINE:
                lines.append(pending)
                pending = b""
            for line in lines:
                show(line)
    if pending:
        show(pending)


def _ended(ctx: Context, scheduler: Scheduler, container_id: str) -> Container | None:
    """Return the details of the ended container, which may end a moment after its log."""
    never = threading.Event()
    while (found := scheduler.inspect(container_id)) and found.status == "running":
        ctx.clock.wait(never, _ENDED_SECONDS)
    return found


def _judge(phase: Phase, found: Container | None) -> None:
    if found is not None and found.exit_code == 0 and not found.error:
        return
    how = "was removed" if found is None else f"exited with status {found.exit_code}"
    raise DeployFailed(
        f"the {phase.name} {how}",
        why=f"Its command was: {phase.command}",
        fix="Its output is above. Fix it and push again.",
        code="release-phase-failed",
    )


@contextmanager
def _ended_early(
    ctx: Context, app: App, job: Job, phase: Phase, scheduler: Scheduler, candidate: Candidate, deadline: float
) -> Iterator[threading.Event]:
    """Return a context in which the container is stopped when the job is cancelled or the phase exceeds its time limit.

    That ends its log. The event is set if the limit was exceeded.
    """
    grace = int(ctx.store.properties.of(app).value("ps", "stop-timeout-seconds"))
    done, over = threading.Event(), threading.Event()

    def watch() -> None:
        while not done.wait(_RECHECK_SECONDS):
            if not job.cancelled.is_set() and not over.is_set():
                if ctx.clock.monotonic() < deadline:
                    continue
                over.set()
                job.out.warning(f"Stopping the {phase.name}: it exceeded its time limit of {_allowed(ctx, app)}.")
            try:
                for unit in scheduler.at(app, {candidate.replica.place}):
                    scheduler.halt(app, unit.id, grace)
            except DockerError as error:
                _log.warning("The container of a phase of %s is still there: %s", app.name, error)
            else:
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield over
    finally:
        done.set()
        watcher.join()


def _allowed(ctx: Context, app: App) -> str:
    return str(ctx.store.properties.of(app).raw("deploy", "phase-timeout"))


def _too_long(ctx: Context, app: App, phase: Phase) -> DeployFailed:
    return DeployFailed(
        f"the {phase.name} did not end in time",
        why=f"Its command was: {phase.command}. It was stopped after {_allowed(ctx, app)} (deploy phase-timeout).",
        fix=f"If it needs more time: 'deploy:set {app.name} phase-timeout 3h'. "
        "A command that never ends needs its own process type in the Procfile.",
        code="phase-timeout",
    )
