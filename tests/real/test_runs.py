"""One-off commands with the real engine, ssh and terminals: full-screen programs, a gigabyte each way, lost clients."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import listings
import pytest
from instance import Server, eventually
from screen import Screen

pytestmark = pytest.mark.real("docker", "git", "nginx", "ssh")

GIGABYTE = 1 << 30
BLOCK = 1 << 20
FLAT = 64 << 20
"""Bytes that the daemon's memory may grow by while a gigabyte passes: its buffers, and what the allocator keeps."""


@pytest.fixture(scope="module")
def app(instance: Server, stack: str, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """The instance, with an app that has vim and htop of Debian, and one worker."""
    code = tmp_path_factory.mktemp("code")
    (code / "Dockerfile").write_text(
        f"FROM {stack}\nRUN apt-get update && apt-get install -y --no-install-recommends vim htop\n"
        'RUN printf "alpha\\nbeta\\ngamma\\n" > /notes.txt\nCMD ["sleep", "infinity"]\n'
    )
    (code / "Procfile").write_text("worker: sleep infinity\ngreet: echo hello from $DYNO\n")
    pushed = instance.git_push(code, "tools")
    assert pushed.status == 0, pushed.err
    assert instance.paas("ps:scale tools worker=1").status == 0
    return instance


def by_ssh(server: Server, line: str, *options: str) -> list[str]:
    return [*server.ssh_command(), *options, "-p", str(server.ssh_port), "paas@127.0.0.1", line]


def locally(server: Server, line: str) -> list[str]:
    return [sys.executable, "-m", "paas", f"--root={server.root}", *line.split()]


def containers(server: Server) -> list[str]:
    """The one-off containers that there are."""
    found = listings.containers(f"paas.instance={server.instance()}", "paas.role")
    return sorted(name for row in found if row["Labels"]["paas.role"] for name in row["Names"])


def states(server: Server) -> dict[str, tuple[str, int | None]]:
    rows = json.loads(server.paas("run:list tools --all --format json").out)
    return {row["name"]: (row["state"], row["exit"]) for row in rows}


def test_exit_status_streams_and_processes(app: Server) -> None:
    for way in (app.ssh, app.paas):
        assert way("run -e 'A=b c' tools sh -c 'echo \"$A\"; echo err >&2; exit 42'") == (42, "b c\n", "err\n")
    assert app.ssh("run tools greet").out.startswith("hello from run.")
    assert app.ssh("run tools no-such-program").status == 127
    assert app.ssh("enter tools worker.1 sh -c 'echo $DYNO; exit 9'") == (9, "worker.1\n", "")
    assert app.ssh("run tools cat", stdin="three\nlines\nhere").out == "three\nlines\nhere"
    eventually(lambda: containers(app) == [])


class Load:
    """Bytes that are never the same twice, fed to a program; what comes back is summed up."""

    def __init__(self, argv: list[str], environment: dict[str, str], size: int) -> None:
        self._blocks = size // BLOCK
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        self.sent, self.received, self.size = hashlib.blake2b(), hashlib.blake2b(), 0
        self._threads = [threading.Thread(target=work) for work in (self._feed, self._read)]
        for thread in self._threads:
            thread.start()

    def _feed(self) -> None:
        block = bytearray(os.urandom(BLOCK))
        assert self.process.stdin is not None
        for number in range(self._blocks):
            block[:8] = number.to_bytes(8, "big")
            self.sent.update(block)
            self.process.stdin.write(block)
        self.process.stdin.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        while data := os.read(self.process.stdout.fileno(), BLOCK):
            self.received.update(data)
            self.size += len(data)

    def most_memory(self, pid: int) -> int:
        """Waits for the end; the most resident memory that the process had meanwhile, in bytes."""
        most = 0
        while any(thread.is_alive() for thread in self._threads):
            most = max(most, resident(pid))
            self._threads[1].join(0.05)
        assert self.process.wait() == 0
        return most


def resident(pid: int) -> int:
    """The resident memory of the process, in bytes."""
    match = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert match
    return int(match[1]) * 1024


@pytest.mark.parametrize(("way", "size"), [("ssh", GIGABYTE), ("local", GIGABYTE // 4)])
def test_a_gigabyte_passes_each_way_and_the_daemon_stays_small(app: Server, way: str, size: int) -> None:
    assert app.daemon is not None
    before = resident(app.daemon.pid)
    line = "run tools cat"
    load = Load(by_ssh(app, line) if way == "ssh" else locally(app, line), app.git_environment(), size)
    most = load.most_memory(app.daemon.pid)
    print(f"{way}: {before >> 20} MB before, {most >> 20} MB at most")
    assert (load.size, load.received.digest()) == (size, load.sent.digest())
    assert most - before < FLAT


@pytest.fixture(params=["ssh", "local"])
def at(request: pytest.FixtureRequest, app: Server) -> Iterator[object]:
    """Opens a terminal with a command in it, over ssh -tt and on the server itself."""
    screens: list[Screen] = []

    def open_screen(line: str, columns: int = 100, rows: int = 30) -> Screen:
        argv = by_ssh(app, line, "-tt") if request.param == "ssh" else locally(app, line)
        screens.append(Screen(argv, app.git_environment(), columns, rows))
        return screens[-1]

    yield open_screen
    for screen in screens:
        screen.__exit__(None, None, None)


def test_vim_in_a_terminal_that_changes_its_size(app: Server, at) -> None:
    screen = at("run tools vim -u NONE -N /notes.txt")
    screen.until(lambda text: "alpha" in text and text.count("\n~") == 26)

    screen.resize(80, 20)
    screen.until(lambda text: text.count("\n~") == 16)
    screen.type(":echo &columns 'by' &lines\r")
    screen.until(lambda text: "80 by 20" in screen.last)
    # Ctrl-C reaches vim, which says how one leaves it, and does not end it.
    screen.type("\x03")
    screen.until(lambda text: ":qa" in screen.last)
    screen.type("Onew line\x1b:wq! /tmp/x\r")
    assert screen.end() == 0


def test_htop_draws_and_a_resize_redraws_it(app: Server, at) -> None:
    screen = at("run tools htop", 120, 25)
    # Its right half begins in the middle of the window.
    screen.until(lambda text: 58 <= text.splitlines()[1].find("Tasks:") <= 62)
    screen.resize(90, 35)
    screen.until(lambda text: 43 <= text.splitlines()[1].find("Tasks:") <= 47)
    screen.type("q")
    assert screen.end() == 0


def prompts(text: str) -> int:
    """How often the shell has asked for a command."""
    return text.count(":/#")


def test_a_shell_with_ctrl_c_ctrl_d_and_its_size(app: Server, at) -> None:
    screen = at("enter tools worker", 90, 20)
    screen.until(lambda text: "#" in text)
    screen.type("stty size\r")
    screen.until(lambda text: "\n20 90\n" in text)
    # A program that is in the foreground when it says so: bash gives a new one the terminal a moment after its start.
    screen.type("sh -c 'echo ready; exec sleep 1000'\r")
    screen.until(lambda text: "\nready\n" in text)
    screen.type("\x03")
    screen.until(lambda text: "^C" in text and prompts(text) == 3)
    screen.type("(exit 5)\r")
    screen.until(lambda text: prompts(text) == 4)
    screen.type("\x04")
    assert screen.end() == 5


def test_a_lost_client_ends_its_command_or_leaves_it(app: Server) -> None:
    before = states(app)
    screen = Screen(by_ssh(app, "run tools bash", "-tt"), app.git_environment(), 80, 24)
    screen.until(lambda text: "#" in text)
    kept = subprocess.Popen(
        by_ssh(app, "run --on-disconnect keep tools sh -c 'echo begun; sleep 2; echo went on; exit 4'"),
        env=app.git_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert kept.stdout is not None
    assert kept.stdout.readline() == b"begun\n"
    inside = subprocess.Popen(
        by_ssh(app, "enter tools worker sh -c 'echo begun; sleep 4321'"), env=app.git_environment(),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert inside.stdout is not None
    assert inside.stdout.readline() == b"begun\n"
    for client in (screen.child.pid, kept.pid, inside.pid):
        os.kill(client, signal.SIGKILL)
    kept.communicate()
    inside.communicate()

    first, second = sorted(states(app).keys() - before.keys(), key=lambda name: int(name.removeprefix("run.")))
    eventually(lambda: app.paas("enter tools worker sh -c 'grep -la 432[1] /proc/[0-9]*/cmdline'").out == "")
    eventually(lambda: states(app)[first][0] == "stopped")
    eventually(lambda: states(app)[second] == ("failed", 4))
    assert app.paas(f"run:logs tools {second} -q").out == "begun\nwent on\n"
    eventually(lambda: containers(app) == [])


def test_a_detached_run_outlives_the_daemon_and_ends_with_its_time(app: Server) -> None:
    name = app.ssh("run:detached tools sh -c 'echo one; sleep 3; echo two; exit 6'").out.strip()
    short = app.ssh("run:detached --ttl 2s tools sh -c 'trap \"exit 0\" TERM; sleep 60 & wait'").out.strip()
    followed = subprocess.Popen(
        by_ssh(app, f"run:logs tools {name} -t -q"), env=app.git_environment(), stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert followed.stdout is not None
    assert followed.stdout.readline() == b"one\n"
    app.kill9()
    followed.communicate()
    app.start()
    eventually(lambda: states(app)[name] == ("failed", 6))
    eventually(lambda: states(app)[short][0] == "expired")
    assert app.ssh(f"run:logs tools {name} -q").out == "one\ntwo\n"
    eventually(lambda: containers(app) == [])


def test_sandboxes_are_apart_limited_and_go_with_their_time(app: Server) -> None:
    made = app.ssh("sandbox:create --count 2 class-")
    assert made.out == "class-1\nclass-2\n", made.err
    screen = Screen(by_ssh(app, "sandbox:enter class-1", "-tt"), app.git_environment(), 80, 24)
    screen.until(lambda text: "root@class-1" in text)
    screen.type("echo mine > /root/file; exit\r")
    assert screen.end() == 0

    assert app.ssh("sandbox:enter class-1 cat /root/file").out == "mine\n"
    assert app.ssh("sandbox:enter class-2 cat /root/file").status == 1
    limit = app.ssh("sandbox:enter class-1 'cat /sys/fs/cgroup/memory.max || "
                    "cat /sys/fs/cgroup/memory/memory.limit_in_bytes'").out  # fmt: skip
    assert limit == f"{512 << 20}\n"
    address = app.ssh("sandbox:enter class-2 hostname -i").out.strip()
    reach = f"timeout 3 bash -c 'exec 3<>/dev/tcp/{address}/9'"
    assert app.ssh(f"sandbox:enter class-1 {reach!r}").status == 124

    assert app.ssh("sandbox:destroy class-1 class-2").status == 0
    assert containers(app) == []
