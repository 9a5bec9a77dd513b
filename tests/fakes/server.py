"""A server made of fakes, that a test talks to as users do: commands, and pushes with the real git client."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import socket
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fakes import commits
from fakes.apart import FakeRootless
from fakes.authority import FakeAcme, FakeDnsHooks, FakeResolver
from fakes.builds import FakeBuilder
from fakes.cluster import FakeCluster
from fakes.confined import FakeConfined
from fakes.containers import FakeScheduler
from fakes.edge import FakeProxy
from fakes.gates import SECONDS, Gates, Unexpected, eventually
from fakes.host import FakeHost
from fakes.probe import FakeProbe
from fakes.processes import Behaviour
from fakes.push_session import PushSession, Result
from fakes.remotes import FakeRemotes
from fakes.tasks import FakeTasks
from fakes.times import FakeClock
from paas.apps import lifecycle
from paas.apps.changes import change
from paas.builders.rootless import Rootless
from paas.certs.clients import AcmeClients
from paas.certs.loop import Issuer
from paas.commands.invocation import Invocation, Terminal
from paas.core.access.caller import Access, Caller
from paas.core.edge.address import Address
from paas.core.errors import Disconnected, DockerError, PaasError
from paas.core.model import App
from paas.cron.ticker import CronTicker
from paas.daemon.wiring import instance_id, wire
from paas.dispatch.dispatcher import Dispatcher
from paas.dispatch.features import FEATURES, open_store
from paas.git.remotes import Remotes
from paas.git.repository import repository_of
from paas.health.liveness import Liveness
from paas.health.liveness_state import LivenessState
from paas.jobs.context import Context
from paas.jobs.feature import Feature
from paas.jobs.output import Output
from paas.jobs.parts import Parts
from paas.jobs.timers import Timers
from paas.logs.archive import LogArchive
from paas.releases.deploy import Commit, deploy
from paas.releases.retire import Retirer
from paas.runs.active import Oneoffs
from paas.sandboxes import sandboxes
from paas.sandboxes.sandboxes import Expiry
from paas.schedulers.tasks import Tasks
from paas.server import reconcile
from paas.system.confined import Confined
from paas.system.paths import Paths
from paas.system.probe import Probe
from paas.system.settings_file import SettingsFile

ADMIN = Caller("admin", Access.ADMIN, "local")
DEPLOYER = Caller("alice", Access.DEPLOY, "ssh", "192.0.2.7", "SHA256:alice")
VIEWER = Caller("victor", Access.VIEW, "ssh", "192.0.2.8", "SHA256:victor")

DOCKERFILE = 'FROM scratch\nCMD ["/app"]\n'
_FITS = 16_384
"""Bytes that a socket takes at once, without a reader."""
INTERNAL = "internal server error"

class Session:
    """One running command, in its own thread."""

    def __init__(self, server: Server, invocation: Invocation, client: socket.socket) -> None:
        self._server = server
        self._invocation = invocation
        self._client = client
        self._out = bytearray()
        self._err = bytearray()
        self._status = -1
        invocation.stdout = lambda data: self._take(self._out, data)
        invocation.stderr = lambda data: self._take(self._err, data)
        self._thread = threading.Thread(target=self._run, name="session", daemon=True)
        self._thread.start()

    @property
    def out(self) -> str:
        """Standard output so far."""
        return self._out.decode()

    @property
    def raw(self) -> bytes:
        """Standard output so far, byte for byte."""
        return bytes(self._out)

    @property
    def err(self) -> str:
        """Standard error so far."""
        return self._err.decode()

    def hang_up(self) -> None:
        """Disconnect the client, as with Ctrl-C."""
        self._invocation.gone.set()
        self._client.close()

    def resize(self, columns: int, rows: int) -> None:
        """Set the size of the client's window."""
        kind = self._invocation.terminal.kind if self._invocation.terminal else "dumb"
        self._invocation.terminal = Terminal(columns, rows, kind)
        for callback in list(self._invocation.on_resize):
            callback(self._invocation.terminal)

    def type(self, data: bytes) -> None:
        """Send input from the client without ending it."""
        self._client.sendall(data)

    def over(self) -> bool:
        """Return True if the command has ended."""
        return not self._thread.is_alive()

    def wait(self) -> Result:
        """Wait until the command has ended. Return its result."""
        self._thread.join(SECONDS)
        if self._thread.is_alive():
            raise Unexpected(f"{self._invocation.argv} did not end; so far it said {self.out!r} {self.err!r}")
        self._client.close()
        return Result(self._status, self.out, self.err)

    def wait_raw(self) -> tuple[int, bytes]:
        """Wait until the command has ended. Return its exit status, and its standard output as bytes."""
        self._thread.join(SECONDS)
        return self._status, self.raw

    def _take(self, stream: bytearray, data: bytes) -> None:
        if self._invocation.gone.is_set():
            raise Disconnected
        stream += data

    def _run(self) -> None:
        with self._invocation.stdin:
            self._status = self._server.dispatch(self._invocation)


