"""Health checks, liveness and processes that must not overlap, with the real engine and real programs."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import docker
import pytest
from instance import Server, eventually
from test_service import app

pytestmark = pytest.mark.real

WEB = """\
import http.server, os, pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        HANDLE
    def answer(self, status, text):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())
http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
"""

HEALTH = """\
good = self.headers["X-Key"] == "secret" and self.headers["X-Forwarded-Proto"] == "http"
self.answer(200, "all ok" * good) if self.path == "/health" else self.answer(500, "no")
"""

LISTENS = {"listening": True}
"""Before a check with few tries: looks at a program that does not listen yet are tries, too."""


def web(folder: Path, stack: str, handle: str, *, before: str = "", procfile: str = "") -> Path:
    """An app whose web process runs the lines for each request."""
    app(folder, stack, before=before, procfile=procfile)
    (folder / "web.py").write_text(WEB.replace("HANDLE", handle.replace("\n", "\n        ")))
    return folder


def checks(folder: Path, **types: list[dict]) -> None:
    (folder / "app.json").write_text(json.dumps({"healthchecks": types}))


def test_path_content_and_headers_of_app_json_are_asked_for(instance: Server, stack: str, tmp_path: Path) -> None:
    code = web(tmp_path / "code", stack, HEALTH)
    check = {"path": "/health", "content": "all ok", "attempts": 2, "wait": 1}
    checks(code, web=[LISTENS, check | {"httpHeaders": [{"name": "X-Key", "value": "secret"}]}])
    pushed = instance.git_push(code, "asked")
    assert pushed.status == 0, pushed.err
    assert instance.paas("checks:run asked").status == 0

    checks(code, web=[LISTENS, check])
    pushed = instance.git_push(code, "asked")
    assert pushed.status == 1
    assert "Its response with status 200 was empty." in pushed.err
    assert "[missing-content]" in pushed.err


def test_commands_run_inside_the_container_and_end_in_time(instance: Server, stack: str, tmp_path: Path) -> None:
    code = web(tmp_path / "code", stack, 'self.answer(200, "")')
    checks(code, web=[{"command": ["sh", "-c", "echo seen by $DYNO; test -f /app/web.py"]}])
    pushed = instance.git_push(code, "commands")
    assert pushed.status == 0, pushed.err

    checks(code, web=[{"command": ["sh", "-c", "echo no database >&2; exit 3"], "attempts": 1, "wait": 1}])
    pushed = instance.git_push(code, "commands")
    assert "it exited with status 3 and printed 'no database'" in pushed.err
    assert "[check-failed]" in pushed.err

    checks(code, web=[{"command": ["sleep", "1000"], "attempts": 1, "timeout": 1, "wait": 1}])
    pushed = instance.git_push(code, "commands")
    assert "it did not finish within 1 s" in pushed.err
    assert instance.paas("ps commands").out.count("running") == 1

    checks(code, web=[{"command": ["nosuchprogram"], "attempts": 1, "wait": 1}])
    assert "nosuchprogram" in instance.git_push(code, "commands").err


def test_another_port_of_the_container_is_asked(instance: Server, stack: str, tmp_path: Path) -> None:
    procfile = "web: sh -c 'python3 -m http.server 9000 & exec python3 web.py'\n"
    code = web(tmp_path / "code", stack, 'self.answer(200, "")', procfile=procfile)
    checks(code, web=[{"port": 9000, "path": "/web.py", "content": "serve_forever"}])
    pushed = instance.git_push(code, "ports")
    assert pushed.status == 0, pushed.err


@pytest.mark.parametrize("good", [True, False])
def test_the_healthcheck_of_the_image_decides(instance: Server, stack: str, tmp_path: Path, good: bool) -> None:
    test = "test -f web.py" if good else "echo not yet; false"
    before = f"HEALTHCHECK --interval=1s --retries=1 CMD {test}"
    code = web(tmp_path / "code", stack, 'self.answer(500, "")', before=before)
    pushed = instance.git_push(code, f"image-{good}".lower())
    assert (pushed.status == 0) is good, pushed.err
    if not good:
        assert "did not pass the image's HEALTHCHECK" in pushed.err
        assert "it exited with status 1 and printed 'not yet'" in pushed.err


def test_what_hangs_is_restarted_in_its_place(instance: Server, stack: str, tmp_path: Path) -> None:
    handle = 'if pathlib.Path("/tmp/hang").exists(): time.sleep(1000)\nself.answer(200, "")'
    start = 'web: sh -c "rm -f /tmp/hang; exec python3 web.py"\n'
    code = web(tmp_path / "code", stack, handle, procfile=start)
    (code / "paas.yml").write_text(
        "processes:\n  web:\n    healthcheck: {type: liveness, path: /alive, timeout: 3s, attempts: 2, wait: 500ms}\n"
    )
    pushed = instance.git_push(code, "hangs")
    assert pushed.status == 0, pushed.err
    instance.paas("ps:set hangs stop-timeout-seconds 1")
    before = json.loads(instance.paas("ps hangs --format json").out)[0]
    eventually(lambda: instance.paas("ps:report hangs --ps-liveness-web-1").out == "passing\n")

    client = docker.from_env()
    client.containers.get(before["container"]).exec_run(["touch", "/tmp/hang"])
    client.close()

    eventually(lambda: "restarted once" in instance.paas("ps:report hangs --ps-liveness-web-1").out)
    after = json.loads(instance.paas("ps hangs --format json").out)[0]
    assert (after["container"], after["port"]) == (before["container"], before["port"])
    assert after["since"] > before["since"]
    # The engine has started it; it listens a moment later.
    eventually(lambda: instance.get("hangs").status == 200)
    assert "GET /alive" in instance.said()


# It takes its time to end, as one does that finishes its work.
WORKER = """\
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.5), sys.exit(0)))
while True: signal.pause()
"""


@contextmanager
def starts_and_ends(server: Server, name: str) -> Iterator[list[str]]:
    """What the engine tells of the app's worker, as it comes: of what has been, it knows the last 256 events of all."""
    labels = [f"paas.instance={server.instance()}", f"paas.app={name}", "paas.process=worker"]
    wanted = {"type": "container", "event": ["start", "die"], "label": labels}
    seen: list[str] = []
    with closing(docker.from_env()) as client:
        events = client.api.events(filters=wanted, decode=True)
        listening = threading.Thread(target=lambda: seen.extend(event["Action"] for event in events), daemon=True)
        listening.start()
        try:
            yield seen
        finally:
            events.close()
            listening.join()


