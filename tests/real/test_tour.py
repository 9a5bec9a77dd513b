"""What docs/tour.md and the README say is what happens."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import console
import pytest
from instance import SOURCES, Server

pytestmark = pytest.mark.real

PAGE = SOURCES / "docs" / "tour.md"


def _program(path: Path, command: list[str]) -> None:
    path.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def _environment(instance: Server, tmp_path: Path) -> dict[str, str]:
    """That of somebody who types ``paas`` on the server, ``git`` and ``ssh`` elsewhere."""
    programs = tmp_path / "bin"
    programs.mkdir()
    _program(programs / "paas", [sys.executable, "-m", "paas"])
    _program(programs / "ssh", [shutil.which("ssh") or "ssh", *instance.ssh_command()[1:]])
    found = instance.git_environment()
    found["PATH"] = f"{programs}:{found['PATH']}"
    found["PAAS_ROOT"] = str(instance.root)
    found["GIT_SSH_COMMAND"] = str(programs / "ssh")
    return found


def _example(folder: Path, stack: str) -> None:
    shutil.copytree(SOURCES / "examples", folder)
    dockerfile = folder / "hello" / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("paas/stack:bookworm", stack))


def test_what_the_readme_types_on_a_server(instances: Callable[..., Server], stack: str, tmp_path: Path) -> None:
    instance = instances()
    environment = _environment(instance, tmp_path)
    _example(tmp_path / "examples", stack)
    code = tmp_path / "examples" / "hello"
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "first"]):
        assert instance.git(code, *words).status == 0

    page = (SOURCES / "README.md").read_text()
    lines = [line.partition("  #")[0].strip() for block in re.findall(r"```sh\n(.*?)```", page, re.S)
             for line in block.splitlines()]  # fmt: skip
    typed = [line for line in lines if "apps.example.org" in line and "bootstrap.sh" not in line]
    assert [line.split()[0] for line in typed] == ["git", "ssh", "ssh", "ssh", "ssh"]

    for line in typed:
        here = line.replace("apps.example.org", "127.0.0.1").replace("2222", str(instance.ssh_port))
        done = subprocess.Popen(
            shlex.split(here), cwd=code, env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        if line.endswith(" -t"):
            # Somebody who follows a log stops it, once it has said something.
            assert done.stdout is not None
            assert done.stdout.readline()
            done.send_signal(signal.SIGINT)
            done.communicate(timeout=120)
        else:
            said = "".join(done.communicate(timeout=120))
            assert done.returncode == 0, f"{line}\n{said}"

    assert instance.paas("ps:scale hello").out.split() == ["web", "3", "worker", "0"]
    assert instance.paas("config:get hello GREETING").status != 0, "the last line took it back"
    assert instance.get("hello").status == 200


def test_every_command_of_the_tour(instance: Server, stack: str, tmp_path: Path) -> None:
    environment = _environment(instance, tmp_path)
    _example(tmp_path / "examples", stack)
    shutil.copy(instance.key.with_suffix(".pub"), tmp_path / "key.pub")
    # The tour adds the key itself.
    assert instance.paas("ssh-keys:remove test").status == 0
    page = PAGE.read_text().replace("2222", str(instance.ssh_port)).replace("8080", str(instance.http_port))

    folder, typed = tmp_path, 0
    for command in console.commands(page):
        output, status, folder = console.run(command, folder, environment)
        assert (status, console.matches(output, command.expected)) == (command.status, True), (
            f"tour.md:{command.line}: $ {command.text}\nexit status {status}\n{output}\nlog:\n{instance.said()[-3000:]}"
        )
        typed += 1

    assert typed > 60
    assert instance.paas("ssh-keys:add test --role admin", stdin=(tmp_path / "key.pub").read_text()).status == 0
