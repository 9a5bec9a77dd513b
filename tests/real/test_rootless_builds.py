"""Builds in an engine apart from the host: what they build, and what they don't reach."""

from __future__ import annotations

import http.server
import os
import pwd
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from instance import SOURCES, Server, eventually, run
from small_web import WEB

from paas.builders.rootless import USER, Rootless

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="another user than root talks to the service of bootstrap.sh"),
]

CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
LOOK = """\
import os, socket
for name, (host, port) in {"loopback": ("127.0.0.1", PORT), "host": ("198.18.0.2", PORT), "pool": ("10.208.0.1", PORT),
                           "metadata": ("169.254.169.254", 80)}.items():
    try:
        socket.create_connection((host, port), 5).close()
        print(name, "is reached")
    except OSError as error:
        print(name, "is not reached:", error)
print("network", os.readlink("/proc/self/ns/net"))
print("ids", open("/proc/self/uid_map").read().split())
"""


class Secret(http.server.BaseHTTPRequestHandler):
    """A service that only the host is to reach."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"of the host alone")


@pytest.fixture(scope="module")
def service() -> Iterator[int]:
    """Its port on 127.0.0.1."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Secret)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def server(open_folder: Path, stack: str) -> Iterator[Server]:
    """An instance that builds apart, and lets nobody build otherwise."""
    run(str(SOURCES / "scripts" / "builder-user"))
    if not Path("/dev/net/tun").stat().st_mode & 0o002:
        pytest.skip("other users than root may not open /dev/net/tun here")
    made = Server(open_folder)
    for line in ("settings:set allow-unsafe-builds false", "settings:set build-isolation rootless"):
        assert made.paas(line).status == 0
    deployer = open_folder / "deployer"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(deployer))
    assert made.paas("ssh-keys:add d --role deploy", stdin=deployer.with_suffix(".pub").read_text()).status == 0
    made.key = deployer
    yield made
    made.close()


def builder_of(server: Server) -> Rootless:
    return Rootless(server.root, "", list, list)


def write(folder: Path, stack: str, text: str = "one", *, after: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "Dockerfile").write_text(
        f"FROM {stack}\nRUN --mount=type=cache,target=/var/cache/apt,sharing=locked \\\n"
        "  apt-get update && apt-get install -y --no-install-recommends python3\n"
        f'WORKDIR /app\nCOPY . .\nARG GIT_REV\n{after}\nCMD ["python3", "-u", "web.py"]\n'
    )
    (folder / "web.py").write_text(WEB.replace("TEXT", text))
    return folder


def test_a_push_of_the_role_deploy_serves_and_its_build_reaches_nothing_of_the_host(
    server: Server, tmp_path: Path, stack: str, service: int
) -> None:
    code = write(tmp_path / "code", stack, after="RUN python3 look.py")
    (code / "look.py").write_text(LOOK.replace("PORT", str(service)))
    pushed = server.git_push(code, "hello")
    assert pushed.status == 0, pushed.err
    assert server.get("hello").body == "one"
    for name in ("loopback", "host", "pool", "metadata"):
        assert f"{name} is not reached" in pushed.err
    assert "is reached" not in pushed.err.replace("is not reached", "")
    assert f"network {os.readlink('/proc/self/ns/net')}" not in pushed.err  # noqa: PTH115
    assert f"ids ['0', '{pwd.getpwnam(USER).pw_uid}', '1'," in pushed.err

    # A change of the code alone: what was installed comes from the cache, though the image is gone there.
    write(code, stack, "two", after="RUN python3 look.py")
    pushed = server.git_push(code, "hello")
    assert (pushed.status, server.get("hello").body) == (0, "two")
    assert pushed.err.count("  cached") >= 1
    assert builder_of(server).docker.client.images(quiet=True, filters={"dangling": True}) == []


def test_what_an_add_fetches_is_not_fetched_by_the_host(
    server: Server, tmp_path: Path, stack: str, service: int
) -> None:
    code = write(tmp_path / "code", stack, after=f"ADD http://127.0.0.1:{service}/ /stolen\nRUN cat /stolen")
    pushed = server.git_push(code, "thief")
    assert pushed.status == 1
    assert "of the host alone" not in pushed.err
    assert "connection refused" in pushed.err


