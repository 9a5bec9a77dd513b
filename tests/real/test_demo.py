"""`make demo` and `make demo-stop`, as a person types them, with a root and ports of their own."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import ports
import pytest

pytestmark = pytest.mark.real

CHECKOUT = Path(__file__).resolve().parents[2]
Make = Callable[[str], str]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Runs a target, and returns all that it printed. Whatever happens, the demo is gone in the end."""
    names = ("DEMO_SSH_PORT", "DEMO_HTTP_PORT", "DEMO_HTTPS_PORT")
    taken = dict(zip(names, map(str, ports.free(3)), strict=True))
    environment = {**os.environ, **taken, "DEMO_ROOT": str(tmp_path / "demo")}

    def run(target: str) -> str:
        command = ["make", "--no-print-directory", target]
        done = subprocess.run(
            command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    yield run

    run("demo-stop")


def test_the_demo_goes_from_nothing_to_two_live_processes_and_away_again(make: Make, tmp_path: Path) -> None:
    said = make("demo")

    url = re.search(r"Live at (http://hello\.localhost:\d+)", said)
    assert url, said
    assert "remote: -----> Released v1" in said
    assert set(re.findall(r"Hello from hello: release v1, process (web\.\d)", said)) == {"web.1", "web.2"}
    assert 'app[web.1]: "GET / HTTP/1.1" 200' in said

    again = make("demo")

    assert "It is already running" in again
    assert "Everything up-to-date" in again
    assert f"Live at {url[1]}" in again

    gone = make("demo-stop")

    assert "removed container hello.web.1" in gone
    assert not (tmp_path / "demo").exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(url[1].rpartition(":")[2])))
