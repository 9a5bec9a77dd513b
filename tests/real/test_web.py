"""The dashboard and the HTTP API through nginx, with gunicorn in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from instance import Server, eventually

pytestmark = pytest.mark.real

HOST = "paas.localhost"
APP = {
    "Procfile": "web: python3 -u web.py\n",
    "requirements.txt": "",
    "web.py": "import http.server, os\n"
    "class Page(http.server.BaseHTTPRequestHandler):\n"
    "    def do_GET(self):\n"
    "        self.send_response(200); self.end_headers(); self.wfile.write(b'hello')\n"
    "        print('asked for ' + self.path)\n"
    "http.server.ThreadingHTTPServer(('', int(os.environ['PORT'])), Page).serve_forever()\n",
}


@pytest.fixture(scope="module")
def server(open_folder: Path, stack: str) -> Iterator[Server]:
    """An instance in a folder that nginx's workers may enter, with the app shop."""
    made = Server(open_folder)
    folder = open_folder / "shop"
    folder.mkdir()
    for name, text in APP.items():
        (folder / name).write_text(text)
    pushed = made.git_push(folder, "shop")
    assert pushed.status == 0, pushed.err
    yield made
    made.close()


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    """A token that may do everything."""
    made = server.paas("tokens:add robot --role admin")
    assert made.status == 0, made.err
    return made.out.strip()


def curl(server: Server, path: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What curl says; its exit status is not 0 for an error over HTTP."""
    url = f"http://{HOST}:{server.http_port}{path}"
    resolve = f"{HOST}:{server.http_port}:127.0.0.1"
    command = ["curl", "--silent", "--show-error", "--fail-with-body", "--max-time", "60", "--resolve", resolve]
    return subprocess.run([*command, *arguments, url], capture_output=True, text=True, check=False)


def bearer(token: str) -> tuple[str, str]:
    return "-H", f"Authorization: Bearer {token}"


def children(pid: int) -> list[int]:
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # A thread that has ended.
            found += map(int, path.read_text().split())
    return found


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def masters(server: Server) -> list[int]:
    """The gunicorn processes that the daemon has started."""
    assert server.daemon is not None
    return [pid for pid in children(server.daemon.pid) if "gunicorn" in command_line(pid)]


def of_instance(server: Server) -> list[int]:
    """All processes whose working folder is the web's of this instance."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if (path / "cwd").readlink() == server.root / "web" and "gunicorn" in command_line(int(path.name)):
                found.append(int(path.name))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def answers(server: Server) -> bool:
    return curl(server, "/sign-in").returncode == 0


def test_the_api_runs_commands(server: Server, token: str) -> None:
    eventually(lambda: answers(server))
    assert json.loads(curl(server, "/api/v1/commands/apps:list", *bearer(token)).stdout) == ["shop"]
    body = ("-H", "Content-Type: application/json", "-d", json.dumps({"app": "shop", "pairs": ["web=2"]}))
    scaled = curl(server, "/api/v1/commands/ps:scale", *bearer(token), *body)
    assert scaled.returncode == 0, scaled.stdout
    found = json.loads(curl(server, "/api/v1/commands/ps?app=shop", *bearer(token)).stdout)
    assert [one["process"] for one in found] == ["web.1", "web.2"]
    refused = curl(server, "/api/v1/commands/ps?app=none", *bearer(token))
    assert (refused.returncode, json.loads(refused.stdout)["code"]) == (22, "no-such-app")


def test_what_nginx_refuses_is_told_as_the_rest(server: Server, token: str, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b" " * (5 << 20))
    body = ("--data-binary", f"@{tmp_path / 'large'}", "-H", "Content-Type: application/json")
    told = curl(server, "/api/v1/commands/apps:list", *bearer(token), *body)
    assert json.loads(told.stdout)["code"] == "request-entity-too-large"
    assert "The dashboard accepts at most" in curl(server, "/apps/shop/do", *body).stdout


def test_waiting_calls_leave_threads_for_who_signs_in(server: Server, token: str) -> None:
    resolve = ("--resolve", f"{HOST}:{server.http_port}:127.0.0.1")
    url = f"http://{HOST}:{server.http_port}/api/v1/commands/logs?app=shop&tail=true"
    command = ["curl", "--silent", *resolve, "--output", os.devnull, "--write-out", "%{http_code}", *bearer(token), url]
    calls = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(20)]
    try:
        # As soon as all places of the token are taken, the others are answered.
        eventually(lambda: sum(call.poll() is not None for call in calls) == 4)
        assert {call.stdout.read() for call in calls if call.poll() is not None and call.stdout} == {"429"}
        assert curl(server, "/sign-in", "--max-time", "5").returncode == 0
        other = server.paas("tokens:add other --role view").out.strip()
        assert json.loads(curl(server, "/api/v1/commands/apps:list", *bearer(other)).stdout) == ["shop"]
    finally:
        for call in calls:
            call.kill()
            call.wait()
            assert call.stdout is not None
            call.stdout.close()
    eventually(lambda: curl(server, "/api/v1/commands/apps:list", *bearer(token)).returncode == 0)