def test_a_lone_worker_never_runs_twice_and_comes_back(instance: Server, stack: str, tmp_path: Path) -> None:
    def serving() -> list[str]:
        rows = json.loads(instance.paas("ps lone --format json").out)
        return [row["container"] for row in rows if row["state"] == "running"]

    code = app(tmp_path / "code", stack, procfile="web: python3 web.py\nworker: python3 -u worker.py\n")
    (code / "paas.yml").write_text("processes: {worker: {overlap: false}}\n")
    (code / "worker.py").write_text(WORKER)
    with starts_and_ends(instance, "lone") as seen:
        assert instance.git_push(code, "lone").status == 0
        assert instance.paas("ps:scale lone worker=1").status == 0

        (code / "worker.py").write_text(WORKER + "# changed\n")
        pushed = instance.git_push(code, "lone")
        assert pushed.status == 0, pushed.err
        told = [line for line in pushed.err.splitlines() if "worker.1" in line]
        assert "Stopped worker.1" in told[0] and "Started worker.1" in told[1]

        before = serving()
        (code / "Procfile").write_text("web: python3 web.py\nworker: false\n")
        pushed = instance.git_push(code, "lone")
        assert pushed.status == 1
        assert "Restarted the previous worker.1" in pushed.err
        assert serving() == before
        assert instance.get("lone").body == "v2 one"
        eventually(lambda: len(seen) >= 7)
    assert seen == ["start", "die"] * 3 + ["start"]


def test_an_app_that_refuses_the_host_name_is_recognised(instance: Server, stack: str, tmp_path: Path) -> None:
    handle = 'self.answer(200 if self.headers["Host"] == "example.org" else 400, "Bad Request")'
    code = web(tmp_path / "code", stack, handle)
    checks(code, web=[LISTENS, {"path": "/", "attempts": 1, "wait": 1}])
    pushed = instance.git_push(code, "picky")
    assert pushed.status == 1
    assert "answers 400 (Bad Request) to 'Host: picky.localhost'" in pushed.err
    assert "[bad-host]" in pushed.err

    (code / "app.json").unlink()
    pushed = instance.git_push(code, "picky")
    assert pushed.status == 0
    assert "!     web.1 answers 400 (Bad Request) to 'Host: picky.localhost'." in pushed.err


def test_a_program_for_another_machine_is_recognised(instance: Server, stack: str, tmp_path: Path) -> None:
    code = app(tmp_path / "code", stack, procfile="web: sh -c ./program\n")
    program = code / "program"
    # The header of an executable for a machine that nobody has.
    program.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xff\x7f\x01\x00\x00\x00" + bytes(100))
    program.chmod(0o755)
    pushed = instance.git_push(code, "foreign")
    assert pushed.status == 1
    assert "[wrong-architecture]" in pushed.err, pushed.err
