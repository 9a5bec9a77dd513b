"""Phases with the real engine: how long they may take, what ends them, and images that say how they are run."""

from __future__ import annotations

import json
import subprocess
from contextlib import closing
from pathlib import Path

import docker
import listings
import pytest
from instance import Server
from test_service import app

from paas.builders import buildkit

pytestmark = pytest.mark.real

ENDS = (
    "import signal, sys, time\n"
    "signal.signal(signal.SIGTERM, lambda *_: (print('told to end', flush=True), time.sleep(1), "
    "print('has ended', flush=True), sys.exit(0)))\n"
    "print('begun', flush=True)\n"
    "while True: time.sleep(0.05)\n"
)


def test_a_release_phase_that_goes_on_is_told_to_end_and_fails_the_deploy(
    instance: Server, stack: str, tmp_path: Path
) -> None:
    code = app(tmp_path / "code", stack, procfile="web: python3 -u web.py\nrelease: python3 ends.py $DYNO | cat\n")
    (code / "ends.py").write_text(ENDS)
    assert instance.paas("apps:create slow").status == 0
    assert instance.paas("deploy:set slow phase-timeout 3s").status == 0
    pushed = instance.git_push(code, "slow")
    assert pushed.status != 0
    for said in ("begun", "told to end", "has ended", "the release phase did not end in time", "[phase-timeout]"):
        assert said in pushed.err, pushed.err
    assert "restarting it" not in instance.paas("logs slow").out


def test_a_shell_entrypoint_is_refused_and_an_interpreter_is_told(
    instance: Server, stack: str, tmp_path: Path
) -> None:
    code = app(tmp_path / "code", stack, procfile="web: python3 -u web.py\n")
    text = (code / "Dockerfile").read_text()
    (code / "Dockerfile").write_text(text.replace("CMD", "ENTRYPOINT python3 -u web.py\nCMD"))
    assert "[shell-entrypoint]" in instance.git_push(code, "swallow").err
    (code / "Dockerfile").write_text(text.replace("CMD", 'ENTRYPOINT ["python3"]\nCMD'))
    (code / "Procfile").write_text("web: -u web.py $PORT\n")
    assert "[entrypoint-needs-shell]" in instance.git_push(code, "swallow").err
    (code / "Procfile").write_text("web: -u web.py\n")
    pushed = instance.git_push(code, "swallow")
    assert pushed.status == 0, pushed.err


def test_an_image_that_is_sent_has_its_procfile_and_app_json(instance: Server, stack: str, tmp_path: Path) -> None:
    cli = buildkit.cli()[0]
    code = app(tmp_path / "code", stack, procfile="web: python3 -u web.py\nrelease: echo migrated\n")
    described = {"scripts": {"dokku": {"postdeploy": "echo warmed"}}, "formation": {"web": {"quantity": 2}}}
    (code / "app.json").write_text(json.dumps(described))
    name = f"tests-phases-{instance.instance()[:6]}:1"
    try:
        subprocess.run([cli, "build", "-q", "-t", name, str(code)], check=True, capture_output=True)
        saved = subprocess.run([cli, "save", name], check=True, capture_output=True).stdout
    finally:
        subprocess.run([cli, "rmi", name], check=False, capture_output=True)
    assert instance.paas("apps:create sent").status == 0
    (tmp_path / "image.tar").write_bytes(saved)
    with (tmp_path / "image.tar").open("rb") as file:
        sent = subprocess.run(
            [*instance.ssh_command(), "-p", str(instance.ssh_port), "paas@127.0.0.1", f"git:load-image sent {name}"],
            stdin=file, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert sent.returncode == 0, sent.stderr
    assert "migrated" in sent.stderr
    assert "warmed" in sent.stderr
    assert '"web": 2' in instance.paas("ps:scale sent --format json").out.replace("\n", " ")


def test_what_predeploy_writes_is_in_the_image_and_its_variables_are_not(
    instance: Server, stack: str, tmp_path: Path
) -> None:
    code = app(tmp_path / "code", stack, procfile="web: python3 -u web.py && true\n")
    (code / "gone").write_text("")
    described = {"scripts": {"dokku": {"predeploy": "sh -c 'echo built with $TOKEN > built; rm gone'"}}}
    (code / "app.json").write_text(json.dumps(described))
    assert instance.paas("apps:create pre").status == 0
    assert instance.paas("config:set pre TOKEN=top-secret").status == 0
    pushed = instance.git_push(code, "pre")
    assert pushed.status == 0, pushed.err
    assert "The files it wrote are part of the image." in pushed.err
    seen = "sh -c 'cat /app/built; ls /app/gone; echo $TOKEN'"
    assert instance.paas(f"enter pre web.1 {seen}").out == "built with top-secret\ntop-secret\n"

    assert instance.paas("config:unset pre TOKEN").status == 0
    assert instance.paas(f"run pre {seen}").out == "built with top-secret\n\n"
    (row,) = listings.containers(f"paas.instance={instance.instance()}", "paas.app=pre", ended=False)
    with closing(docker.from_env()) as client:
        image = client.api.inspect_image(row["ImageID"])
    assert "TOKEN" not in json.dumps(image["Config"])
    assert not {"paas.index", "paas.slot", "paas.process"} & set(image["Config"]["Labels"])
    assert image["Config"]["Cmd"] == ["python3", "-u", "web.py"]
