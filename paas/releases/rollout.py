"""Putting a release, or a new number of its processes, in the place of what runs: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from paas.core.edge.address import local
from paas.core.errors import PaasError
from paas.core.health.checks import Mode
from paas.core.jobs.journal import Step
from paas.core.model import WEB, App, Container, Process, Release, Replica
from paas.core.releases import rollout
from paas.core.releases.rollout import Candidate, Rollout
from paas.edge import domains, publish
from paas.edge.new_hosts import NewHosts
from paas.health import probing, waiting
from paas.health.waiting import Started
from paas.jobs.context import Context
from paas.jobs.jobs import Job
from paas.proxies.base import Switch
from paas.releases import container_settings
from paas.releases.retire import Retirer
from paas.system.reserve import Reserve
from paas.system.spans import carried

START_AT_ONCE = 4
RUNNING = ("running", "restarting", "paused")
"""The engine's words for a container with processes."""


def roll_out(
    ctx: Context,
    app: App,
    job: Job,
    release: Release,
    *,
    fresh: Collection[str] | None = None,
    formation: Mapping[str, int] | None = None,
    also: Callable[[], None] | None = None,
    listed: Sequence[str] | None = None,
) -> None:
    """New containers first, healthy second, then one switch of the proxy, then the old ones go.

    Process types that must not overlap come in turn after all others are healthy: their old containers stop, then the
    new ones start. ``fresh`` are the process types that get new containers although they run this release (None: all);
    ``formation`` the quantities to run from now on, ``listed`` the domains of its paas.yml (None: those of before).
    With ``also`` they are recorded together with the switch, or not at all: when anything fails the candidates are
    removed, what had to make way is started again, and the rest of what ran before was never touched.
    """
    quantities = {**ctx.store.apps.formation(app), **(formation or {})}
    before = ctx.store.apps.replicas(app)
    existing = ctx.scheduler.containers(app)
    plan = _plan(ctx, app, release, quantities, before, existing, fresh)
    beside, alone = _in_turn(ctx, app, plan)
    if not plan.changes:
        job.out.step("Nothing to start or stop")

    halted: list[str] = []
    switch: Switch | None = None
    try:
        started = check(ctx, app, job, release, start(ctx, app, job, release, beside), listed)
        if alone:
            make_way(ctx, app, job, plan, alone, halted)
            started += check(ctx, app, job, release, start(ctx, app, job, release, alone), listed)
        with publish.turn(ctx, app) as others:
            switch = switch_over(ctx, app, others, job, release, plan, started, listed)
            record(ctx, app, job, release, plan, quantities if formation else {}, also, listed)
    except BaseException:
        ctx.part(Reserve).spend()
        undo(ctx, app, job, plan, alone, halted, served=switch is not None)
        raise
    retire(ctx, app, job, plan, switch)


def _in_turn(ctx: Context, app: App, plan: Rollout) -> tuple[list[Candidate], list[Candidate]]:
    """The candidates that start beside the old containers, and those whose old ones stop first."""
    alone = [candidate for candidate in plan.start if not overlaps(ctx, app, candidate.process)]
    return [candidate for candidate in plan.start if candidate not in alone], alone


def overlaps(ctx: Context, app: App, process: Process) -> bool:
    """Whether new containers of the process may start while old ones run."""
    return process.overlap and probing.mode(ctx, app, process.type) is not Mode.DISABLED


def _plan(
    ctx: Context,
    app: App,
    release: Release,
    quantities: Mapping[str, int],
    before: list[Replica],
    existing: list[Container],
    fresh: Collection[str] | None,
) -> Rollout:
    running = {_slot(container) for container in existing if container.status in RUNNING}
    # A replica whose container has gone is started anew, whatever the plan would keep.
    alive = [replica for replica in before if (replica.process_type, replica.index, replica.slot) in running]
    occupied = [_slot(container) for container in existing]

    def port(process_type: str, index: int, slot: int) -> int:
        return ctx.scheduler.port(app, process_type, index, slot)

    return rollout.plan(release, quantities, alive, occupied, port, fresh=fresh)


def _slot(container: Container) -> tuple[str, int, int]:
    return container.process_type, container.index, container.slot


