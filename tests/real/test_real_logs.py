"""Logs with real containers, a real nginx and a daemon that is killed: nothing that was written is missing."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import api_daemon
import pytest
from instance import Server, eventually

from paas.core.logs import line as logline
from paas.core.logs.json_file import JsonLog
from paas.schedulers.docker.api import Docker
from paas.system.log_files import LogFiles

pytestmark = pytest.mark.real

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ")
APP = """\
import http.server, os, sys, threading, time
WAYS = {}
def way(work):
    WAYS["/" + work.__name__] = work
@way
def crash():
    os._exit(3)
@way
def long():
    print("L" * 1_000_000, flush=True)
@way
def garbage():
    sys.stdout.buffer.write(b"\\xff\\x00\\x1b[2J\\x1b[31mred\\n"); sys.stdout.flush()
@way
def steady():
    began = time.monotonic()
    for tick in range(400):
        if tick == 200:
            print("L" * 1_000_000, flush=True)
            sys.stdout.buffer.write(b"\\xff\\x00garbage\\n"); sys.stdout.flush()
        sys.stdout.write("".join(f"steady {tick * 50 + n:06}\\n" for n in range(50))); sys.stdout.flush()
        time.sleep(max(0, began + tick / 100 - time.monotonic()))
@way
def burst():
    sys.stdout.write("".join(f"burst {number:06}\\n" for number in range(40_000))); sys.stdout.flush()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path in WAYS:
            WAYS[self.path]()
        elif self.path.startswith("/say/"):
            print(self.path[5:], flush=True)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *arguments):
        pass
if "FATAL" in os.environ:
    # One stream: the engine reads two in any order.
    print("starting", file=sys.stderr, flush=True)
    sys.stderr.write("fatal: no DATABASE_URL")
    sys.exit(1)