def test_the_pages_show_the_app(server: Server, token: str, tmp_path: Path) -> None:
    jar = ("--cookie-jar", str(tmp_path / "jar"), "--cookie", str(tmp_path / "jar"))
    page = curl(server, "/sign-in", *jar, "--location", "--data-urlencode", f"token={token}")
    assert "shop" in page.stdout, page.stdout + page.stderr
    assert "waterfall" in curl(server, "/builds/1", *jar).stdout
    assert curl(server, "/static/style.css").returncode == 0
    assert "Health" in curl(server, "/server", *jar).stdout


def test_lines_of_the_log_arrive_as_they_come(server: Server, token: str) -> None:
    url = f"http://{HOST}:{server.http_port}/api/v1/commands/logs?app=shop&tail=true&num=0"
    resolve = f"{HOST}:{server.http_port}:127.0.0.1"
    stream = subprocess.Popen(
        ["curl", "-sN", "--resolve", resolve, *bearer(token), "-H", "Accept: text/event-stream", url],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert stream.stdout is not None
    try:
        assert stream.stdout.readline() == ": begins\n"
        # The stream may begin to look a moment after it has begun.
        lines = iter(stream.stdout.readline, "")
        eventually(lambda: server.get("shop", "/find-me").status == 200 and "find-me" in "".join(
            next(lines) for _ in range(3)))  # fmt: skip
    finally:
        stream.kill()
        stream.wait()
        stream.stdout.close()


def test_unknown_hosts_still_get_our_404(server: Server) -> None:
    assert server.get("", host="nobody.example.org").status == 404
    refused = server.paas("apps:create paas")
    assert (refused.status, "[domain-taken]" in refused.err) == (1, True)


def test_gunicorn_comes_back(server: Server) -> None:
    (before,) = masters(server)
    workers = children(before)
    os.kill(before, signal.SIGKILL)

    (after,) = eventually(lambda: [pid for pid in masters(server) if pid != before])
    eventually(lambda: answers(server))
    assert after != before
    eventually(lambda: not [pid for pid in workers if "gunicorn" in command_line(pid)])


def test_a_worker_that_is_killed_comes_back(server: Server) -> None:
    (master,) = masters(server)
    worker = eventually(lambda: children(master))[0]
    os.kill(worker, signal.SIGKILL)

    eventually(lambda: [pid for pid in children(master) if pid != worker])
    eventually(lambda: answers(server))


def test_nothing_is_left_of_it_when_the_daemon_ends(server: Server) -> None:
    before = of_instance(server)
    assert len(before) == 2
    server.stop()
    eventually(lambda: not of_instance(server))
    assert server.get("", host=HOST).status == 502
    assert "The dashboard is not answering" in server.get("", host=HOST).body
    told = curl(server, "/api/v1/commands/apps:list", "--include")
    assert ("application/problem+json" in told.stdout, "Retry-After: 5" in told.stdout) == (True, True)
    assert json.loads(told.stdout.splitlines()[-1])["code"] == "web-down"
    server.start()
    eventually(lambda: answers(server))


def test_nothing_is_left_of_it_when_the_daemon_is_killed(server: Server) -> None:
    before = of_instance(server)
    server.kill9()
    server.start()
    eventually(lambda: not set(before) & set(of_instance(server)))
    eventually(lambda: answers(server))
    assert len(of_instance(server)) == 2
    assert server.get("shop").status == 200