class Server:
    """An instance in ``root``. ``web`` and ``worker`` behave well unless ``scheduler.tell`` says otherwise.

    After each command that was waited for, it waits until nothing runs in the background, unless a gate is closed.
    Internal errors and mistakes that a fake noticed fail the test.
    """

    def __init__(
        self,
        root: Path,
        flags: Mapping[str, str] | None = None,
        *,
        like: Server | None = None,
        cluster: bool = False,
        settled: bool = False,
        features: Sequence[Feature] = FEATURES,
    ) -> None:
        """Create the instance. ``cluster``: with a second scheduler, `self.cluster`.

        ``like`` is the one whose folder was copied; ``settled`` if that was stopped cleanly, and serves everything.
        """
        self.root = root
        self.paths = Paths(root)
        self.paths.prepare()
        self.flags = dict(flags or {})
        store = open_store(root, features)
        self.gates = Gates()
        self.clock = FakeClock()
        self.scheduler = FakeScheduler(self.gates, instance_id(store))
        self.proxy = FakeProxy(self.gates, self._reached)
        self.tasks = FakeTasks(self.scheduler)
        self.scheduler.tasks = self.tasks
        self.scheduler.served = self.proxy.addresses
        self.cluster: FakeCluster | None = self._cluster(like.cluster if like else None, new=cluster)
        self._find(like)
        self.probe = FakeProbe(self.scheduler, self.cluster)
        self.builder = FakeBuilder(self.gates, self.scheduler.add_image, self.scheduler.image)
        self.host = FakeHost()
        self.rootless = FakeRootless()
        self.hooks = FakeDnsHooks()
        self.resolver = FakeResolver()
        self.acme = FakeAcme(self.clock, self.hooks.records)
        self.remotes = FakeRemotes(self.paths.work)
        self.confined = FakeConfined()
        settings = SettingsFile(root / "paas.yml", self.flags)
        self.ctx: Context = wire(
            self.paths,
            settings,
            store,
            schedulers=[self.scheduler, *([self.cluster] if self.cluster else [])],
            engine=self.scheduler,
            proxy=self.proxy,
            builder=self.builder,
            clock=self.clock,
            host=self.host,
            parts=self._parts(),
            features=features,
        )
        self.issuer = Issuer(self.ctx)
        self.dispatch = Dispatcher(self.ctx)
        self.liveness = Liveness(self.ctx)
        self.timers = Timers(self.ctx)
        self.cron = self.ctx.part(CronTicker)
        self._files: dict[str, dict[str, str]] = {}
        self._commits = 0
        self._sources: dict[str, Path] = {}
        if like is not None:
            # Copied when they are used: most tests push nothing more.
            self._sources |= {app: like.source(app) for app in like._files}
            self._files |= {app: dict(files) for app, files in like._files.items()}
            self._commits = like._commits
        self.proxy.prepare()
        if not settled:
            reconcile.settle(self.ctx)
        with contextlib.suppress(DockerError):
            self.ctx.part(Oneoffs).settle()
            sandboxes.settle(self.ctx)
        self.ctx.part(LogArchive).start()

    def _cluster(self, found: FakeCluster | None, *, new: bool) -> FakeCluster | None:
        if found is not None:
            found.attach(self.scheduler, self.tasks, self.proxy.addresses)
        elif new:
            found = FakeCluster(self.scheduler, self.tasks, self.proxy.addresses)
        if found is not None:
            self.tasks.elsewhere = found.here
        return found

    def _find(self, like: Server | None) -> None:
        """Take over the state of the other instance, or begin with well-behaved processes."""
        if like is not None:
            self.scheduler.take_over(like.scheduler)
            self.proxy.take_over(like.proxy)
            self.tasks.take_over(like.tasks)
        else:
            self.scheduler.tell("web", Behaviour())
            self.scheduler.tell("worker", Behaviour())

    def _reached(self) -> set[Address]:
        """Return the addresses at which something takes requests."""
        return self.scheduler.addresses() | (self.cluster.addresses() if self.cluster else set())

    def _parts(self) -> Parts:
        """Return fakes for parts that would affect the host."""
        parts = Parts()
        parts.put(Tasks, self.tasks)
        parts.put(Rootless, self.rootless)
        parts.put(Probe, self.probe)
        parts.put(AcmeClients, AcmeClients(self.acme, self.hooks, self.resolver))
        parts.put(Remotes, self.remotes)
        parts.put(Confined, self.confined)
        return parts

    # Commands

    def run(
        self,
        line: str | Sequence[str],
        *,
        stdin: bytes | str = b"",
        caller: Caller = ADMIN,
        terminal: Terminal | None = None,
        may_break: bool = False,
    ) -> Result:
        """Type the line, split as a shell does, and return the result for the user."""
        result = self.begin(line, stdin=stdin, caller=caller, terminal=terminal).wait()
        self.quiet()
        if INTERNAL in result.err and not may_break:
            raise Unexpected(result.err)
        return result

    def begin(
        self,
        line: str | Sequence[str],
        *,
        stdin: bytes | str | None = b"",
        caller: Caller = ADMIN,
        terminal: Terminal | None = None,
        set_raw: Callable[[bool], None] = lambda raw: None,
    ) -> Session:
        """Type the line and return at once. ``stdin`` None: the input stays open and silent."""
        client, served = socket.socketpair()
        if stdin is not None:
            data = stdin.encode() if isinstance(stdin, str) else stdin
            if len(data) <= _FITS:
                _feed(client, data)
            else:
                threading.Thread(target=_feed, args=(client, data), daemon=True).start()
        argv = shlex.split(line) if isinstance(line, str) else list(line)
        nothing = bytearray()
        invocation = Invocation(argv, caller, served, nothing.extend, nothing.extend, terminal, set_raw=set_raw)
        return Session(self, invocation, client)

    # Pushes

    def source(self, app: str) -> Path:
        """Return the user's own repository of the app."""
        folder = self.root / "users" / app
        if app in self._sources and not folder.exists():
            shutil.copytree(self._sources[app], folder)
        elif not folder.exists():
            commits.init(folder)
        return folder

    def commit(self, app: str, files: Mapping[str, str | None] | None = None, branch: str = "main") -> str:
        """Create a commit on the branch of the user's repository: the previous files with these changes, None removes
        one.

        Without any file the app has a Dockerfile that the builder accepts.
        """
        self._commits += 1
        kept = self._files.setdefault(app, {"Dockerfile": DOCKERFILE})
        for path, content in (files or {}).items():
            kept.pop(path, None) if content is None else kept.update({path: content})
        repository = self.source(app)
        head = repository / "refs/heads" / branch
        parents = [head.read_text(encoding="ascii").strip()] if head.exists() else []
        id_ = commits.write(repository, kept, parents, f"change {self._commits}")
        commits.point(head, id_)
        return id_

    def begin_push(self, app: str, *refspecs: str, caller: Caller = ADMIN) -> PushSession:
        """Start a ``git push`` of the commits, ``main`` by default; return at once."""
        return PushSession(self, app, ["push", "URL", *(refspecs or ("main",))], caller)

    def push(
        self,
        app: str,
        files: Mapping[str, str | None] | None = None,
        *refspecs: str,
        branch: str = "main",
        caller: Caller = ADMIN,
    ) -> Result:
        """Commit the files to the branch and push it, or the refspecs."""
        self.commit(app, files, branch)
        result = self.begin_push(app, *(refspecs or (branch,)), caller=caller).wait()
        self.quiet()
        if INTERNAL in result.err or "internal error" in result.err:
            raise Unexpected(result.err)
        return result

    def deployed(self, app: str = "hello", files: Mapping[str, str | None] | None = None) -> App:
        """Deploy what a push of the files would, which must succeed. Return the app.

        It omits the conversation with a git client, which is three times as fast.
        """
        self._deploy(app, files, self.ctx.out)
        return self.app(app)

    def try_deploy(self, app: str, files: Mapping[str, str | None]) -> Result:
        """Do what `deployed` does, but allow failure. Return what a pusher would read."""
        told = bytearray()
        try:
            self._deploy(app, files, Output(told.extend, told.extend))
            return Result(0, "", told.decode())
        except PaasError as error:
            self.quiet()
            return Result(1, "", "\n".join([told.decode(), *error.lines()]))

    def _deploy(self, app: str, files: Mapping[str, str | None] | None, out: Output) -> None:
        commit = Commit(self.commit(app, files), ADMIN.name, "git push")
        ctx = replace(self.ctx, caller=ADMIN, out=out)
        found = ctx.store.apps.find(app) or lifecycle.register(ctx, app)
        repository = repository_of(ctx, found).path
        commits.give(self.source(app), repository)
        commits.point(repository / "refs" / "heads" / "main", commit.id)
        ctx.store.properties.set(found, "git", "deploy-branch", "main")
        change(ctx, found, "push", commit.cause, lambda job: deploy(ctx, job.app, job, commit))
        self.quiet()

    # Looking

    def app(self, name: str = "hello") -> App:
        """Return the present state of the app."""
        return self.ctx.store.apps.get(name)

    def config(self, name: str = "hello") -> dict[str, str]:
        """Return the app's own variables, in clear."""
        return {key: secret.reveal() for key, secret in self.ctx.store.config.all(self.app(name)).items()}

    def quiet(self) -> None:
        """Wait until no job and nothing else runs in the background, unless a gate is closed."""
        if not self.gates.held():
            retirer, logs = self.ctx.part(Retirer), self.ctx.part(LogArchive)
            eventually(lambda: self.ctx.jobs.idle() and retirer.idle() and logs.idle(), "quiet")
        mistakes = self.scheduler.mistakes + (self.cluster.mistakes if self.cluster else [])
        if mistakes:
            raise Unexpected("; ".join(mistakes))

    # The daemon's life

    def killed(self, root: Path) -> Server:
        """Return a daemon that finds, in ``root``, what this one would leave if it were killed now."""
        left_out = shutil.ignore_patterns("paas.db*", "users")
        shutil.copytree(self.root, root, symlinks=True, ignore=left_out)
        with contextlib.closing(sqlite3.connect(self.root / "paas.db")) as old, contextlib.closing(
            sqlite3.connect(root / "paas.db")
        ) as new:
            old.backup(new)
        return Server(root, self.flags, like=self, features=self.ctx.features)

    def look_after(self, seconds: float = 0.0) -> None:
        """Let that many seconds pass, then run the due liveness checks."""
        self.clock.advance(seconds)
        self.liveness.tick()
        eventually(self.ctx.part(LivenessState).idle, "the end of the liveness checks")
        self.liveness.tick()
        eventually(self.ctx.part(LivenessState).idle, "the end of the liveness checks")
        self.quiet()

    def issue(self, seconds: float = 0.0) -> None:
        """Let that many seconds pass, then order the due certificates."""
        self.clock.advance(seconds)
        self.issuer.tick()
        self.quiet()

    def repair(self) -> None:
        """Do what the daemon does in the background after its start."""
        for scheduler in self.ctx.schedulers:
            reconcile.repair(self.ctx, scheduler)
        self.quiet()

    def close(self) -> None:
        """End all background work, and close the database."""
        self.liveness.stop()
        self.timers.stop()
        self.cron.stop()
        self.ctx.part(Expiry).stop()
        eventually(lambda: not self.cron.starting() and self.ctx.part(Expiry).idle(), "what is due")
        self.ctx.part(Oneoffs).shut_down()
        self.tasks.end_all()
        self.ctx.jobs.stop(SECONDS)
        self.ctx.part(Retirer).stop()
        self.ctx.part(LogArchive).stop()
        eventually(self.ctx.part(Retirer).idle, "the end of what retires")
        self.ctx.store.close()


def _feed(client: socket.socket, data: bytes) -> None:
    # A command that needs no input leaves it unread.
    with contextlib.suppress(OSError):
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
