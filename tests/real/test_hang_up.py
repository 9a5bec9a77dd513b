"""Ending a command in a container whose client has gone, where the daemon may not signal the container's processes."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import pytest
from instance import eventually

from paas.core.runs.oneoff import TaskSpec
from paas.schedulers.docker.api import Docker
from paas.schedulers.docker.tasks import DockerTasks

pytestmark = pytest.mark.real("docker")


@pytest.fixture
def tasks(stack: str) -> Iterator[tuple[DockerTasks, str]]:
    """The engine's tasks, and a container that waits."""
    found = DockerTasks(Docker(secrets.token_hex(8)))
    made = found.create(
        TaskSpec(
            name=f"paas-tests-{found.instance}", image=stack, argv=["sleep", "1000"], environment={}, labels={},
            network="none", memory=0, pids=100, stop_timeout=0,
        )
    )
    found.start(made)
    yield found, made
    found.remove(made)


@pytest.mark.parametrize("heeds", [True, False], ids=["that heeds SIGHUP", "that ignores it"])
def test_a_command_ends_although_its_process_is_another_user_s(
    tasks: tuple[DockerTasks, str], monkeypatch: pytest.MonkeyPatch, heeds: bool
) -> None:
    def refuse(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    monkeypatch.setattr(os, "killpg", refuse)
    monkeypatch.setattr("paas.schedulers.docker.exec_command._LAST_LOOKS", 300)
    driver, container = tasks
    line = "" if heeds else "trap '' HUP; "
    running = driver.exec(container, ["sh", "-c", f"{line}sleep 4321; true"], terminal=False, environment={})

    def processes() -> str:
        return str(driver._api.top(container)["Processes"])

    eventually(lambda: "sleep 4321" in processes())
    running.hang_up()
    eventually(lambda: "4321" not in processes())
    assert "sleep 1000" in processes()
