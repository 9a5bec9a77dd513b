"""Templates that ask for any amount of memory and time, pushed to a real daemon: it stays what it was."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from instance import SECONDS, Server, eventually

pytestmark = pytest.mark.real("git", "ssh")

MANIFEST = "name: {0}\ntitle: Bomb\ndetect: [run.sh]\nprocesses: {{web: sh run.sh}}\n"
LARGE = 'FROM scratch\n# {{ "x" * 1500000000 }}\n'
ENDLESS = "{% for a in range(99999) %}" * 3 + "{% endfor %}" * 3


def peak(server: Server) -> int:
    """The most memory that the daemon ever had, in MB."""
    assert server.daemon is not None
    status = Path(f"/proc/{server.daemon.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) >> 10  # type: ignore[index]


def children(server: Server) -> list[str]:
    """The limited processes that are at work."""
    assert server.daemon is not None
    ps = ["ps", "-o", "pid=,args=", "--ppid", str(server.daemon.pid)]
    rows = subprocess.run(ps, capture_output=True, text=True, check=True).stdout.splitlines()
    [helper] = [row.split()[0] for row in rows if "paas.daemon.zygote" in row]
    return Path(f"/proc/{helper}/task/{helper}/children").read_text().split()


@pytest.fixture
def pushes(instance: Server, tmp_path: Path) -> Callable[[str, str], Path]:
    """Makes an app whose buildpack has that template; the folder of its code."""

    def made(name: str, template: str) -> Path:
        pack, code = tmp_path / f"{name}-pack", tmp_path / name
        pack.mkdir()
        code.mkdir()
        (pack / "buildpack.yml").write_text(MANIFEST.format(name))
        (pack / "Dockerfile.j2").write_text(template)
        (code / "run.sh").write_text("exit\n")
        assert instance.paas(f"apps:create {name}").status == 0
        added = instance.paas(f"buildpacks:add {name} {pack}")
        assert added.status == 0, added.err
        return code

    return made


def test_memory_and_time_of_a_template_are_bounded(instance: Server, pushes: Callable[[str, str], Path]) -> None:
    before = peak(instance)
    for name, template in (("large", LARGE), ("endless", ENDLESS)):
        refused = instance.git_push(pushes(name, template), name)
        assert refused.status == 1
        assert "[too-much-work]" in refused.err, refused.err
    assert peak(instance) < before + 100
    assert children(instance) == []


def test_a_cancelled_build_and_a_stop_end_what_a_template_is_at(
    instance: Server, pushes: Callable[[str, str], Path]
) -> None:
    code = pushes("looping", ENDLESS)
    assert instance.git(code, "init", "-q", "-b", "main").status == 0
    assert instance.git(code, "add", "-A").status == 0
    assert instance.git(code, "commit", "-qm", "x").status == 0

    def pushing() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["git", "push", "-q", instance.url("looping"), "main"],
            cwd=code,
            env=instance.git_environment(),
            stderr=subprocess.PIPE,
        )

    def held() -> list[str]:
        """The children at work, held so that none reaches its limit meanwhile."""
        pids = eventually(lambda: children(instance))
        for pid in pids:
            os.kill(int(pid), signal.SIGSTOP)
        return pids

    with pushing() as push:
        held()
        assert instance.paas("builds:cancel looping").status == 0
        _, said = push.communicate(timeout=SECONDS)
    assert b"cancelled" in said
    eventually(lambda: not children(instance))

    with pushing() as push:
        pids = held()
        assert instance.stop() == 0
        push.communicate(timeout=SECONDS)
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
    instance.start()