print("hello from", os.environ["PAAS_RELEASE"], flush=True)
http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
"""


@pytest.fixture(scope="module", params=["files", "api"])
def talker(
    engine: Docker, stack: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Server]:
    """An instance with the app ``talker``, which does what it is asked to over HTTP.

    Once as a server that may read the engine's files, and once as one that asks its API.
    """
    program = (sys.executable, api_daemon.__file__) if request.param == "api" else ()
    instance = Server(tmp_path_factory.mktemp("instance"), program=program)
    code = tmp_path_factory.mktemp("talker")
    (code / "Dockerfile").write_text(
        f"FROM {stack}\nRUN apt-get update && apt-get install -y --no-install-recommends python3\n"
        'WORKDIR /app\nCOPY . .\nCMD ["python3", "-u", "web.py"]\n'
    )
    (code / "web.py").write_text(APP)
    pushed = instance.git_push(code, "talker")
    assert pushed.status == 0, pushed.err
    assert instance.paas("checks:set talker wait-to-retire 0s").status == 0
    assert instance.paas("ps:set talker stop-timeout-seconds 1").status == 0
    yield instance
    instance.close()


class Follower:
    """``logs -t`` under way, as another program reads it."""

    def __init__(self, server: Server, line: str) -> None:
        argv = [sys.executable, "-m", "paas", f"--root={server.root}", *line.split()]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        self.lines: list[bytes] = []
        self._program = subprocess.Popen(argv, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._program.stdout is not None
        for line in self._program.stdout:
            self.lines.append(line)

    def __enter__(self) -> Follower:
        return self

    def __exit__(self, *error: object) -> None:
        self._program.terminate()
        self._thread.join(60)
        self._program.wait(60)
        if self._program.stdout is not None:
            self._program.stdout.close()


def engine_log(server: Server, app: str) -> str:
    """The id of the app's one running container."""
    listed = subprocess.run(
        ["docker", "ps", "-q", "--no-trunc", "--filter", f"label=paas.instance={server.instance()}",
         "--filter", f"label=paas.app={app}"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return listed.stdout.split()[0]


def test_a_line_of_before_three_deploys_and_a_restart_is_found_in_its_order(talker: Server) -> None:
    assert talker.get("talker", "/say/needle-in-v1").status == 200
    for number in range(3):
        set_ = talker.paas(f"config:set talker ROUND={number}")
        assert set_.status == 0, set_.err
        assert talker.get("talker", f"/say/round-{number}").status == 200
    talker.kill9()
    talker.start()

    found = talker.paas("logs talker --grep needle-in-v[0-9] --source app")
    assert [line.split("]: ")[1] for line in found.out.splitlines()] == ["needle-in-v1"], found

    # The engine writes down what a process has said a moment later.
    eventually(lambda: "round-2" in talker.paas("logs talker --source app").out)
    everything = [line for line in talker.paas("logs talker -n 1000").out.splitlines() if " router[" not in line]
    assert all(TIME.match(line) for line in everything)
    assert everything == sorted(everything, key=lambda line: line[:30])
    told = [re.sub(r"^\S+ ", "", line) for line in everything]
    after = told[told.index("app[web.1]: needle-in-v1") + 1 :]
    # The times of the app's lines are the engine's, those of the others the platform's own.
    assert [line for line in after if line.startswith("app")] == [
        f"app[web.1]: {text}" for number in range(3) for text in (f"hello from v{number + 2}", f"round-{number}")
    ]
    # So the first of these may come before the needle.
    config = [line for line in told if line.startswith("platform[config]: config:set ROUND by ")]
    assert [line.split()[5].rstrip(":") for line in config] == ["begins", "succeeded"] * 3

    only = talker.paas("logs talker --release v3 -q").out.split("\n")
    assert [line for line in only if "by" not in line] == ["hello from v3", "round-1", ""]


def test_a_request_is_told_with_its_id_and_a_crash_with_its_code(talker: Server) -> None:
    answer = talker.get("talker", "/say/hello?secret=1")
    key = answer.headers["x-request-id"]
    line = eventually(lambda: talker.paas(f"logs talker --source router --grep {key}").out)
    assert "status=200" in line and 'path="/say/hello?secret=1"' in line

    assert talker.get("talker", "/crash").status == 502
    crashed = eventually(lambda: talker.paas("logs talker --source router --grep H13").out)
    assert 'desc="Connection closed without response"' in crashed
    told = "Error H10 (App crashed): Process exited with status 3, restarting it"
    eventually(lambda: told in talker.paas("logs talker -p web.1 --source platform").out)
    eventually(lambda: talker.get("talker").status == 200)
    eventually(lambda: "hello from" in talker.paas("logs talker --source app -n 1").out)


def test_lines_of_any_kind_are_followed_without_loss(talker: Server) -> None:
    with Follower(talker, "logs talker -t -n 0 --source app -q --raw") as follower:
        # The first line of a follower comes once it is attached.
        eventually(lambda: talker.get("talker", "/say/ready").status == 200 and b"ready\n" in follower.lines)
        for path in ("/garbage", "/long", "/burst", "/say/done"):
            assert talker.get("talker", path).status == 200
        eventually(lambda: b"done\n" in follower.lines)
    lines = [line for line in follower.lines if line != b"ready\n"]
    assert lines[0] == "\ufffd\x00\x1b[2J\x1b[31mred\n".encode()
    assert lines[1] == b"L" * 1_000_000 + b"\n"
    assert lines[2:-1] == [b"burst %06d\n" % number for number in range(40_000)]
    shown = [json.loads(line) for line in talker.paas("logs talker -n 3 --source app --format json").out.splitlines()]
    assert shown[-1]["text"] == "done"


def test_many_who_follow_miss_nothing_and_take_little_memory(talker: Server) -> None:
    """20,000 lines in four seconds, a line of 1 MB and garbage, to eight who follow."""
    assert talker.daemon is not None
    expected = [b"steady %06d\n" % number for number in range(20_000)]
    expected[10_000:10_000] = [b"L" * 1_000_000 + b"\n", "\ufffdgarbage\n".encode()]
    with contextlib.ExitStack() as stack:
        followers = [stack.enter_context(Follower(talker, "logs talker -t -n 0 --source app -q")) for _ in range(8)]
        eventually(lambda: talker.get("talker", "/say/ready").status == 200 and all(one.lines for one in followers))
        before = resident(talker.daemon.pid)
        assert talker.get("talker", "/steady").status == 200
        assert talker.get("talker", "/say/done").status == 200
        eventually(lambda: all(b"done\n" in one.lines for one in followers))
        grown = resident(talker.daemon.pid) - before
    for one in followers:
        lines = [line for line in one.lines if line not in (b"ready\n", b"done\n")]
        gaps = [line for line in lines if b"lines are missing here" in line]
        assert lines == expected or gaps, f"{len(lines)} lines came and no gap was told"
    assert grown < 100 << 20


def resident(pid: int) -> int:
    """The most memory that the process has had, in bytes."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) << 10  # type: ignore[index]


def test_a_container_that_somebody_else_removed_is_told(talker: Server) -> None:
    subprocess.run(["docker", "rm", "-f", engine_log(talker, "talker")], check=True, capture_output=True)
    lost = "The container was not removed by this server; its log is gone"
    eventually(lambda: lost in talker.paas("logs talker --source platform").out)
    eventually(lambda: talker.paas("ps talker").out.count("running") == 1)


def test_what_the_last_failed_deploy_wrote(talker: Server) -> None:
    """Its last line has no newline at its end."""
    assert talker.paas("config:set talker FATAL=1").status != 0
    told = talker.paas("logs:failed talker")
    assert [line.partition(" ")[2] for line in told.out.splitlines()] == [
        "app[web.1]: starting", "app[web.1]: fatal: no DATABASE_URL",
    ]  # fmt: skip
    assert re.search(r"build \d+ failed, config:set FATAL by \S+ \[exited\]\n", told.err)
    assert talker.paas("logs talker -q --source app --grep ^fatal").out == "fatal: no DATABASE_URL\n"


def test_the_api_of_the_engine_tells_the_same_as_its_files(talker: Server) -> None:
    for path in ("/long", "/garbage", "/burst", "/say/end"):
        assert talker.get("talker", path).status == 200
    docker = Docker(talker.instance())
    [container] = [one for one in docker.containers() if one.status == "running"]
    path = docker.log_path(container.id)
    assert path is not None

    def written() -> list[tuple[str, bytes]]:
        files = LogFiles(path, JsonLog("app", "web.1", 1, "talker"))
        files.seek("")
        found = []
        while lines := files.read():
            found += [(line.time, line.text) for line in lines]
        files.close()
        return found

    # The engine writes what the app wrote a moment later: the last of it is "end".
    expected = eventually(lambda: (found := written()) and found[-1][1].endswith(b"end") and found)
    with docker.follow(container.id, None, follow=False) as told:
        assert [(line.time, line.text) for line in (logline.parse(raw, "web.1") for raw in told)] == expected
    assert [logline.parse(raw, "web.1").text for raw in docker.logs(container.id, 2)] == [
        text for _, text in expected[-2:]
    ]


def test_following_a_silent_log_can_be_ended(talker: Server) -> None:
    docker = Docker(talker.instance())
    [container] = [one for one in docker.containers() if one.status == "running"]
    ends: list[Callable[[], None]] = []

    def read() -> None:
        with docker.follow(container.id, 0, opened=ends.append) as lines:
            assert list(lines) == []

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    eventually(lambda: ends)
    ends[0]()
    thread.join(10)
    assert not thread.is_alive()
