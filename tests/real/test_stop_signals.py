"""What programs see when they are told to end: SIGTERM, once, and the whole stop-timeout-seconds."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import listings
import pytest
from instance import LABEL, Server, eventually

pytestmark = pytest.mark.real("docker", "git", "nginx", "ssh")

JOB = """\
import os, signal, subprocess, sys, time
times = 0
def term(*_):
    global times
    times += 1
    print("told to end", times, flush=True)
signal.signal(signal.SIGTERM, term)
if "children" in sys.argv:
    subprocess.Popen(["sleep", "1000"])
print("started", flush=True)
while not times:
    time.sleep(0.05)
time.sleep(2)
print("job finished", times, flush=True)
os._exit(0)
"""

LINES = {
    "plain": "python3 job.py one",
    "variable": "python3 job.py $DYNO",
    "assignment": "WORKERS=1 python3 job.py one",
    "cd": "cd /app && python3 job.py one",
    "pipe": "python3 job.py 2>&1 | cat",
    "two-pipes": "cd /app && python3 job.py $DYNO | tee /tmp/log | cat",
    "list": "python3 job.py one; echo after",
    "loop": "while true; do python3 job.py one; done",
    "group": "(cd /app && python3 job.py one)",
    "consumer": "tail -f /app/job.py | python3 job.py one",
    "script": "./start.sh",
    "script-in-shell": "true && sh -c './start.sh; true' | cat",
    "exec": "exec python3 job.py one",
    "children": "python3 job.py children | cat",
    "npm": "./npm start",
    "npm-in-shell": "cd /app; ./npm start | cat",
}

TOLD_ONCE = ["started", "told to end 1", "job finished 1"]

HOLDING = {"children"}
"""What these leave behind holds the pipe to cat, so they end only when their time is over."""

SHELLS = {
    "bash": "",
    "dash": "RUN rm -f /bin/bash /usr/bin/bash",
    "busybox": "RUN apt-get install -y --no-install-recommends busybox && ln -sf $(command -v busybox) /bin/sh"
    " && rm -f /bin/bash /usr/bin/bash",
}


NPM = """\
#!/usr/bin/python3
# It runs a script, and passes signals on, as npm does: to the shell alone.
import signal, subprocess, sys
child = subprocess.Popen(["sh", "-c", "python3 job.py one; true"])
signal.signal(signal.SIGTERM, lambda number, frame: child.send_signal(number))
sys.exit(abs(child.wait()))
"""


def _code(folder: Path, stack: str, before: str, lines: dict[str, str]) -> Path:
    folder.mkdir()
    (folder / "Dockerfile").write_text(
        f"FROM {stack}\nRUN apt-get update && apt-get install -y --no-install-recommends python3\n"
        f'WORKDIR /app\nCOPY . .\n{before}\nCMD ["sleep", "infinity"]\n'
    )
    (folder / "job.py").write_text(JOB)
    (folder / "start.sh").write_text("#!/bin/sh\npython3 job.py script\n")
    (folder / "start.sh").chmod(0o755)
    (folder / "npm").write_text(NPM)
    (folder / "npm").chmod(0o755)
    (folder / "Procfile").write_text("".join(f"{name}: {line}\n" for name, line in lines.items()))
    (folder / "app.json").write_text(json.dumps({"formation": {name: {"quantity": 1} for name in lines}}))
    return folder


def _said(server: Server, app: str, process: str) -> list[str]:
    return server.paas(f"logs {app} -q -n 100 -p {process} --source app").out.splitlines()


@pytest.mark.parametrize(
    ("suite", "shell"), [("bookworm", "bash"), ("bookworm", "dash"), ("bookworm", "busybox"), ("trixie", "bash")]
)
def test_every_program_is_told_once_and_has_its_time(
    instance: Server, stack_of: Callable[[str], str], tmp_path: Path, suite: str, shell: str
) -> None:
    app = f"told-{suite}-{shell}"
    code = _code(tmp_path / "code", stack_of(suite), SHELLS[shell], LINES)
    pushed = instance.git_push(code, app)
    assert pushed.status == 0, pushed.err
    for name in LINES:
        eventually(lambda name=name: "started" in _said(instance, app, name))
    # Longer than this waits: what does not end on being told would be seen to run still.
    assert instance.paas(f"ps:set {app} stop-timeout-seconds 300").status == 0

    assert instance.paas(f"ps:stop {app}").status == 0

    # Stopping goes on after the command, so this waits; what was said is shown when it is not this.
    said: dict[str, list[str]] = {}
    with suppress(AssertionError):
        eventually(lambda: _all_said(instance, app, said))
    assert said == dict.fromkeys(LINES, TOLD_ONCE)
    eventually(lambda: _running(instance, app) <= HOLDING)


def _running(server: Server, app: str) -> set[str]:
    rows = listings.containers(f"{LABEL}={server.instance()}", f"paas.app={app}", ended=False)
    return {row["Labels"]["paas.process"] for row in rows}


def _all_said(server: Server, app: str, said: dict[str, list[str]]) -> bool:
    said.update({name: _said(server, app, name) for name in LINES})
    return all(lines == TOLD_ONCE for lines in said.values())


def test_a_run_that_is_stopped_is_told_once_and_has_its_time(instance: Server, stack: str, tmp_path: Path) -> None:
    pushed = instance.git_push(_code(tmp_path / "code", stack, "", {"worker": "sleep infinity"}), "told-run")
    assert pushed.status == 0, pushed.err
    started = instance.paas("run:detached told-run 'python3 job.py $DYNO | cat'")
    assert started.status == 0, started.err
    eventually(lambda: "started" in instance.paas("run:logs told-run").out)

    assert instance.paas("run:stop told-run").status == 0

    lines = instance.paas("run:logs told-run").out.splitlines()
    assert [line.partition(": ")[2] or line for line in lines] == ["started", "told to end 1", "job finished 1"]
