"""Modes of checks per process type, and ``checks:run``."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from paas.apps import properties
from paas.core import names
from paas.core.containers.container import started_at
from paas.core.errors import InvalidValue
from paas.core.health import checks
from paas.core.health.checks import Check, Mode
from paas.core.health.outcome import came
from paas.core.logs import line
from paas.core.model import WEB, App, Container, Process, Replica
from paas.edge import publish
from paas.health import probing
from paas.jobs.context import Context
from paas.jobs.feature import Facts

LISTS = {Mode.DISABLED: "disabled-list", Mode.SKIPPED: "skipped-list"}


def types(ctx: Context, app: App) -> list[str]:
    """Return the process types of the current release; before the first deploy, web and those that were scaled."""
    current = ctx.store.releases.current(app)
    if current:
        return [process.type for process in current.processes]
    return sorted({WEB, *ctx.store.apps.formation(app)})


def set_mode(ctx: Context, app: App, chosen: Mode, wanted: Collection[str]) -> list[str]:
    """Set the mode of the process types, of all if none is given. Return the types.

    It takes effect at the next rollout, for liveness checks at once.
    """
    known = types(ctx, app)
    # Dokku accepts them separated by commas, too.
    wanted = [names.process_type(kind) for word in wanted for kind in word.split(",")]
    unknown = [kind for kind in wanted if kind not in known]
    if unknown and (app.version is not None or checks.NONE in unknown):
        raise InvalidValue(
            f"{app.name} has no process type {unknown[0]!r}",
            why=f"Its process types are: {', '.join(known)}",
            code="no-such-process-type",
        )
    values = ctx.store.properties.of(app)
    for mode, key in LISTS.items():
        before = values.text("checks", key)
        after = checks.add(before, wanted) if mode is chosen else checks.drop(before, wanted, known)
        if (after or checks.NONE) != before:
            properties.change(ctx, app, "checks", key, after or checks.NONE)
    ctx.changed.notify()
    return wanted


@dataclass(frozen=True)
class Result:
    """Result of one check of one container."""

    process: str
    check: str
    result: str
    detail: str


def run(ctx: Context, app: App, wanted: str) -> list[Result]:
    """Run every check of the running containers once: those of a process type or container, or all."""
    release = ctx.store.releases.deployed(app)
    replicas = [one for one in ctx.store.apps.replicas(app) if line.matches(one.label, wanted)]
    if wanted and not replicas:
        raise InvalidValue(
            f"{app.name} has no running process {wanted!r}",
            why="Running: " + (", ".join(one.label for one in ctx.store.apps.replicas(app)) or "none"),
            code="no-such-process",
        )
    scheduler = ctx.schedulers.of(app)
    there = {found.place: found.id for found in scheduler.containers(app)}
    image = ctx.engine.image(release.image)
    results = []
    for replica in replicas:
        process = release.process(replica.process_type)
        container_id = there.get(replica.place, "")
        container = scheduler.inspect(container_id) if container_id else None
        if process is None or container is None or container.status != "running":
            state = container.status if container else "missing"
            results.append(Result(replica.label, "", "failed", f"its container is {state}"))
            continue
        for check in (*probing.of_start(process, image), *checks.alive(process.checks)):
            results.append(_try(ctx, app, check, container, process, replica))
    return results


def _try(
    ctx: Context, app: App, check: Check, container: Container, process: Process, replica: Replica
) -> Result:
    up = ctx.clock.now() - started_at(container)
    seen = probing.look(ctx, app, check, container, process, replica.port, publish.first_host(ctx, app), up)
    if seen.passed:
        return Result(replica.label, check.title(), "passed", "")
    return Result(replica.label, check.title(), "warned" if check.warn else "failed", came(check, seen))


def facts(ctx: Context, app: App) -> Facts:
    """Return mode and checks of each process type."""
    current = ctx.store.releases.current(app)
    image = ctx.engine.image(current.image) if current else None
    rows = {}
    for process in current.processes if current else ():
        found = [*probing.of_start(process, image), *checks.alive(process.checks)]
        mode = probing.mode(ctx, app, process.type)
        rows[f"process-{process.type}"] = f"{mode.value}: " + ", ".join(check.title() for check in found)
    return rows
