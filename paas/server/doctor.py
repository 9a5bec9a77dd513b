"""Looking over the whole host, or what concerns one app, and saying what is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator

from paas.apps import locks
from paas.builders import isolation
from paas.builders.rootless import Rootless
from paas.certs.clients import AcmeClients
from paas.core.builds import safety
from paas.core.edge.hosts import is_pattern
from paas.core.errors import DockerError, PaasError
from paas.core.health.outcome import Answer
from paas.core.model import App, Container
from paas.core.server import doctor, doctor_docker, doctor_tls
from paas.core.server.doctor import Finding, Level
from paas.edge import addresses, publish, rules, tls
from paas.health.liveness_state import LivenessState
from paas.jobs.context import Context
from paas.releases.retire import Retirer
from paas.server import host_keys, intact, resources
from paas.system.probe import Probe

ENGINE_DOWN = "engine-down"
LOOPBACK_NAMES = ("localhost", ".localhost")


def examine(ctx: Context, app: App | None = None) -> list[Finding]:
    """Every finding: those of the app, or for None of the host and all apps."""
    apps = [app] if app else ctx.store.apps.all()
    looks: list[tuple[str, Callable[[], Iterable[Finding]]]] = [
        ("engine", lambda: _engine(ctx)),
        ("ports", lambda: _published(ctx, apps)),
        ("dns", lambda: _domains(ctx, apps)),
        ("certificates", lambda: _certificates(ctx, apps)),
        ("drift", lambda: _drift(ctx, apps)),
        ("locks", lambda: _locks(ctx, apps)),
    ]
    if app is None:
        looks += [
            ("builds", lambda: _builds(ctx)),
            ("nginx", lambda: _nginx(ctx)),
            ("ports", lambda: _listening(ctx)),
            ("room", lambda: doctor.disks(resources.disks(ctx), ctx.host.memory(), resources.floors(ctx))),
            ("files", lambda: [_key_file(ctx)]),
            ("files", lambda: _database(ctx)),
            ("files", lambda: doctor.host_keys(host_keys.changed(ctx), str(ctx.paths.host_keys))),
            # Last: where there is much to measure, the engine is not waited for, and nothing more is asked of it then.
            ("room", lambda: _written(ctx)),
        ]
    found: list[Finding] = []
    with ctx.scheduler.briefly():
        for subject, look in looks:
            found += _looked(subject, look, silent={finding.code for finding in found})
    return found


def _looked(subject: str, look: Callable[[], Iterable[Finding]], silent: Collection[str]) -> list[Finding]:
    """What was found; that it could not be looked at is a finding, too. ``silent`` are codes of before."""
    try:
        return list(look())
    except PaasError as error:
        if error.code == ENGINE_DOWN and ENGINE_DOWN in silent:
            why = "The container engine does not answer, see above."
            return [Finding(Level.ADVICE, subject, "this could not be looked at", why, "", "not-looked-at")]
        return [Finding(Level.PROBLEM, subject, error.what, error.why, error.fix, error.code)]


def _engine(ctx: Context) -> Iterator[Finding]:
    version = ctx.scheduler.version()
    yield from doctor.engine(version, userland_proxy=ctx.host.runs("docker-proxy"))
    yield from doctor_docker.restarts(live_restore=ctx.scheduler.live_restore())
    if not isolation.wanted(ctx):
        yield from doctor.escapes(version, allowed=ctx.settings.value(safety.SETTING))


def _written(ctx: Context) -> Iterator[Finding]:
    try:
        yield from doctor_docker.written(ctx.scheduler.written())
    except DockerError as error:
        what = "what containers have written could not be measured in time"
        yield Finding(Level.ADVICE, "room", what, error.what, "'docker ps --size' shows it.", "not-looked-at")


def _builds(ctx: Context) -> Iterator[Finding]:
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


def _nginx(ctx: Context) -> Iterator[Finding]:
    if ctx.proxy.running() and not ctx.proxy.sound():
        yield Finding(
            Level.PROBLEM, "nginx", "files or sockets of nginx were removed", f"They are below {ctx.paths.nginx}.",
            "The server puts them back within seconds; its log says what keeps it from that.", "nginx-files",
        )  # fmt: skip
    elif ctx.proxy.running():
        yield Finding(Level.OK, "nginx", f"{ctx.proxy.version()} runs")
    else:
        yield Finding(Level.PROBLEM, "nginx", "nginx does not run", "", "Its error log says why.", "nginx-down")
    old = ctx.proxy.waiting()
    yield from doctor.old_workers(old.workers, old.clients, old.most, old.ended)
    # What listens on all addresses answers on loopback, too.
    listen = str(ctx.settings.value("listen"))
    address = "127.0.0.1" if listen in ("0.0.0.0", "::") else listen
    trusted = rules.server_options(ctx).trusted
    # Behind the PROXY protocol, nginx answers nobody who does not speak it.
    before = b"PROXY UNKNOWN\r\n" if trusted and trusted.proxy_protocol else b""
    port = ctx.settings.value("http-port")
    answer = ctx.part(Probe).get(address, port, "/", {"Host": "doctor.invalid"}, 5.0, before=before)
    if isinstance(answer, Answer):
        yield Finding(Level.OK, "nginx", "it answers requests")
    else:
        yield Finding(
            Level.PROBLEM, "nginx", f"no answer over HTTP: {answer}", "", "Its error log says why.", "nginx-silent"
        )


def _listening(ctx: Context) -> Iterator[Finding]:
    ports = {name: int(ctx.settings.value(f"{name}-port")) for name in ("ssh", "http", "https")}
    return doctor.listening(ctx.part(Probe).listeners(os.getpid()), ports)


def _published(ctx: Context, apps: list[App]) -> Iterator[Finding]:
    wanted = {app.name: ctx.store.apps.replicas(app) for app in apps}
    there = {app.name: ctx.scheduler.containers(app) for app in apps}
    running = {name: {found.label for found in ones if found.status == "running"} for name, ones in there.items()}
    return doctor.published(ctx.part(Probe).listeners(os.getpid()), wanted, running)


def _domains(ctx: Context, apps: list[App]) -> Iterator[Finding]:
    owners = {name: app.name for app in apps for name in ctx.store.apps.domains(app) if _in_dns(name)}
    # The one that says which domains lead here when certificates are got, where one is set.
    server = str(ctx.settings.value("dns-server") or "")
    asked = ctx.part(AcmeClients).resolver.addresses(list(owners), server) if server and owners else None
    resolved = asked if asked is not None else ctx.host.resolve(list(owners), doctor.RESOLVE_SECONDS)
    return doctor.domains(owners, resolved, addresses.leading_here(ctx))


def _certificates(ctx: Context, apps: list[App]) -> Iterator[Finding]:
    for app in apps:
        served = tls.assigned(ctx, app, publish.all_hosts(ctx, app))
        yield from doctor_tls.certificates(app.name, served, ctx.clock.now())
        yield from doctor_tls.attempts(app.name, ctx.store.acme.attempts(app))


def _in_dns(name: str) -> bool:
    return not name.endswith(LOOPBACK_NAMES) and not is_pattern(name)


def _drift(ctx: Context, apps: list[App]) -> Iterator[Finding]:
    for app in apps:
        # What is under way explains every difference.
        if not ctx.jobs.of(app):
            its = {label: why for (number, label), why in ctx.part(LivenessState).stalled.items() if number == app.id}
            yield from doctor_docker.stalled(app.name, its)
            yield from doctor.drift(app.name, ctx.store.apps.replicas(app), _details(ctx, app))


def _details(ctx: Context, app: App) -> list[Container]:
    leaving = ctx.part(Retirer).retiring()
    looked = [ctx.scheduler.inspect(found.id) for found in ctx.scheduler.containers(app) if found.id not in leaving]
    return [container for container in looked if container is not None]


def _locks(ctx: Context, apps: list[App]) -> Iterator[Finding]:
    now = ctx.clock.now()
    for app in apps:
        yield from doctor.locks(app.name, locks.current(ctx, app), now)
        running = {job.who: ctx.store.deployments.get(job.id).started_at for job in ctx.jobs.of(app)}
        yield from doctor.overdue(running, ctx.settings.value("build-timeout") + 3600, now)


def _database(ctx: Context) -> Iterator[Finding]:
    """Its pages, and whether it is the one that belongs to what runs: `intact.check` raises what is wrong."""
    intact.check(ctx.paths, lambda instance: ctx.scheduler.containers())
    yield Finding(Level.OK, "files", f"{ctx.paths.database} is whole, and as new as what runs")


def _key_file(ctx: Context) -> Finding:
    path = ctx.paths.secret_key
    return doctor.key_file(str(path), ctx.host.mode(path))
