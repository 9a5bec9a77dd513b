"""What becomes of an app when somebody else's hands, or a crash, take parts of it away."""

from __future__ import annotations

import json
import os
import signal

import docker
import pytest
from instance import Server, eventually
from load import Load
from test_service import app

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def served(instance: Server, stack: str, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """An instance with an app of two web containers and a worker."""
    code = app(tmp_path_factory.mktemp("code"), stack, procfile="web: python3 web.py\nworker: sleep 10000\n")
    pushed = instance.git_push(code, "shop")
    assert pushed.status == 0, pushed.err
    assert instance.paas("ps:scale shop web=2 worker=1").status == 0
    return instance


def _rows(server: Server) -> list[dict[str, str]]:
    return json.loads(server.paas("ps shop --format json").out)


def _whole(server: Server) -> bool:
    rows = _rows(server)
    return len(rows) == 3 and all(row["state"] == "running" for row in rows)


@pytest.mark.parametrize("process", ["web.1", "worker.1"])
@pytest.mark.parametrize("how", ["remove", "stop", "kill"])
def test_a_container_that_hands_took_away_comes_back(served: Server, process: str, how: str) -> None:
    assert eventually(lambda: _whole(served))
    (row,) = [row for row in _rows(served) if row["process"] == process]
    client = docker.from_env()
    try:
        container = client.containers.get(row["container"])
        {"remove": lambda: container.remove(force=True), "stop": lambda: container.stop(timeout=1),
         "kill": container.kill}[how]()  # fmt: skip
    finally:
        client.close()

    eventually(lambda: _whole(served) and all(other["container"] for other in _rows(served)))

    assert eventually(lambda: served.get("shop").status == 200)


def test_nginx_that_was_killed_is_started_again(served: Server) -> None:
    pid_file = served.root / "nginx" / "run" / "nginx.pid"
    killed = int(pid_file.read_text())

    def another() -> bool:
        try:
            return pid_file.read_text().strip() not in ("", str(killed))
        except FileNotFoundError:
            return False

    with Load(served.http_port, "shop.localhost", rate=60) as load:
        os.kill(killed, signal.SIGKILL)
        eventually(another)
        served_before = load.seen[200]
        eventually(lambda: load.seen[200] > served_before + 30)

    # Its workers serve on; while they hand the port over, new connections may be refused, or reset before it is theirs.
    assert all("Connection refused" in str(what) or "reset by peer" in str(what) for what in load.failures())


def test_a_stopped_app_stays_stopped_over_a_restart_of_the_daemon(served: Server) -> None:
    assert served.paas("ps:stop shop").status == 0
    eventually(lambda: _rows(served) == [])
    served.restart()

    assert served.get("shop").status == 503
    assert _rows(served) == []
    assert served.paas("ps:start shop").status == 0
    assert served.get("shop").status == 200
