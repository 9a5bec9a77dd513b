"""The main job end to end: pushes under load, crashes, hang-ups, several instances."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from instance import Server, eventually
from load import Load

from bench.processes import PeakMemory

pytestmark = pytest.mark.real

APP = """\
import http.server, os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = (os.environ["PAAS_RELEASE"] + " TEXT").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
print("listening", flush=True)
http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
"""


def app(folder: Path, stack: str, text: str = "one", *, before: str = "", procfile: str = "") -> Path:
    """A small Dockerfile app in the folder; ``before`` are Dockerfile lines before the code."""
    folder.mkdir(exist_ok=True)
    (folder / "Dockerfile").write_text(
        f"FROM {stack}\nRUN apt-get update && apt-get install -y --no-install-recommends python3\n{before}\n"
        'WORKDIR /app\nCOPY . .\nCMD ["python3", "-u", "web.py"]\n'
    )
    (folder / "web.py").write_text(APP.replace("TEXT", text))
    if procfile:
        (folder / "Procfile").write_text(procfile)
    return folder


def uncached() -> str:
    """A shell command that no build has seen before, so that its step is never taken from the cache."""
    return f"true {uuid.uuid4()}"


@pytest.fixture
def code(tmp_path: Path, stack: str) -> Path:
    return app(tmp_path / "code", stack)


def test_no_request_fails_during_ten_pushes(instance: Server, code: Path, stack: str) -> None:
    assert instance.git_push(code, "busy").status == 0
    assert instance.get("busy").body == "v1 one"

    with Load(instance.http_port, "busy.localhost", rate=60) as load:
        for number in range(2, 12):
            app(code, stack, f"number {number}")
            asked = load.total()
            pushed = instance.git_push(code, "busy")
            assert pushed.status == 0, pushed.err
            assert load.total() > asked + 2, "nobody asked meanwhile"
            assert instance.get("busy").body == f"v{number} number {number}"

    assert load.failures() == {}


def test_apps_serve_on_while_the_daemon_is_killed_and_a_push_works_after_it(instance: Server, code: Path) -> None:
    assert instance.git_push(code, "steady").status == 0

    with Load(instance.http_port, "steady.localhost", rate=60) as load:
        instance.kill9()
        seen = load.total()
        eventually(lambda: load.total() > seen + 60)
        instance.start()
        pushed = instance.git_push(code, "steady")

    assert pushed.status == 0, pushed.err
    assert load.failures() == {}
    assert instance.get("steady").body.startswith("v2 ")


def test_the_daemon_killed_during_a_deploy_leaves_the_old_release_serving(
    instance: Server, code: Path, stack: str
) -> None:
    assert instance.git_push(code, "crash").status == 0
    # The new release listens only after a while: the daemon dies while it waits for that.
    app(code, stack, "two", procfile="web: sleep 60\n")
    assert instance.git(code, "add", "-A").status == instance.git(code, "commit", "-qm", "slow").status == 0
    push = subprocess.Popen(
        ["git", "push", instance.url("crash"), "main"],
        cwd=code,
        env=instance.git_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    eventually(lambda: "starting" in instance.paas("ps crash").out)
    instance.kill9()
    push.communicate(timeout=60)
    assert push.returncode != 0
    assert instance.get("crash").body == "v1 one"

    instance.start()
    eventually(lambda: instance.paas("ps crash").out.count("\n") == 1)
    assert instance.get("crash").body == "v1 one"
    assert "v2  failed" in instance.paas("releases crash").out

    (code / "Procfile").unlink()
    pushed = instance.git_push(code, "crash")
    assert pushed.status == 0, pushed.err
    assert instance.get("crash").body == "v3 two"


def test_a_client_that_goes_away_does_not_stop_the_deploy_and_a_second_push_waits_its_turn(
    instance: Server, code: Path, stack: str, tmp_path: Path
) -> None:
    app(code, stack, "slow", before=f"RUN for i in $(seq 100); do echo step $i; sleep 0.05; done; {uncached()}")
    assert instance.git(code, "init", "-q", "-b", "main").status == 0
    instance.git(code, "add", "-A")
    instance.git(code, "commit", "-qm", "slow")
    push = subprocess.Popen(
        ["git", "push", instance.url("patient"), "main"],
        cwd=code,
        env=instance.git_environment(),
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert push.stderr is not None
    for line in push.stderr:
        # The build streams while it runs: this line comes long before the build is through.
        if b"step 3" in line:
            break
    os.killpg(push.pid, signal.SIGKILL)
    push.wait()
    push.stderr.close()

    scaled = instance.ssh("ps:scale patient web=2")

    assert "another deployment is running (git push by test); waiting" in scaled.err
    assert scaled.status == 0, scaled.err
    assert instance.get("patient").body == "v1 slow"
    assert instance.git(code, "push", instance.url("patient"), "main").err == "Everything up-to-date\n"


def test_a_silent_build_keeps_the_connection_alive(instance: Server, code: Path, stack: str) -> None:
    app(code, stack, "quiet", before=f"RUN sleep 12; {uncached()}")
    trace = code.parent / "trace"
    environment = {**instance.git_environment(), "GIT_TRACE_PACKET": str(trace)}
    instance.git(code, "init", "-q", "-b", "main")
    instance.git(code, "add", "-A")
    instance.git(code, "commit", "-qm", "quiet")

    done = subprocess.run(
        ["git", "push", instance.url("quiet"), "main"], cwd=code, env=environment, capture_output=True, check=False
    )

    assert done.returncode == 0, done.stderr
    # An empty packet of the data band: what git's own receive-pack sends as a sign of life.
    assert any(line.endswith("sideband< \\1") or "< \\1" in line for line in trace.read_text().splitlines())


def test_sigterm_ends_the_daemon_during_a_build(instances: Callable[..., Server], stack: str, tmp_path: Path) -> None:
    server = instances()
    code = app(tmp_path / "code", stack, before=f"RUN echo begun; sleep 600; {uncached()}")
    outcome: list[str] = []
    thread = threading.Thread(target=lambda: outcome.append(server.git_push(code, "long").err))
    thread.start()
    eventually(lambda: any("begun" in log.read_text() for log in (server.root / "jobs").glob("*.log")))

    assert server.daemon is not None
    server.daemon.send_signal(signal.SIGTERM)
    assert server.daemon.wait(60) == 0
    thread.join(60)

    assert "cancelled" in outcome[0]
    server.restart()
    assert server.paas("releases long").out == ""


def test_instances_side_by_side_leave_each_other_alone(
    instances: Callable[..., Server], stack: str, tmp_path: Path
) -> None:
    one, other = instances(), instances()
    first, second = app(tmp_path / "first", stack, "first"), app(tmp_path / "second", stack, "second")
    assert one.git_push(first, "same").status == other.git_push(second, "same").status == 0

    assert (one.get("same").body, other.get("same").body) == ("v1 first", "v1 second")
    assert one.paas("teardown").status == 2
    one.close()
    assert other.get("same").body == "v1 second"
    assert other.paas("ps:restart same").status == 0


def test_a_pack_of_sixty_megabytes_takes_little_memory(instances: Callable[..., Server], tmp_path: Path) -> None:
    server = instances()
    assert server.paas("apps:create large").status == 0
    code = tmp_path / "code"
    code.mkdir()
    for number in range(20):
        (code / f"part{number}").write_bytes(os.urandom(1 << 20))
    (code / "whole").write_bytes(os.urandom(40 << 20))

    assert server.daemon is not None
    with PeakMemory(server.daemon.pid) as memory:
        # A branch that is not deployed: only what receiving takes is looked at.
        pushed = server.git_push(code, "large", "main:other")
    assert pushed.status == 0, pushed.err
    assert 0 < memory.peak - memory.rest < 100 << 20