def _slot_of(candidate: Candidate) -> tuple[str, int, int]:
    replica = candidate.replica
    return replica.process_type, replica.index, replica.slot


def start(ctx: Context, app: App, job: Job, release: Release, candidates: Sequence[Candidate]) -> list[Started]:
    """Starts the candidates, some at a time."""
    properties = ctx.store.properties.of(app)
    granted = container_settings.of_release(ctx, app, release, properties)
    rev_variable = properties.text("git", "rev-env-var")

    def start_one(candidate: Candidate) -> Started:
        job.check()
        return Started(candidate, ctx.scheduler.start(app, release, candidate, rev_variable, granted))

    with job.step(Step.START, _count(candidates, "Started")):
        ctx.scheduler.prepare(app)
        with ThreadPoolExecutor(START_AT_ONCE, thread_name_prefix="start") as pool:
            starts = [pool.submit(carried(partial(start_one, candidate))) for candidate in candidates]
        # Who follows the log sees them from their first line on.
        ctx.changed.notify()
        failure = next((future.exception() for future in starts if future.exception()), None)
        if failure:
            raise failure
        return [future.result() for future in starts]


def _count(candidates: Sequence[Candidate], verb: str) -> str:
    labels = [candidate.replica.label for candidate in candidates]
    return f"{verb} {', '.join(labels)}" if labels else ""


def check(
    ctx: Context, app: App, job: Job, release: Release, started: list[Started], listed: Sequence[str] | None
) -> list[Started]:
    """Returns them once all are healthy. What is skipped counts as is."""
    timeout = float(ctx.store.properties.of(app).value("checks", "timeout"))
    with job.step(Step.HEALTH, "Healthy" if started else ""):
        checked = [one for one in started if probing.mode(ctx, app, one.candidate.process.type) is Mode.ENABLED]
        if checked:
            image = ctx.scheduler.image(release.image)
            host = publish.first_host(ctx, app, domains.with_listed(ctx, app, listed))
            waiting.wait_healthy(ctx, job, checked, image, host, timeout)
    return started


@contextmanager
def keeping_them_running(ctx: Context, started: Sequence[Started]) -> Iterator[None]:
    """Has the engine told to keep them running, while the inside goes on; afterwards it was told, or this fails."""
    with ThreadPoolExecutor(START_AT_ONCE, thread_name_prefix="keep") as pool:
        kept = [pool.submit(carried(partial(ctx.scheduler.keep_running, one.container_id))) for one in started]
        yield
        for one in kept:
            one.result()


def make_way(ctx: Context, app: App, job: Job, plan: Rollout, alone: Sequence[Candidate], halted: list[str]) -> None:
    """Stops every container of these process types that does not go on, without removing it; ``halted`` gets its id."""
    types = {candidate.process.type for candidate in alone}
    kept = {(replica.process_type, replica.index, replica.slot) for replica in plan.keep}
    old = [one for one in ctx.scheduler.containers(app) if one.process_type in types and _slot(one) not in kept]
    running = [one for one in old if one.status in RUNNING]

    with job.step(Step.MAKE_WAY, f"Stopped {', '.join(one.label for one in running)}" if running else ""):
        halted += [one.id for one in running]
        halt(ctx, app, halted)


def halt(ctx: Context, app: App, containers: Sequence[str]) -> None:
    """Stops the containers without removing them; returns once all have ended."""
    grace = int(ctx.store.properties.of(app).value("ps", "stop-timeout-seconds"))
    with ThreadPoolExecutor(START_AT_ONCE, thread_name_prefix="halt") as pool:
        list(pool.map(lambda container_id: ctx.scheduler.halt(container_id, grace), containers))


def switch_over(
    ctx: Context,
    app: App,
    others: Collection[int],
    job: Job,
    release: Release,
    plan: Rollout,
    started: Sequence[Started],
    listed: Sequence[str] | None,
) -> Switch:
    """From here on requests go to the candidates, those from the ``others`` that lead to the app, too."""
    deployed = replace(app, version=release.version)
    with job.step(Step.SWITCH, "Switched the proxy" if plan.changes else ""), keeping_them_running(ctx, started):
        if listed:
            # Somebody may have taken one while the containers came up.
            domains.check_free(ctx, app, listed)
        own = domains.with_listed(ctx, app, listed)
        return publish.publish(ctx, deployed, others, plan.replicas(), stopped=False, own=own)


