"""Replace what runs by a release, or by other numbers of its processes: completely, or not at all.

The algorithm is the same on every scheduler; `paas.schedulers.base` has the steps that differ.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from paas.core.errors import PaasError
from paas.core.health.checks import Mode
from paas.core.jobs.journal import Step
from paas.core.model import WEB, App, Endpoint, Process, Release
from paas.core.releases.rollout import Candidate, Rollout, Started
from paas.edge import domains, publish
from paas.edge.new_hosts import NewHosts
from paas.health import probing, waiting
from paas.jobs.context import Context
from paas.jobs.jobs import Job
from paas.proxies.base import Switch
from paas.releases import container_settings
from paas.releases.retire import Retirer
from paas.schedulers.base import Scheduler, Unit
from paas.system.reserve import Reserve
from paas.system.spans import carried

AT_ONCE = 4


@dataclass(frozen=True)
class Change:
    """One rollout. ``source`` runs the app now, ``target`` from the switch on; usually they are the same.

    ``halted`` are the units that were stopped to make way. ``listed`` are the domains of the release's paas.yml, None
    to keep the recorded ones.
    """

    app: App
    job: Job
    release: Release
    source: Scheduler
    target: Scheduler
    plan: Rollout
    listed: Sequence[str] | None
    halted: list[Unit] = field(default_factory=list)


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
    """Start new containers, wait until they are healthy, switch the proxy once, then retire the old ones.

    Process types that must not overlap follow after all others are healthy: their old containers stop, then the new
    ones start. ``fresh`` are the process types that get new containers although they run this release (None: all);
    ``formation`` the quantities to run from now on, ``listed`` the domains of its paas.yml (None: keep the recorded
    ones). They are recorded together with the switch and with ``also``, or not at all: if anything fails, the
    candidates are removed, halted containers are started again, and all others were never touched.
    """
    source, target = ctx.schedulers.of(app), selected(ctx, app)
    quantities = {**ctx.store.apps.formation(app), **(formation or {})}
    moves = source is not target
    before = [] if moves else ctx.store.apps.replicas(app)
    plan = target.plan(app, release, quantities, before, None if moves else fresh)
    change = Change(app, job, release, source, target, plan, listed)
    beside, alone = _in_turn(ctx, app, plan)
    if not plan.changes:
        job.out.step("Nothing to start or stop")

    switch: Switch | None = None
    try:
        started = check(ctx, change, start(ctx, change, beside))
        if alone:
            make_way(ctx, change, alone)
            started += check(ctx, change, start(ctx, change, alone))
        with publish.turn(ctx, app) as others:
            endpoints = target.endpoints(app, plan.replicas())
            switch = switch_over(ctx, change, others, started, endpoints)
            record(ctx, change, endpoints, quantities if formation else {}, also)
    except BaseException:
        ctx.part(Reserve).spend()
        undo(ctx, change, alone, served=switch is not None)
        raise
    retire(ctx, change, switch)


def selected(ctx: Context, app: App) -> Scheduler:
    """Return the scheduler that the app's next rollout uses."""
    return ctx.schedulers.named(ctx.store.properties.of(app).text("scheduler", "selected"))


def _in_turn(ctx: Context, app: App, plan: Rollout) -> tuple[list[Candidate], list[Candidate]]:
    """Return the candidates that start beside the old containers, and those whose old ones stop first."""
    alone = [candidate for candidate in plan.start if not overlaps(ctx, app, candidate.process)]
    return [candidate for candidate in plan.start if candidate not in alone], alone


def overlaps(ctx: Context, app: App, process: Process) -> bool:
    """Return True if new containers of the process may start while old ones run."""
    return process.overlap and probing.mode(ctx, app, process.type) is not Mode.DISABLED


def start(ctx: Context, change: Change, candidates: Sequence[Candidate]) -> list[Started]:
    """Start the candidates."""
    properties = ctx.store.properties.of(change.app)
    granted = container_settings.of_release(ctx, change.app, change.release, properties)
    rev_variable = properties.text("git", "rev-env-var")
    with change.job.step(Step.START, _count(candidates, "Started")):
        change.target.prepare(change.app)
        try:
            return change.target.start(
                change.app, change.release, candidates, rev_variable, granted, change.job.check
            )
        finally:
            # Clients that follow the log see the candidates from their first line on.
            ctx.changed.notify()


def _count(candidates: Sequence[Candidate], verb: str) -> str:
    labels = [candidate.replica.label for candidate in candidates]
    return f"{verb} {', '.join(labels)}" if labels else ""


def check(ctx: Context, change: Change, started: list[Started]) -> list[Started]:
    """Return the started candidates once all are healthy. Types whose checks are skipped are not waited for."""
    app = change.app
    timeout = float(ctx.store.properties.of(app).value("checks", "timeout"))
    with change.job.step(Step.HEALTH, "Healthy" if started else ""):
        checked = [one for one in started if probing.mode(ctx, app, one.candidate.process.type) is Mode.ENABLED]
        if checked:
            image = ctx.engine.image(change.release.image)
            host = publish.first_host(ctx, app, domains.with_listed(ctx, app, change.listed))
            waiting.wait_healthy(ctx, change.job, change.target, checked, image, host, timeout)
    return started


@contextmanager
def keeping_them_running(change: Change, started: Sequence[Started]) -> Iterator[None]:
    """Tell the scheduler, beside the body of the context, to keep them running. Raise at the end if that failed."""
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="keep") as pool:
        kept = [pool.submit(carried(partial(change.target.keep_running, one))) for one in started]
        yield
        for one in kept:
            one.result()


