"""Builds that are watched, cancelled and superseded; locks, room, limits and clean-ups; with the real engine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import docker
import listings
import pytest
from instance import SOURCES, Result, Server, eventually
from small_web import WEB

pytestmark = pytest.mark.real

FOREIGN = "paas.test-operations"


def write(folder: Path, stack: str, text: str = "one", *, after: str = "") -> Path:
    """A small app; ``after`` are lines of its Dockerfile behind the code."""
    folder.mkdir(exist_ok=True)
    (folder / "Dockerfile").write_text(
        f"FROM {stack}\nRUN apt-get update && apt-get install -y --no-install-recommends python3\n\n"
        # GIT_REV differs each time, so that what is run after it does not come from the cache.
        f'WORKDIR /app\nCOPY . .\nARG GIT_REV\n{after}\nCMD ["python3", "-u", "web.py"]\n'
    )
    (folder / "web.py").write_text(WEB.replace("TEXT", text))
    return folder


@pytest.fixture
def code(tmp_path: Path, stack: str) -> Path:
    return write(tmp_path / "code", stack)


def begin_push(instance: Server, folder: Path, app: str) -> subprocess.Popen[str]:
    """Commits and pushes, without waiting."""
    if not (folder / ".git").exists():
        assert instance.git(folder, "init", "-q", "-b", "main").status == 0
    assert instance.git(folder, "add", "-A").status == 0
    assert instance.git(folder, "commit", "-q", "--allow-empty", "-m", "change").status == 0
    return subprocess.Popen(
        ["git", "push", instance.url(app), "main"],
        cwd=folder,
        env=instance.git_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def begin(instance: Server, line: str) -> subprocess.Popen[str]:
    """A command over SSH, without waiting."""
    argv = [*instance.ssh_command(), "-p", str(instance.ssh_port), "paas@127.0.0.1", line]
    return subprocess.Popen(
        argv, env=instance.git_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def output_has(instance: Server, app: str, text: str) -> None:
    eventually(lambda: text in instance.paas(f"builds:output {app}").out)


def builders() -> list[str]:
    """The docker build commands under way on this machine."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if "--iidfile=" in line:
                found.append(line)
    return found


def test_a_build_under_way_is_watched_by_another_and_cancelled(instance: Server, code: Path, stack: str) -> None:
    assert instance.git_push(code, "calm").status == 0
    write(code, stack, "two", after="RUN echo begun; sleep 600")
    push = begin_push(instance, code, "calm")
    output_has(instance, "calm", "  begun")
    watching = begin(instance, "builds:output calm current --follow")
    assert watching.stdout is not None
    assert any("begun" in line for line in watching.stdout)

    cancelled = instance.ssh("builds:cancel calm")

    assert (cancelled.status, "Cancelled build" in cancelled.err) == (0, True)
    said, _ = push.communicate(timeout=60)
    assert push.returncode == 1
    assert "cancelled by test" in said
    rest, _ = watching.communicate(timeout=60)
    assert watching.returncode == 1
    assert "cancelled by test" in rest
    assert not [line for line in builders() if str(instance.root) in line]
    assert instance.get("calm").body == "one"
    assert "cancelled" in instance.paas("builds:list calm").out.splitlines()[0]
    write(code, stack, "three")
    assert instance.git_push(code, "calm").status == 0
    assert instance.get("calm").body == "three"


def test_another_client_attaches_and_sees_a_build_to_its_end(instance: Server, code: Path, stack: str) -> None:
    write(code, stack, after="RUN for i in $(seq 20); do echo line $i; sleep 0.05; done")
    push = begin_push(instance, code, "shown")
    output_has(instance, "shown", "line 2")

    attached = instance.ssh("builds:output shown --follow")

    assert attached.status == 0
    assert "line 1\n" in attached.out and "line 20\n" in attached.out
    assert attached.out.endswith(f"Released v1: http://shown.localhost:{instance.http_port}\n")
    push.communicate(timeout=60)
    assert push.returncode == 0