def record(
    ctx: Context,
    app: App,
    job: Job,
    release: Release,
    plan: Rollout,
    formation: Mapping[str, int],
    also: Callable[[], None] | None,
    listed: Sequence[str] | None,
) -> None:
    """Writes down, in one transaction, what is wanted from now on; the journal's line is part of it.

    So an error means that nothing was recorded, and all can be undone.
    """
    with ctx.store.transaction(durable=True), job.step(Step.RECORD):
        ctx.store.apps.set_replicas(app, plan.replicas())
        ctx.store.apps.set_formation(app, formation)
        ctx.store.apps.set_stopped(app, False)
        ctx.store.releases.make_current(app, release)
        if listed is not None:
            domains.record_listed(ctx, app, listed)
        if also:
            also()
    ctx.changed.notify()
    ctx.part(NewHosts).set()


def retire(ctx: Context, app: App, job: Job, plan: Rollout, switch: Switch) -> None:
    """Lets every container go that is not wanted any more, in the background.

    What is recorded serves by now: trouble here is told, and takes nothing back.
    """
    wanted = {(replica.process_type, replica.index, replica.slot) for replica in plan.replicas()}
    try:
        with job.step(Step.RETIRE, cancellable=False):
            old = [container for container in ctx.scheduler.containers(app) if _slot(container) not in wanted]
            let_go(ctx, app, old, switch)
    except PaasError as error:
        job.out.error(error)
        job.out.warning(
            "Some old containers may still be running. They are removed at the next deploy or server start."
        )


def let_go(ctx: Context, app: App, containers: Sequence[Container], switch: Switch | None) -> None:
    """Stops and removes the containers in the background, after their requests."""
    properties = ctx.store.properties.of(app)
    ports = local(*filter(None, (ctx.store.apps.port(app, *_slot(one)) for one in containers)))
    drain, grace = properties.value("checks", "wait-to-retire"), properties.value("ps", "stop-timeout-seconds")
    ctx.part(Retirer).retire([one.id for one in containers], switch, float(drain), int(grace), ports)


def undo(
    ctx: Context, app: App, job: Job, plan: Rollout, alone: Sequence[Candidate], halted: Sequence[str], *, served: bool
) -> None:
    """Back to what was: what had to make way runs again, the proxy is as recorded, and no candidate is left.

    ``served`` candidates may still have requests, which they finish.
    """
    switch: Switch | None = None
    try:
        try:
            if halted:
                bring_back(ctx, app, job, alone, halted)
        finally:
            switch = publish.refresh(ctx, app)
    finally:
        remove_candidates(ctx, app, plan, switch if served else None)


def bring_back(ctx: Context, app: App, job: Job, alone: Sequence[Candidate], halted: Sequence[str]) -> None:
    """Stops the candidates that must not overlap, then starts those again, of what was halted, that are wanted."""
    wanted = {(replica.process_type, replica.index, replica.slot) for replica in ctx.store.apps.replicas(app)}
    new = {_slot_of(candidate) for candidate in alone}
    there = ctx.scheduler.containers(app)
    halt(ctx, app, [found.id for found in there if _slot(found) in new])
    back = [found for found in there if found.id in halted and _slot(found) in wanted]
    for found in back:
        ctx.scheduler.revive(found.id)
    if back:
        job.out.step(f"Restarted the previous {', '.join(found.label for found in back)}")


def remove_candidates(ctx: Context, app: App, plan: Rollout, switch: Switch | None) -> None:
    """Removes what was created for the plan, started or not; after a ``switch`` away from it, once that is drained."""
    slots = {_slot_of(candidate) for candidate in plan.start}
    made = [container for container in ctx.scheduler.containers(app) if _slot(container) in slots]
    serving = [container for container in made if switch and container.process_type == WEB]
    let_go(ctx, app, serving, switch)
    for container in (one for one in made if one not in serving):
        ctx.scheduler.remove(container.id)
