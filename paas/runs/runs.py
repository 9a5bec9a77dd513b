"""``run`` and ``enter``: run commands in a new container of the current release, or in a running one."""

from __future__ import annotations

import collections
import shlex
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from paas.core.containers import shell_line
from paas.core.errors import Disconnected, DockerError, InvalidValue, NotFound, PaasError
from paas.core.logs import line as logline
from paas.core.logs.line import Style
from paas.core.model import App, Container, Release
from paas.core.runs import oneoff
from paas.core.runs.oneoff import Run, RunStatus
from paas.core.secret import Secret
from paas.core.times import timestamp
from paas.jobs.context import Context
from paas.releases import container_settings
from paas.runs.active import Oneoffs
from paas.runs.console import Console, Size, connect
from paas.runs.requests import ActiveRun, RunRequest
from paas.schedulers.tasks import Tasks

SHELL = ["/bin/sh", "-c", "if command -v bash >/dev/null; then exec bash; else exec sh; fi"]
"""Command if none is given: bash if the image has it, else sh."""

CLIENT_WENT = "its client disconnected"
_RECHECK_SECONDS = 0.5
_LONGEST_LINE = 1 << 20


@dataclass(frozen=True)
class RunOptions:
    """Options of a run: the words of the command, additional variables, and the time limit in seconds, None for the
    app's own."""

    words: Sequence[str]
    extra: Mapping[str, Secret]
    ttl: float | None = None


def command_of(release: Release, words: Sequence[str]) -> list[str] | None:
    """Return the arguments for the words. The first word may be a process type, which stands for its command.

    A single word is a command line as in the Procfile, run by a shell if necessary. None is the image's own command.
    """
    process = release.process(words[0])
    if process is not None and process.command is None and len(words) == 1:
        return None
    if process is not None and process.command is not None:
        rest = f" {shlex.join(words[1:])}" if len(words) > 1 else ""
        return shell_line.argv(process.command + rest)
    return shell_line.argv(words[0]) if len(words) == 1 else list(words)


def order(
    ctx: Context,
    app: App,
    wanted: RunOptions,
    *,
    attached: bool,
    interactive: bool,
    terminal: Size | None,
    kind: str = "",
) -> RunRequest:
    """Return the request for a run of the current release. Raise an error if the app has none."""
    release = ctx.store.releases.deployed(app)
    properties = ctx.store.properties.of(app)
    scheduler = ctx.schedulers.of(app)
    scheduler.prepare(app)
    return RunRequest(
        app=app,
        release=release,
        kind=oneoff.RUN,
        command=wanted.words[0] if len(wanted.words) == 1 else shlex.join(wanted.words),
        argv=command_of(release, wanted.words),
        actor=ctx.caller.name,
        ttl=float(properties.value("run", "ttl")) if wanted.ttl is None else wanted.ttl,
        limits=container_settings.of_runs(ctx, app),
        network=scheduler.tasks.app_network(app.id),
        rev_variable=properties.text("git", "rev-env-var"),
        extra=wanted.extra,
        terminal=terminal,
        kind_of_terminal=kind,
        interactive=interactive,
        attached=attached,
    )


def run(ctx: Context, app: App, wanted: RunOptions, console: Console, *, on_disconnect: str = "") -> int:
    """Run the command connected with the client. Return its exit status.

    If the client disconnects, ``on_disconnect`` (``kill``, ``keep``) or the app's property decides whether it ends.
    """
    policy = on_disconnect or ctx.store.properties.of(app).text("run", "on-disconnect")
    asked = order(
        ctx, app, wanted, attached=policy == "kill", interactive=True, terminal=console.size(), kind=console.kind
    )
    live = ctx.part(Oneoffs).create(asked)
    with ctx.part(Oneoffs).preparing(live):
        stream = live.tasks.attach(live.container_id, terminal=console.terminal)
    ctx.part(Oneoffs).start(live)
    try:
        connect(console, stream, lambda columns, rows: live.tasks.resize(live.container_id, columns, rows))
        return conclude(ctx, live)
    except Disconnected:
        if asked.attached:
            ctx.part(Oneoffs).stop(live, RunStatus.STOPPED, CLIENT_WENT, hang_up=console.terminal)
        raise


def conclude(ctx: Context, live: ActiveRun) -> int:
    """Wait for the run's end. Return its exit status. Print a warning if it was stopped."""
    while not live.done.wait(_RECHECK_SECONDS):
        if ctx.gone.is_set():
            raise Disconnected
    result = live.result
    if result.exit_code is None:
        raise PaasError(
            f"{result.label} ended with an unknown status", why="Its container was removed.", code="run-lost"
        )
    if result.note:
        ctx.out.warning(f"{result.label}: {result.note}")
    return result.exit_code


def detach(ctx: Context, app: App, wanted: RunOptions, *, terminal: Size | None) -> Run:
    """Start the command detached."""
    live = ctx.part(Oneoffs).create(order(ctx, app, wanted, attached=False, interactive=False, terminal=terminal))
    ctx.part(Oneoffs).start(live)
    return live.run


@dataclass(frozen=True)
class RunInfo:
    """Row of ``run:list``."""

    name: str
    state: str
    exit: int | None
    release: str
    by: str
    started: str
    finished: str
    command: str
    note: str


def info(run: Run) -> RunInfo:
    """Return the row of the run."""
    finished = timestamp(run.finished_at) if run.finished_at is not None else ""
    return RunInfo(
        run.label, run.status.value, run.exit_code, f"v{run.version}", run.actor, timestamp(run.started_at), finished,
        run.command, run.note,
    )  # fmt: skip


