"""The engine and the daemon go down and come up in any order: every app that was up is up, on its old ports.

The engine is one of the test's own, in a network namespace of its own, so that no other engine on the machine notices.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from instance import Answer, Server, eventually, run
from test_service import APP

from paas.builders import buildkit

pytestmark = pytest.mark.real("curl", "docker", "git", "nginx", "ssh")

BASE = "paas-test/python"


class Engine:
    """A Docker Engine in a network namespace of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.namespace = f"paas-{os.getpid()}"
        self.host = f"unix://{folder}/docker.sock"
        self.configure(live_restore=False)
        self.process: subprocess.Popen[bytes] | None = None
        self.containerd: subprocess.Popen[bytes] | None = None
        run("ip", "netns", "add", self.namespace)
        run(*self.inside, "ip", "link", "set", "lo", "up")

    @property
    def inside(self) -> tuple[str, ...]:
        """What runs a program in the namespace."""
        return ("nsenter", f"--net=/run/netns/{self.namespace}")

    def configure(self, *, live_restore: bool) -> None:
        """Writes what it is to be like at its next start, whatever the machine's own engine is like."""
        self.folder.joinpath("daemon.json").write_text(
            json.dumps({"userland-proxy": False, "live-restore": live_restore})
        )

    def start(self) -> None:
        """Starts it and returns once it answers. containerd is a process of its own, as on every server."""
        with (self.folder / "engine.log").open("ab") as log:
            self.containerd = self.containerd or subprocess.Popen(
                [
                    *self.inside, "containerd", "--address", str(self.folder / "containerd.sock"),
                    "--root", str(self.folder / "containerd"), "--state", str(self.folder / "state"),
                ],
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
            self.process = subprocess.Popen(
                [
                    *self.inside, "dockerd", "--data-root", str(self.folder / "data"),
                    "--exec-root", str(self.folder / "exec"), "--pidfile", str(self.folder / "pid"), "-H", self.host,
                    "--containerd", str(self.folder / "containerd.sock"),
                    "--config-file", str(self.folder / "daemon.json"),
                ],
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        eventually(self._answers)

    def _answers(self) -> bool:
        command = [buildkit.cli()[0], "-H", self.host, "version"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def end(self, number: int) -> None:
        """SIGTERM stops it with all its containers; SIGKILL is a crash."""
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(60)
        self.process = None
        (self.folder / "pid").unlink(missing_ok=True)

    def close(self) -> None:
        """Ends it, and takes its namespace away."""
        if self.process is not None:
            self.end(signal.SIGTERM)
        if self.containerd is not None:
            self.containerd.terminate()
            self.containerd.wait(60)
        run("ip", "netns", "delete", self.namespace)
        # A crash of the engine leaves the mounts of its containers and networks behind.
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in sorted((mount for mount in mounts if mount.startswith(f"{self.folder}/")), reverse=True):
            run("umount", mount)


class Inside(Server):
    """An instance, and a person, in the namespace of the engine."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.engine = engine
        self.wrapper = engine.inside
        super().__init__(folder)

    def ssh_command(self) -> list[str]:
        return [*self.engine.inside, *super().ssh_command()]

    def get(self, app: str, path: str = "/", *, host: str = "", headers: dict[str, str] | None = None) -> Answer:
        url = f"http://{app}.localhost:{self.http_port}{path}"
        command = [*self.engine.inside, "curl", "-s", "-m", "10", "-w", "\n%{http_code}", url]
        body, _, status = subprocess.run(command, capture_output=True, text=True, check=False).stdout.rpartition("\n")
        return Answer(int(status), body, {})


@pytest.fixture(scope="module")
def private(stack: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine with a disk of 1.5 GB and an image with Python, as its namespace has no way to any package."""
    context = tmp_path_factory.mktemp("image")
    (context / "Dockerfile").write_text(f"FROM {stack}\nRUN apt-get update && apt-get install -y python3\n")
    cli = buildkit.cli()
    subprocess.run(
        [*cli, "-q", "-t", BASE, "--label", "paas.test=1", str(context)],
        env={**os.environ, "DOCKER_BUILDKIT": "1"}, check=True,
    )  # fmt: skip
    # The kernel takes 107 bytes of path for the engine's sockets.
    engine = Engine(Path(subprocess.check_output(["mktemp", "-d", "/tmp/engine.XXXXXX"], text=True).strip()))
    try:
        (engine.folder / "data").mkdir()
        run("mount", "-t", "tmpfs", "-o", "size=1500m", "paas-engine", str(engine.folder / "data"))
        engine.start()
        with subprocess.Popen([cli[0], "save", BASE], stdout=subprocess.PIPE) as save:
            subprocess.run([cli[0], "-H", engine.host, "load"], stdin=save.stdout, check=True, capture_output=True)
        yield engine
    finally:
        engine.close()
        run("rm", "-rf", str(engine.folder))
        run(cli[0], "rmi", BASE)


@pytest.fixture(scope="module")
def server(private: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    """An instance on that engine with the apps ``up``, two web containers and a worker, and ``down``, stopped."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", private.host)
        made = Inside(tmp_path_factory.mktemp("inside"), private)
        for name in ("up", "down"):
            code = tmp_path_factory.mktemp(name)
            (code / "Dockerfile").write_text(f"FROM {BASE}\nCOPY . .\n")
            (code / "web.py").write_text(APP.replace("TEXT", name))
            (code / "Procfile").write_text("web: python3 -u web.py\nworker: sleep 10000\n")
            pushed = made.git_push(code, name)
            assert pushed.status == 0, pushed.err
        assert made.paas("ps:scale up web=2 worker=1").status == 0
        assert made.paas("ps:stop down").status == 0
        yield made
        made.close()


def _look(server: Inside) -> tuple[str, list[str]]:
    """The proxy's file of the app, and its processes with state, release and port."""
    files = [path.read_text() for path in (server.root / "nginx" / "apps").glob("*.conf")]
    (text,) = [file for file in files if "up.localhost" in file]
    return text, [" ".join(line.split()[:4]) for line in server.paas("ps up").out.splitlines()]


def _crash(engine: Engine, server: Inside) -> None:
    engine.end(signal.SIGKILL)
    engine.start()


def _restart(engine: Engine, server: Inside) -> None:
    engine.end(signal.SIGTERM)
    engine.start()


def _reboot_engine_first(engine: Engine, server: Inside) -> None:
    _power_off(engine, server)
    engine.start()
    server.start()


def _reboot_daemon_first(engine: Engine, server: Inside) -> None:
    _power_off(engine, server)
    server.start()
    engine.start()


def _power_off(engine: Engine, server: Inside) -> None:
    server.kill9()
    os.kill(int((server.root / "nginx" / "run" / "nginx.pid").read_text()), signal.SIGKILL)
    engine.end(signal.SIGTERM)


@pytest.mark.parametrize("happens", [_crash, _restart, _reboot_engine_first, _reboot_daemon_first])
def test_what_was_up_is_up_again_on_its_old_ports(server: Inside, private: Engine, happens) -> None:
    before = eventually(lambda: (look := _look(server)) and "".join(look[1]).count("running") == 3 and look)

    happens(private, server)

    eventually(lambda: server.get("up").body == "v1 up")
    try:
        eventually(lambda: _look(server) == before)
    except AssertionError:
        print(_look(server), before, server.said()[-3500:])
        raise
    assert server.get("down").status == 503
    assert server.paas("ps down").out == ""


def test_a_build_that_fills_the_disk_of_the_engine_is_told_so_and_the_next_push_works(
    server: Inside, tmp_path: Path
) -> None:
    assert server.paas("settings:set build-min-disk 1m").status == 0
    (tmp_path / "Dockerfile").write_text(f"FROM {BASE}\nRUN dd if=/dev/zero of=/big bs=1M\nCOPY . .\n")
    (tmp_path / "web.py").write_text(APP.replace("TEXT", "small"))
    (tmp_path / "Procfile").write_text("web: python3 -u web.py\n")

    pushed = server.git_push(tmp_path, "big")

    assert pushed.status == 1
    assert "the disk is full" in pushed.err and "cleanup" in pushed.err, pushed.err
    assert server.get("up").body == "v1 up"
    (tmp_path / "Dockerfile").write_text(f"FROM {BASE}\nCOPY . .\n")
    # The engine takes a moment to give the room of the failed step back; until then nothing is built.
    pushed = eventually(lambda: (again := server.git_push(tmp_path, "big")) and "[no-room]" not in again.err and again)
    assert pushed.status == 0, pushed.err
    assert server.get("big").body == "v1 small"


def test_with_live_restore_apps_are_served_while_the_engine_is_away(server: Inside, private: Engine) -> None:
    private.end(signal.SIGTERM)
    # As scripts/install-deps has it, and without a proxy process of the engine's, which goes with it.
    private.configure(live_restore=True)
    private.start()
    before = eventually(lambda: (look := _look(server)) and "".join(look[1]).count("running") == 3 and look)
    assert "engine-restart" not in server.paas("doctor").out

    private.end(signal.SIGTERM)
    assert server.get("up").body == "v1 up"
    private.start()
    assert server.get("up").body == "v1 up"
    eventually(lambda: _look(server) == before)
    assert server.paas("ps:restart up").status == 0
    assert server.get("up").body == "v1 up"