def test_what_gets_out_of_a_build_is_not_root(server: Server, tmp_path: Path) -> None:
    """With all that a build could get there: root of the namespace that the engine is in."""
    builder_of(server).start()
    secret = tmp_path / "secret"
    secret.write_text("of root alone")
    secret.chmod(0o600)
    engine = eventually(lambda: dockerd_of(server))
    enter = ["nsenter", f"--target={engine}", "--user", "--mount", "--setuid=0", "--setgid=0"]
    for path in (str(secret), str(server.root / "secret.key"), "/etc/shadow"):
        read = subprocess.run([*enter, "cat", path], capture_output=True, text=True, check=False)
        assert (read.returncode, read.stdout) == (1, ""), path
        assert "Permission denied" in read.stderr
    assert subprocess.run([*enter, "id", "-u"], capture_output=True, text=True, check=True).stdout == "0\n"
    assert Path(f"/proc/{engine}").stat().st_uid == pwd.getpwnam(USER).pw_uid


def processes() -> dict[int, list[str]]:
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                found[int(entry.name)] = (entry / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def dockerd_of(server: Server) -> int | None:
    word = f"unix://{builder_of(server).run}/docker.sock"
    return next((pid for pid, words in processes().items() if words[0] == "dockerd" and word in words), None)


def test_without_a_dockerfile_it_is_built_there_too(server: Server, tmp_path: Path) -> None:
    settings = {"build-ca-file": CERTIFICATES, "build-pip-index": "https://pypi.org/simple"}
    for key in ("http", "https", "no"):
        settings[f"build-{key}-proxy"] = os.environ.get(f"{key}_proxy", "")
    for key, value in settings.items():
        assert server.paas(f"settings:set {key} {value}".rstrip()).status == 0
    code = tmp_path / "code"
    shutil.copytree(SOURCES / "tests/apps/python-flask-requirements", code)
    pushed = server.git_push(code, "packed")
    assert pushed.status == 0, pushed.err
    assert server.get("packed").status == 200


def test_it_is_cancelled_and_keeps_to_the_limits(server: Server, tmp_path: Path, stack: str) -> None:
    group = f"paas-{server.instance()}"
    code = write(tmp_path / "code", stack, after=f"RUN grep {group} /proc/self/cgroup && echo limited && sleep 98765")
    assert server.git(code.parent, "init", "-q", "-b", "main", str(code)).status == 0
    assert server.git(code, "add", "-A").status == 0
    assert server.git(code, "commit", "-q", "-m", "change").status == 0
    pushing = subprocess.Popen(
        ["git", "push", server.url("slow"), "main"], cwd=code, env=server.git_environment(), stderr=subprocess.PIPE
    )

    def sleeping() -> bool:
        return any(words[:2] == ["sleep", "98765"] for words in processes().values())

    eventually(sleeping)
    assert "limited" in server.paas("builds:output slow").out
    assert server.paas("builds:cancel slow").status == 0
    assert b"cancelled" in pushing.communicate(timeout=60)[1]
    eventually(lambda: not sleeping())


def test_one_that_takes_too_long_is_ended(server: Server, tmp_path: Path, stack: str) -> None:
    code = write(tmp_path / "code", stack, after="RUN sleep 87654")
    assert server.paas("settings:set build-timeout 8s").status == 0
    try:
        pushed = server.git_push(code, "late")
    finally:
        server.paas("settings:set build-timeout")
    assert (pushed.status, "[build-timeout]" in pushed.err) == (1, True), pushed.err
    eventually(lambda: not any(words[:2] == ["sleep", "87654"] for words in processes().values()))


def test_it_outlives_a_restart_of_the_server_and_comes_back_when_it_dies(server: Server) -> None:
    before = eventually(lambda: dockerd_of(server))
    server.restart()
    assert server.paas("doctor --format json").out.count("rootless Docker") == 1
    assert dockerd_of(server) == before
    os.kill(before, 9)
    eventually(lambda: dockerd_of(server) not in (None, before))
    builder_of(server).start()
    log = builder_of(server).run.parent / "log"
    assert "failed to start daemon" not in log.read_text()
    # Nothing that root writes is where the builder's user could put a link in its place.
    assert [path.stat().st_uid for path in (log, log.parent, log.parent / "pid")] == [0, 0, 0]


def test_it_ends_when_it_is_not_wanted_any_more_and_nothing_is_left(server: Server) -> None:
    run_folder = builder_of(server).run
    eventually(lambda: dockerd_of(server))
    assert server.paas("settings:set build-isolation none").status == 0
    eventually(lambda: dockerd_of(server) is None)
    assert server.paas("settings:set build-isolation rootless").status == 0
    eventually(lambda: dockerd_of(server))
    server.close()
    assert dockerd_of(server) is None
    assert not run_folder.parent.exists()
    uid = pwd.getpwnam(USER).pw_uid
    words = [words for pid, words in processes().items() if str(run_folder) in " ".join(words)]
    assert words == [], uid