def test_a_newer_push_supersedes_a_queued_one(instance: Server, code: Path, stack: str) -> None:
    write(code, stack, "slow", after="RUN echo begun; sleep 600")
    first = begin_push(instance, code, "busy")
    output_has(instance, "busy", "  begun")
    write(code, stack, "second")
    second = begin_push(instance, code, "busy")
    eventually(lambda: instance.paas("builds:list busy --status queued").out.count("\n") == 1)
    write(code, stack, "third")
    third = begin_push(instance, code, "busy")

    said, _ = second.communicate(timeout=60)
    assert second.returncode == 1
    assert "superseded by a newer push" in said
    assert instance.ssh("builds:cancel busy").status == 0
    first.communicate(timeout=60)
    assert first.returncode == 1
    third.communicate(timeout=120)
    assert third.returncode == 0
    assert instance.get("busy").body == "third"
    rows = json.loads(instance.paas("builds:list busy --format json").out)
    assert [row["note"] for row in rows if row["status"] == "cancelled"].count("superseded") == 1


def test_a_locked_app_refuses_a_push(instance: Server, code: Path) -> None:
    assert instance.git_push(code, "locked").status == 0
    assert instance.ssh("apps:lock locked --reason audit --for 1h").status == 0
    assert instance.ssh("apps:locked locked").out.startswith("audit (by test, ")

    pushed = instance.git_push(code, "locked")

    assert pushed.status != 0
    assert "locked is locked: audit" in pushed.err
    pushed = instance.git(code, "push", "-o", "lock-wait=0s", instance.url("locked"), "main")
    assert "locked is locked: audit" in pushed.err
    waiting = begin(instance, "ps:scale locked web=2 --lock-wait 60s")
    assert waiting.stdout is not None and "waiting at most 60 s" in waiting.stdout.readline()
    assert instance.ssh("apps:unlock locked").status == 0
    waiting.communicate(timeout=60)
    assert waiting.returncode == 0
    assert instance.git(code, "push", instance.url("locked"), "main").status == 0


def test_a_build_without_room_is_refused_before_it_begins(instance: Server, code: Path) -> None:
    assert instance.git_push(code, "roomy").status == 0
    try:
        instance.paas("settings:set build-min-disk 900t")
        instance.paas("settings:set build-min-memory 900t")
        pushed = instance.git_push(code, "roomy")
        assert pushed.status == 1
        assert "there is not enough room on the server to build" in pushed.err
        assert pushed.err.count("are missing") >= 2
        assert "no-room" in pushed.err
        seen = instance.paas("doctor")
        assert (seen.status, "no-room" in seen.out) == (1, True)
    finally:
        instance.paas("settings:set build-min-disk")
        instance.paas("settings:set build-min-memory")
    assert instance.git(code, "push", instance.url("roomy"), "main").status == 0


@pytest.mark.skipif(not Path("/sys/fs/cgroup").is_dir(), reason="no control groups on this machine")
def test_what_a_build_runs_is_under_the_limits(instance: Server, code: Path, stack: str) -> None:
    group = f"paas-{instance.instance()}"
    # The first moment of a step is its own: it is looked for every 50 ms.
    wait = f"until grep -q {group} /proc/self/cgroup; do :; done; echo limited"
    instance.paas("settings:set build-memory-limit 200m")
    try:
        write(code, stack, after=f"RUN {wait}; head -c 100m /dev/zero | tail | wc -c")
        assert instance.git_push(code, "small").status == 0
        write(code, stack, after=f"RUN {wait}; exec python3 -c \"x = bytearray(600 << 20); print('too much')\"")
        pushed = instance.git_push(code, "small")
    finally:
        instance.paas("settings:set build-memory-limit")

    assert pushed.status == 1
    assert "too much" not in pushed.err.replace("print('too much')", "")
    assert "build-killed" in pushed.err
    # The mark by which its processes are found stays out of the image.
    with closing(docker.from_env()) as client:
        image = client.images.get(listings.images(f"paas.instance={instance.instance()}")[0])
        assert "paas.invalid" not in json.dumps([image.attrs, image.history()])


