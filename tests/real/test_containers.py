"""What containers are started with, and what becomes of apps that don't start."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

import docker
import listings
import pytest
from instance import Server
from test_service import app

from paas.schedulers.docker.api import Docker

pytestmark = pytest.mark.real("docker", "git", "nginx", "ssh")


@pytest.fixture(scope="module")
def running(instance: Server, stack: str, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """An instance with the app ``look``."""
    code = app(tmp_path_factory.mktemp("code"), stack, before="EXPOSE 7000")
    pushed = instance.git_push(code, "look")
    assert pushed.status == 0, pushed.err
    return instance


def _container(server: Server) -> dict:
    with closing(docker.from_env()) as client:
        (row,) = listings.containers(f"paas.instance={server.instance()}", "paas.app=look", ended=False)
        return client.api.inspect_container(row["Id"])


def test_a_container_is_confined_and_published_on_loopback_only(running: Server) -> None:
    attributes = _container(running)
    host = attributes["HostConfig"]

    assert host["Init"] is True
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["CapDrop"] == ["ALL"]
    assert "NET_RAW" not in "".join(host["CapAdd"])
    assert host["PidsLimit"] == 1024
    assert 0 < host["Memory"] <= 1 << 30
    assert host["OomScoreAdj"] == 300
    score = Path(f"/proc/{attributes['State']['Pid']}/oom_score_adj").read_text()
    assert int(score) >= 300, "the kernel ends an app before the server"
    assert host["LogConfig"]["Config"] == {"max-size": "10485760", "max-file": "3"}
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    (published,) = host["PortBindings"]["7000/tcp"]
    assert published["HostIp"] == "127.0.0.1"
    assert 20000 <= int(published["HostPort"]) <= 29999
    assert list(attributes["NetworkSettings"]["Networks"]) == [f"paas-{running.instance()[:6]}-1"]


def test_the_one_exposed_port_is_the_containers_and_the_platforms_variables_are_set(running: Server) -> None:
    attributes = _container(running)
    environment = dict(entry.split("=", 1) for entry in attributes["Config"]["Env"])

    commit = running.paas("apps:info look --format json").out.split('"commit": "')[1][:40]
    assert environment["PORT"] == "7000"
    assert environment["DYNO"] == "web.1"
    assert environment["GIT_REV"] == commit
    assert environment["PAAS_APP"] == "look"
    assert environment["PAAS_RELEASE"] == "v1"


FAILURES = {
    "exited": ("web: sh -c 'echo no database; exit 3'", "exited with status 3", "no database"),
    "command-not-found": ("web: nosuchprogram", "web.1", "nosuchprogram"),
    "wrong-port": ("web: python3 -m http.server 3000", "listens on port 3000, but 5000 was expected", ""),
    "listens-on-loopback": (
        "web: python3 -m http.server 5000 --bind 127.0.0.1", "listens on 127.0.0.1:5000 inside its container", ""
    ),
    "not-listening": ("web: sleep 60", "did not listen on port 5000", ""),
    "bad-answer": (
        'web: python3 -c "import http.server as h; H = type(\'H\', (h.BaseHTTPRequestHandler,), '
        "{'do_GET': lambda s: s.send_error(500)}); h.HTTPServer(('', 5000), H).serve_forever()\"",
        "It answered with status 500.", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("code", FAILURES)
def test_a_failed_start_says_why_and_rejects_the_push(
    instance: Server, stack: str, tmp_path: Path, code: str
) -> None:
    procfile, what, logged = FAILURES[code]
    folder = app(tmp_path / "code", stack, procfile=procfile + "\n")
    name = f"fails-{code}"
    instance.paas(f"apps:create {name}")
    for patience in ("2s", "10s", "60s"):
        instance.paas(f"checks:set {name} timeout {patience}")
        pushed = instance.git_push(folder, name)
        # A slow machine may need longer until its program is as far as that.
        if f"[{code}]" in pushed.err:
            break

    assert pushed.status == 1
    assert f"[{code}]" in pushed.err, pushed.err
    assert what in pushed.err and logged in pushed.err, pushed.err
    assert "! [remote rejected] main -> main" in pushed.err
    assert instance.paas(f"ps {name}").out == ""
    assert instance.get(name).status == 503


def test_what_the_engine_killed_for_its_memory_is_told_so(instance: Server, stack: str, tmp_path: Path) -> None:
    script = "import os; kept = [os.urandom(1 << 20) for _ in range(4096)]"
    folder = app(tmp_path / "code", stack, procfile=f"web: python3 -c '{script}'\n")
    assert instance.paas("settings:set memory-limit 32m").status == 0
    try:
        pushed = instance.git_push(folder, "hungry")
    finally:
        assert instance.paas("settings:set memory-limit").status == 0
    assert pushed.status == 1
    # A busy engine does not always notice; then its exit status tells as much.
    assert "[out-of-memory]" in pushed.err or "(signal 9): it was killed" in pushed.err, pushed.err
    assert "raise the limit (settings:set memory-limit)" in pushed.err


def test_no_app_takes_the_memory_of_the_machine_for_its_files(
    running: Server, stack: str, tmp_path: Path
) -> None:
    added = running.paas("docker-options:add look deploy --shm-size 16t --tmpfs /scratch:size=99999g --memory 64m")
    assert added.status == 0, added.err
    try:
        assert running.paas("ps:restart look").status == 0
        for folder in ("/scratch", "/dev/shm"):
            seen = running.paas(f"enter look web.1 df --output=size -B1 {folder}").out.split()
            assert seen[-1] == str(64 << 20), seen
    finally:
        running.paas("docker-options:clear look deploy")


def test_a_rollback_starts_containers_with_the_limits_of_its_release(running: Server) -> None:
    def memory() -> int:
        # The containers of the release before may still finish their requests.
        rows = listings.containers(f"paas.instance={running.instance()}", "paas.app=look", ended=False)
        newest = max(rows, key=lambda row: int(row["Labels"]["paas.release"]))
        with closing(docker.from_env()) as client:
            return client.api.inspect_container(newest["Id"])["HostConfig"]["Memory"]

    assert running.paas("docker-options:add look deploy --memory 64m").status == 0
    try:
        assert running.paas("ps:restart look").status == 0
        assert memory() == 64 << 20
        running.paas("docker-options:add look deploy --memory 96m")
        assert running.paas("ps:restart look").status == 0
        assert memory() == 96 << 20
        assert running.paas("releases:rollback look").status == 0
        assert memory() == 64 << 20
        assert running.paas("docker-options:list look --phase deploy").out == "--memory=64m\n"
    finally:
        running.paas("docker-options:clear look deploy")


def test_a_worker_that_fails_leaves_web_on_the_old_release(instance: Server, stack: str, tmp_path: Path) -> None:
    folder = app(tmp_path / "code", stack, "old", procfile="web: python3 web.py\nworker: sleep 1000\n")
    assert instance.git_push(folder, "pair").status == 0
    assert instance.paas("ps:scale pair worker=1").status == 0
    before = instance.paas("ps pair --format json").out

    app(folder, stack, "new", procfile="web: python3 web.py\nworker: false\n")
    pushed = instance.git_push(folder, "pair")

    assert pushed.status == 1
    assert "worker.1 exited with status 1" in pushed.err
    assert instance.get("pair").body == "v1 old"
    assert instance.paas("ps pair --format json").out == before


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"README": "nothing to build"}, "nothing-detected"),
        ({"Dockerfile": "FROM nosuch/image:1\n"}, "build-failed"),
        ({"Dockerfile": "FORM x\n"}, "build-failed"),
        ({"Dockerfile": "FROM scratch\nCOPY . /\n"}, "no-command"),
        ({"Dockerfile": "FROM scratch\n", "Procfile": "web python\n"}, "invalid-procfile"),
        ({"Dockerfile": "FROM scratch\n", ".gitattributes": "*.bin filter=lfs\n",
          "a.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n"}, "git-lfs"),
    ],
)  # fmt: skip
def test_what_cant_be_built_is_refused_with_a_code(
    instance: Server, tmp_path: Path, files: dict[str, str], code: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    pushed = instance.git_push(tmp_path, f"refused-{code}-{len(files)}")

    assert pushed.status == 1
    assert f"[{code}]" in pushed.err, pushed.err


def test_a_container_that_another_removes_is_gone_once_it_is_removed(stack: str) -> None:
    for _ in range(5):
        with closing(docker.from_env()) as client:
            made = client.containers.run(stack, "sleep 1000", detach=True, labels={"paas.test-containers": "1"})
        removals = [threading.Thread(target=Docker("tests").remove, args=(made.id,)) for _ in range(2)]
        for one in removals:
            one.start()
        Docker("tests").remove(made.id)
        assert made.id not in [row["Id"] for row in listings.containers("paas.test-containers")]
        for one in removals:
            one.join()