def find(ctx: Context, app: App, name: str) -> Run:
    """Return the run of that name, ``run.3`` or ``3``; for an empty name the app's last one, without cron runs."""
    if not name:
        last = ctx.store.runs.all(app, kind=oneoff.RUN, limit=1)
        if not last:
            raise NotFound(f"{app.name} has no runs", fix=f"Start one: 'run {app.name} COMMAND'.", code="no-such-run")
        return last[0]
    number = name.removeprefix(f"{oneoff.RUN}.")
    if not number.isdecimal():
        raise InvalidValue(f"{name!r} is not a run", why="A run is written as run.3 or 3.", code="invalid-run")
    return ctx.store.runs.get(app, int(number))


def stop(ctx: Context, app: App, name: str) -> list[Run]:
    """Stop the run, or for an empty name all runs except those of cron. Return the stopped runs."""
    if name:
        run = find(ctx, app, name)
        live = ctx.part(Oneoffs).find(run.id)
        if live is None:
            raise NotFound(f"{run.label} is no longer running", why=f"It {run.status.value}.", code="run-is-over")
        ending = [live]
    else:
        ending = ctx.part(Oneoffs).active(app, kind=oneoff.RUN)
    for live in ending:
        ctx.part(Oneoffs).stop(live, RunStatus.STOPPED, f"stopped by {ctx.caller.name}")
    return [live.run for live in ending]


def show_log(ctx: Context, run: Run, lines: int, style: Style, *, follow: bool) -> None:
    """Print the last lines of the run's output; with ``follow``, continue until its end."""

    def show(raw: Sequence[bytes]) -> None:
        ctx.out.result(b"".join(style.show(logline.parse(line, run.label)) for line in raw))

    live = ctx.part(Oneoffs).find(run.id)
    if live is not None and live.logged and _show_live(ctx, live, lines, show, follow=follow):
        return
    path = ctx.part(Oneoffs).log_path(run.id)
    if path.exists():
        with path.open("rb") as file:
            show(list(collections.deque(file, lines)))
    elif run.attached:
        ctx.out.warning(f"{run.label} was connected with its client; its output was sent there and not stored.")


def _show_live(
    ctx: Context, live: ActiveRun, lines: int, show: Callable[[Sequence[bytes]], None], *, follow: bool
) -> bool:
    """Print the log of an active run. Return False if it ended just now and Docker no longer has its log."""
    try:
        if follow:
            _follow(ctx, live, lines, show)
            return True
        found = live.tasks.log(live.container_id, lines)
    except DockerError:
        if not live.done.is_set():
            raise
        return False
    show(found)
    return bool(found) or not live.done.is_set()


def _follow(ctx: Context, live: ActiveRun, lines: int, show: Callable[[Sequence[bytes]], None]) -> None:
    over = threading.Event()

    def read(chunks: Iterator[bytes]) -> None:
        pending = b""
        try:
            for chunk in chunks:
                *whole, pending = (pending + chunk).split(b"\n")
                if len(pending) > _LONGEST_LINE:
                    whole, pending = [*whole, pending], b""
                show(whole)
            show([pending] if pending else [])
        except Disconnected:
            return
        finally:
            over.set()

    with live.tasks.follow(live.container_id, lines) as chunks:
        threading.Thread(target=read, args=(chunks,), name="run-log", daemon=True).start()
        while not over.wait(_RECHECK_SECONDS):
            if ctx.gone.is_set():
                raise Disconnected


def enter(
    ctx: Context, app: App, process: str, words: Sequence[str], console: Console, *, on_disconnect: str = ""
) -> int:
    """Run the command, or a shell, in a running container of the app. Return its exit status. See `execute`."""
    tasks = ctx.schedulers.of(app).tasks
    return execute(tasks, _container(ctx, app, process), words, console, on_disconnect=on_disconnect)


def _container(ctx: Context, app: App, process: str) -> str:
    for live in ctx.part(Oneoffs).active(app):
        if live.run.label == process:
            return live.container_id
    there = [found for found in ctx.schedulers.of(app).containers(app) if found.status == "running"]
    matching = [found for found in there if logline.matches(found.label, process)]
    if not matching:
        named = sorted({found.label for found in there} | {live.run.label for live in ctx.part(Oneoffs).active(app)})
        raise NotFound(
            f"{app.name} has no running container {process}".rstrip(),
            why=f"Running: {', '.join(named)}" if named else "None of its processes is running.",
            fix=f"'ps {app.name}' lists them; 'run {app.name} COMMAND' starts a new one.",
            code="no-such-container",
        )

    def preference(found: Container) -> tuple[bool, int, int]:
        return found.process_type != "web", -found.release, found.index

    return min(matching, key=preference).id


def execute(
    tasks: Tasks, container_id: str, words: Sequence[str], console: Console, *, on_disconnect: str = ""
) -> int:
    """Run the words, or a shell for none, in that container, connected with the client. Return the exit status.

    If the client disconnects, the command is ended unless ``on_disconnect`` is ``keep``.
    """
    argv = shell_line.argv(words[0]) if len(words) == 1 else list(words) or SHELL
    environment = {"TERM": console.kind} if console.terminal else {}
    running = tasks.exec(container_id, argv, terminal=console.terminal, environment=environment)
    try:
        connect(console, running.stream, running.resize)
    except Disconnected:
        if on_disconnect != "keep":
            running.hang_up()
        raise
    return running.wait()