@pytest.fixture
def foreign(engine: object, stack: str) -> Iterator[tuple[str, str, str]]:
    """A dead container, a nameless image and a volume of another program."""
    client = docker.from_env()
    container = client.containers.create(stack, "true", labels={FOREIGN: "1"})
    container.start()
    container.wait()
    image = container.commit(changes=[f"LABEL {FOREIGN}=1"])
    volume = client.volumes.create(labels={FOREIGN: "1"})
    yield container.id, image.id, volume.name
    container.remove(force=True)
    client.images.remove(image.id)
    volume.remove()
    client.close()


def test_a_clean_up_removes_what_the_dry_run_listed_and_nothing_of_others(
    instance: Server, code: Path, stack: str, foreign: tuple[str, str, str]
) -> None:
    assert instance.git_push(code, "tidy").status == 0
    # What a crash at the wrong moment leaves: a container that ended and is not wanted, an image of no release.
    client = docker.from_env()
    labels = listings.containers(f"paas.instance={instance.instance()}", "paas.app=tidy")[0]["Labels"]
    ours = client.containers.create(stack, "true", labels={**labels, "paas.index": "9"})
    ours.start()
    ours.wait()
    left = ours.commit()
    volume = client.volumes.create(labels={"paas.instance": instance.instance()})

    planned = json.loads(instance.paas("cleanup tidy --dry-run --format json").out)
    assert client.containers.get(ours.id)
    done = json.loads(instance.paas("cleanup tidy --format json").out)

    assert [row["kind"] for row in planned] == ["container", "image"]
    assert [(row["kind"], row["name"]) for row in done] == [(row["kind"], row["name"]) for row in planned]
    assert left.id not in listings.images()
    assert ours.id not in [row["Id"] for row in listings.containers()]
    assert instance.paas("cleanup tidy --dry-run").out == ""
    container_id, image_id, name = foreign
    assert client.containers.get(container_id) and client.images.get(image_id) and client.volumes.get(name)
    assert client.volumes.get(volume.name)
    volume.remove()
    client.close()
    assert instance.get("tidy").body == "one"


def test_doctor_finds_the_host_in_order_and_a_container_that_is_gone(instance: Server, code: Path) -> None:
    assert instance.git_push(code, "fit").status == 0
    seen = json.loads(instance.paas("doctor --format json").out)
    assert [row for row in seen if row["level"] == "problem"] == []
    subjects = {row["subject"] for row in seen}
    assert {"engine", "nginx", "ports", "room", "drift", "files", "builds"} <= subjects
    assert any(row["what"].startswith("nginx/") for row in seen)

    instance.paas("domains:add fit nowhere.invalid")

    def missing() -> Result | None:
        """What doctor says once the name server was not too late."""
        said = instance.ssh("doctor fit")
        return said if "nowhere.invalid (fit) does not resolve [dns-missing]" in said.out else None

    assert eventually(missing).status == 1
    instance.paas("domains:reset fit")


def test_the_reading_of_this_machine() -> None:
    script = (
        "from pathlib import Path; from paas.system.host import Host; h = Host()\n"
        "d, m = h.disk(Path('/nonexistent/folder')), h.memory()\n"
        "assert d.path == '/' and 0 < d.free <= d.total, d\n"
        "assert 0 < m.available <= m.total, m\n"
        "assert '127.0.0.1' in h.addresses(), h.addresses()\n"
        "assert h.resolve(['localhost', 'nowhere.invalid'], 10)['nowhere.invalid'] in (frozenset(), None)\n"
        "assert not h.runs('no-such-program')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=SOURCES, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
