"""Looking over the whole host, or what concerns one app, and saying what is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial

from paas.builders import isolation
from paas.builders.rootless import Rootless
from paas.core.builds import safety
from paas.core.errors import DockerError, PaasError
from paas.core.model import App
from paas.core.server import doctor, doctor_docker
from paas.core.server.doctor import Finding, Level
from paas.jobs.context import Context
from paas.jobs.feature import Look
from paas.server import host_keys, intact, resources
from paas.system.probe import Probe

ENGINE_DOWN = "engine-down"


def examine(ctx: Context, app: App | None = None) -> list[Finding]:
    """Return all findings of the app, or for None of the host and all apps."""
    apps = [app] if app else ctx.store.apps.all()
    looks = sorted((look for feature in ctx.features for look in feature.findings), key=lambda look: look.host)
    # Last: if measuring takes too long, Docker is not waited for, and not used any more.
    looks = [*FIRST, *looks, WRITTEN]
    found: list[Finding] = []
    with ctx.engine.briefly():
        for look in looks:
            if app is None or not look.host:
                found += _looked(look.subject, partial(look.find, ctx, apps), {finding.code for finding in found})
    return found


def _looked(subject: str, look: Callable[[], Iterable[Finding]], silent: Collection[str]) -> list[Finding]:
    """Return the findings; a failed examination is a finding, too. ``silent`` are the codes of earlier ones."""
    try:
        return list(look())
    except PaasError as error:
        if error.code == ENGINE_DOWN and ENGINE_DOWN in silent:
            why = "Docker does not answer, see above."
            return [Finding(Level.ADVICE, subject, "this could not be examined", why, "", "not-looked-at")]
        return [Finding(Level.PROBLEM, subject, error.what, error.why, error.fix, error.code)]


def _engine(ctx: Context, apps: Sequence[App]) -> Iterator[Finding]:
    version = ctx.engine.version()
    yield from doctor.engine(version, userland_proxy=ctx.host.runs("docker-proxy"))
    yield from doctor_docker.restarts(live_restore=ctx.engine.live_restore())
    if not isolation.wanted(ctx):
        yield from doctor.escapes(version, allowed=ctx.settings.value(safety.SETTING))


def _written(ctx: Context, apps: Sequence[App]) -> Iterator[Finding]:
    try:
        yield from doctor_docker.written(ctx.engine.written())
    except DockerError as error:
        what = "what containers have written could not be measured in time"
        yield Finding(Level.ADVICE, "room", what, error.what, "'docker ps --size' shows it.", "not-looked-at")


def _builds(ctx: Context, apps: Sequence[App]) -> Iterator[Finding]:
    yield Finding(Level.OK, "builds", f"builds with {ctx.builder.program()}")
    if isolation.wanted(ctx):
        yield from doctor.apart(ctx.part(Rootless).version())
    trouble = ctx.host.limit_trouble(resources.group(ctx))
    if trouble:
        yield Finding(
            Level.ADVICE,
            "builds",
            "builds run without limits of CPU and memory",
            f"No control group can be made for them: {trouble}",
            "Where bootstrap.sh installed the server: systemctl enable --now paas-builds.socket; else run it as root,"
            " with /sys/fs/cgroup writable.",
            "builds-unlimited",
        )


def _listening(ctx: Context, apps: Sequence[App]) -> Iterator[Finding]:
    ports = {name: int(ctx.settings.value(f"{name}-port")) for name in ("ssh", "http", "https")}
    return doctor.listening(ctx.part(Probe).listeners(os.getpid()), ports)


def _published(ctx: Context, apps: Sequence[App]) -> Iterator[Finding]:
    wanted = {app.name: ctx.store.apps.replicas(app) for app in apps}
    there = {app.name: ctx.schedulers.of(app).containers(app) for app in apps}
    running = {name: {found.label for found in ones if found.status == "running"} for name, ones in there.items()}
    return doctor.published(ctx.part(Probe).listeners(os.getpid()), wanted, running)


def _database(ctx: Context, apps: Sequence[App]) -> Iterator[Finding]:
    """Yield whether the database is undamaged and belongs to what runs. `intact.check` raises errors."""
    intact.check(ctx.paths, lambda instance: ctx.schedulers.containers())
    yield Finding(Level.OK, "files", f"{ctx.paths.database} is whole, and as new as what runs")


def _key_file(ctx: Context, apps: Sequence[App]) -> Iterator[Finding]:
    path = ctx.paths.secret_key
    yield doctor.key_file(str(path), ctx.host.mode(path))


def _disks(ctx: Context, apps: Sequence[App]) -> Iterable[Finding]:
    return doctor.disks(resources.disks(ctx), ctx.host.memory(), resources.floors(ctx))


def _host_keys(ctx: Context, apps: Sequence[App]) -> Iterable[Finding]:
    return doctor.host_keys(host_keys.changed(ctx), str(ctx.paths.host_keys))


FIRST = Look("engine", _engine), Look("ports", _published)
WRITTEN = Look("room", _written, host=True)
LOOKS = (
    Look("builds", _builds, host=True),
    Look("ports", _listening, host=True),
    Look("room", _disks, host=True),
    Look("files", _key_file, host=True),
    Look("files", _database, host=True),
    Look("files", _host_keys, host=True),
)
"""Examinations of the server itself, besides `FIRST` and `WRITTEN`."""