def make_way(ctx: Context, change: Change, alone: Sequence[Candidate]) -> None:
    """Stop, without removing them, the old containers of these process types. They become ``halted`` of the change."""
    types = {candidate.process.type for candidate in alone}
    kept = {replica.place for replica in change.plan.keep}
    old = [one for one in change.source.beyond(change.app, kept) if one.process_type in types and one.running]
    labels = [label for one in old for label in one.labels]
    with change.job.step(Step.MAKE_WAY, f"Stopped {', '.join(labels)}" if labels else ""):
        change.halted.extend(old)
        halt(ctx, change.app, change.source, old)


def halt(ctx: Context, app: App, scheduler: Scheduler, units: Sequence[Unit]) -> None:
    """Stop the units without removing them. Return once all have ended."""
    grace = int(ctx.store.properties.of(app).value("ps", "stop-timeout-seconds"))
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="halt") as pool:
        list(pool.map(lambda unit: scheduler.halt(app, unit.id, grace), units))


def switch_over(
    ctx: Context, change: Change, others: Collection[int], started: Sequence[Started], endpoints: Sequence[Endpoint]
) -> Switch:
    """Send requests to the candidates from now on, also those of the apps ``others`` that route to this one."""
    app, listed = change.app, change.listed
    deployed = replace(app, version=change.release.version)
    step = change.job.step(Step.SWITCH, "Switched the proxy" if change.plan.changes else "")
    with step, keeping_them_running(change, started):
        if listed:
            # Another app may have taken one while the containers started.
            domains.check_free(ctx, app, listed)
        own = domains.with_listed(ctx, app, listed)
        return publish.publish(ctx, deployed, others, endpoints, stopped=False, own=own)


def record(
    ctx: Context,
    change: Change,
    endpoints: Sequence[Endpoint],
    formation: Mapping[str, int],
    also: Callable[[], None] | None,
) -> None:
    """Record the new desired state in one transaction, with the line of the journal.

    So an error means that nothing was recorded, and everything can be undone.
    """
    app = change.app
    with ctx.store.transaction(durable=True), change.job.step(Step.RECORD):
        ctx.store.apps.set_replicas(app, change.plan.replicas())
        ctx.store.apps.set_endpoints(app, endpoints)
        if change.source is not change.target:
            ctx.store.apps.set_scheduler(app, change.target.name)
        ctx.store.apps.set_formation(app, formation)
        ctx.store.apps.set_stopped(app, False)
        ctx.store.releases.make_current(app, change.release)
        if change.listed is not None:
            domains.record_listed(ctx, app, change.listed)
        if also:
            also()
    ctx.changed.notify()
    ctx.part(NewHosts).set()


def retire(ctx: Context, change: Change, switch: Switch) -> None:
    """Retire all containers that are no longer wanted, in the background.

    The recorded state serves by now, so an error here is only reported.
    """
    wanted = {replica.place for replica in change.plan.replicas()}
    try:
        with change.job.step(Step.RETIRE, cancellable=False):
            let_go(ctx, change.app, change.target, change.target.beyond(change.app, wanted), switch)
            if change.source is not change.target:
                let_go(ctx, change.app, change.source, change.source.beyond(change.app, ()), switch)
    except PaasError as error:
        change.job.out.error(error)
        change.job.out.warning(
            "Some old containers may still be running. They are removed at the next deploy or server start."
        )


def let_go(ctx: Context, app: App, scheduler: Scheduler, units: Sequence[Unit], switch: Switch | None) -> None:
    """Stop and remove the units in the background, after their requests."""
    properties = ctx.store.properties.of(app)
    drain, grace = properties.value("checks", "wait-to-retire"), properties.value("ps", "stop-timeout-seconds")
    ctx.part(Retirer).retire(app, scheduler, units, switch, float(drain), int(grace))


def undo(ctx: Context, change: Change, alone: Sequence[Candidate], *, served: bool) -> None:
    """Start halted containers again, publish the recorded state, and remove all candidates.

    Candidates that ``served`` finish their requests first.
    """
    switch: Switch | None = None
    try:
        try:
            if change.halted:
                bring_back(ctx, change, alone)
        finally:
            switch = publish.refresh(ctx, change.app)
    finally:
        remove_candidates(ctx, change, switch if served else None)


def bring_back(ctx: Context, change: Change, alone: Sequence[Candidate]) -> None:
    """Stop the candidates that must not overlap, then start those of the halted units that are still wanted."""
    app = change.app
    wanted = {replica.place for replica in ctx.store.apps.replicas(app)}
    halt(ctx, app, change.target, change.target.at(app, {candidate.replica.place for candidate in alone}))
    there = {unit.id for unit in change.source.beyond(app, ())}
    back = [unit for unit in change.halted if unit.id in there and unit.places & wanted]
    for unit in back:
        change.source.revive(app, unit.id)
    if back:
        change.job.out.step(f"Restarted the previous {', '.join(label for unit in back for label in unit.labels)}")


def remove_candidates(ctx: Context, change: Change, switch: Switch | None) -> None:
    """Remove the candidates, started or not; with a ``switch`` away from them, those of web after their requests."""
    app, target = change.app, change.target
    made = target.at(app, {candidate.replica.place for candidate in change.plan.start})
    serving = [unit for unit in made if switch and unit.process_type == WEB]
    let_go(ctx, app, target, serving, switch)
    for unit in made:
        if unit not in serving:
            target.retire(app, unit.id, 0)
