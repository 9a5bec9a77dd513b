"""A whole instance with the real parts: daemon, SSH, Docker Engine, nginx; and a person who uses it."""

from __future__ import annotations

import http.client
import itertools
import os
import re
import select
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import listings
import ports

import paas

READY = re.compile(r"ready ssh=127\.0\.0\.1:(\d+) http=127\.0\.0\.1:(\d+)\n")
SECONDS = 60
FAULTY = Path(__file__).with_name("faulty_daemon.py")
"""The program of a daemon that meets a fault where a file says so."""
SOURCES = Path(paas.__file__).resolve().parent.parent
LABEL = "paas.instance"
_numbers = itertools.count()


class Result(NamedTuple):
    """What a program gave."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Answer:
    """An answer over HTTP."""

    status: int
    body: str
    headers: dict[str, str]


class Server:
    """A running ``paas serve`` with a data root of its own, and a key ``test`` with the role admin.

    The ports that it was given at first stay its own over restarts. ``program`` is run in place of ``paas`` when set.
    """

    wrapper: tuple[str, ...] = ()

    def __init__(self, folder: Path, *flags: str, program: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.key = folder / "key"
        self.flags = flags
        self.program = program
        self.ssh_port, self.http_port, self.https_port = ports.free(3)
        self.log = (folder / "serve.log").open("ab")
        self.daemon: subprocess.Popen[bytes] | None = None
        self._take_ports()
        self.start()
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(self.key))
        added = self.paas("ssh-keys:add test --role admin", stdin=self.key.with_suffix(".pub").read_text())
        assert added.status == 0, added.err

    def _take_ports(self) -> None:
        """A range of ports that no instance has that runs at the same time: one of them could take what another has
        just found free."""
        low = 20000 + 500 * (ports.WORKER * 3 + next(_numbers) % 3)
        self.root.mkdir()
        # Nor does it clean up by itself a minute after its start: tests say what is there, and take turns.
        # What is built here is the tests' own, on whatever engine there is.
        settings = {"port-range": f"{low}-{low + 499}", "cleanup-interval": "0s", "allow-unsafe-builds": "true"}
        # Other servers of the tests are on loopback, too.
        settings["egress-allow"] = "127.0.0.0/8,::1/128"
        (self.root / "paas.yml").write_text("".join(f"{key}: {value}\n" for key, value in settings.items()))

    # The daemon

    def start(self) -> None:
        """Starts the daemon and returns once it is ready."""
        self.daemon = subprocess.Popen(
            self._command(),
            cwd=self.folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.log,
        )
        assert self.daemon.stdout is not None
        readable, _, _ = select.select([self.daemon.stdout], [], [], SECONDS)
        line = self.daemon.stdout.readline().decode() if readable else ""
        match = READY.fullmatch(line)
        assert match, f"the daemon said {line!r} and logged:\n{self.said()}"
        self.ssh_port, self.http_port = int(match[1]), int(match[2])

    def refused(self) -> str:
        """What the daemon says that does not start; fails if it does."""
        refusal = _run(self._command(), "", _environment(), self.folder, SECONDS)
        assert (refusal.status, refusal.out) == (1, ""), refusal
        return refusal.err

    def _command(self) -> list[str]:
        return [
            *self.wrapper,
            *(self.program or (sys.executable, "-m", "paas")),
            *("serve", f"--root={self.root}"),
            *(f"--ssh-port={self.ssh_port}", f"--http-port={self.http_port}"),
            *(f"--https-port={self.https_port}", *self.flags),
        ]

    def said(self) -> str:
        """The daemon's log."""
        return (self.folder / "serve.log").read_text(errors="replace")

    def stop(self) -> int:
        """SIGTERM; the daemon's exit status. Apps and nginx serve on."""
        assert self.daemon is not None
        self.daemon.send_signal(signal.SIGTERM)
        return self._reap()

    def kill9(self) -> None:
        """SIGKILL, as in a crash. Apps and nginx serve on."""
        assert self.daemon is not None
        self.daemon.kill()
        self._reap()

    def restart(self) -> None:
        """Ends the daemon if it runs, and starts it again."""
        if self.daemon is not None:
            self.stop()
        self.start()

    def _reap(self) -> int:
        assert self.daemon is not None and self.daemon.stdout is not None
        status = self.daemon.wait(SECONDS)
        self.daemon.stdout.close()
        self.daemon = None
        return status

    # A person

    def paas(self, line: str, *, stdin: str = "", timeout: float = SECONDS * 10) -> Result:
        """The command, typed on the server itself."""
        argv = [sys.executable, "-m", "paas", f"--root={self.root}", *shlex.split(line)]
        return _run(argv, stdin, _environment(), self.folder, timeout)

    def ssh(self, line: str, *, stdin: str = "", timeout: float = SECONDS * 10) -> Result:
        """The command, typed after ``ssh -p PORT paas@HOST``."""
        argv = [*self.ssh_command(), "-p", str(self.ssh_port), "paas@127.0.0.1", line]
        return _run(argv, stdin, _environment(), self.folder, timeout)

    def ssh_command(self) -> list[str]:
        """The ssh program with what lets it in without a question."""
        options = ["BatchMode=yes", "IdentitiesOnly=yes", "StrictHostKeyChecking=accept-new", "LogLevel=ERROR"]
        options.append(f"UserKnownHostsFile={self.folder / 'known_hosts'}")
        return ["ssh", "-F", "/dev/null", "-i", str(self.key), *(word for option in options for word in ("-o", option))]

    def url(self, app: str) -> str:
        """Where the app is pushed to."""
        return f"ssh://paas@127.0.0.1:{self.ssh_port}/{app}"

    def git_environment(self) -> dict[str, str]:
        """The environment with which git gets in."""
        roles = ("AUTHOR_NAME", "AUTHOR_EMAIL", "COMMITTER_NAME", "COMMITTER_EMAIL")
        people = {f"GIT_{role}": "ada@example.org" for role in roles}
        return {**_environment(), **people, "GIT_SSH_COMMAND": shlex.join(self.ssh_command())}

    def git(self, folder: Path, *arguments: str, timeout: float = SECONDS * 10) -> Result:
        """Git in the folder, which gets in."""
        return _run(["git", *arguments], "", self.git_environment(), folder, timeout)

    def git_push(self, folder: Path, app: str, *refspecs: str) -> Result:
        """Commits all that is in the folder, and pushes it to the app: ``main``, or the refspecs."""
        if not (folder / ".git").exists():
            assert self.git(folder, "init", "-q", "-b", "main").status == 0
        assert self.git(folder, "add", "-A").status == 0
        assert self.git(folder, "commit", "-q", "--allow-empty", "-m", "change").status == 0
        return self.git(folder, "push", self.url(app), *(refspecs or ("main",)))

    def get(self, app: str, path: str = "/", *, host: str = "", headers: dict[str, str] | None = None) -> Answer:
        """``GET path`` of the app through nginx, as a browser asks for ``http://APP.localhost``."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=SECONDS)
        try:
            connection.request("GET", path, headers={"Host": host or f"{app}.localhost", **(headers or {})})
            response = connection.getresponse()
            body = response.read().decode(errors="replace")
            return Answer(response.status, body, {name.lower(): value for name, value in response.getheaders()})
        finally:
            connection.close()

    # The end

    def instance(self) -> str:
        """The id that everything of this instance carries in the engine."""
        database = sqlite3.connect(f"file:{self.root / 'paas.db'}?mode=ro", uri=True)
        try:
            return str(database.execute("SELECT value FROM instance WHERE key = 'id'").fetchone()[0])
        finally:
            database.close()

    def close(self) -> None:
        """``paas teardown --force``; fails if anything is left behind. Once more does nothing."""
        if self.log.closed:
            return
        instance = self.instance()
        removed = self.paas("teardown --force")
        if self.daemon is not None:
            self._reap()
        self.log.close()
        assert removed.status == 0, removed.err
        assert not self.root.exists()
        assert left_in_engine(instance) == []


def left_in_engine(instance: str) -> list[str]:
    """Containers, networks and images that carry the label of the instance."""
    label = f"{LABEL}={instance}"
    found = [f"container {(row['Names'] or [row['Id']])[0]}" for row in listings.containers(label)]
    found += [f"network {name}" for name in listings.networks(label)]
    return found + [f"image {image}" for image in listings.images(label)]


def eventually(condition, seconds: float = SECONDS):  # type: ignore[no-untyped-def]
    """The condition's first true value; fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        select.select([], [], [], 0.02)
    return value


def run(*argv: str) -> None:
    """A program that has to succeed."""
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, capture_output=True)


def _run(argv: list[str], stdin: str, environment: dict[str, str], folder: Path, timeout: float) -> Result:
    done = subprocess.run(
        argv, input=stdin.encode(), capture_output=True, env=environment, cwd=folder, timeout=timeout, check=False
    )
    return Result(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def _environment() -> dict[str, str]:
    """This process's own, without what would lead elsewhere; the package is found wherever the tests found it."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PAAS_ROOT", "SSH_AUTH_SOCK")}
    path = os.pathsep.join([kept.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    own = {"PYTHONPATH": str(SOURCES), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    return {**kept, **own, "PATH": path}
