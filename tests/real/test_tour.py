"""What docs/tour.md says is what happens."""

from __future__ import annotations

import shlex
import shutil
import stat
import sys
from pathlib import Path

import console
import pytest
from instance import SOURCES, Server

pytestmark = pytest.mark.real

PAGE = SOURCES / "docs" / "tour.md"


def _program(path: Path, command: list[str]) -> None:
    path.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_every_command_of_the_tour(instance: Server, stack: str, tmp_path: Path) -> None:
    shutil.copytree(SOURCES / "examples", tmp_path / "examples")
    dockerfile = tmp_path / "examples" / "hello" / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("paas/stack:bookworm", stack))
    shutil.copy(instance.key.with_suffix(".pub"), tmp_path / "key.pub")
    # The tour adds the key itself.
    assert instance.paas("ssh-keys:remove test").status == 0
    programs = tmp_path / "bin"
    programs.mkdir()
    _program(programs / "paas", [sys.executable, "-m", "paas"])
    _program(programs / "ssh", [shutil.which("ssh") or "ssh", *instance.ssh_command()[1:]])
    environment = instance.git_environment()
    environment["PATH"] = f"{programs}:{environment['PATH']}"
    environment["PAAS_ROOT"] = str(instance.root)
    environment["GIT_SSH_COMMAND"] = str(programs / "ssh")
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
