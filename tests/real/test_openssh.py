"""Pushes and commands on port 22: the host's own OpenSSH, with the file that the platform writes for it."""

from __future__ import annotations

import contextlib
import getpass
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import listings
import pytest
from git_servers import Sshd
from instance import Result, Server, _environment, _run, eventually, run
from test_service import app

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def sshd(instance: Server, tmp_path_factory: pytest.TempPathFactory) -> Sshd:
    """OpenSSH that reads the instance's authorized_keys, as for a user whose home is the data root."""
    server = Sshd(tmp_path_factory.mktemp("sshd"))
    server.stop()
    server.authorized = instance.root / ".ssh" / "authorized_keys"
    server.start()
    yield server
    server.stop()


def typed(instance: Server, sshd: Sshd, *words: str) -> Result:
    line = [*instance.ssh_command(), "-p", str(sshd.port), f"{getpass.getuser()}@127.0.0.1", *words]
    return _run(line, "", instance.git_environment(), instance.folder, 60)


def test_a_push_and_commands_go_through_the_hosts_own_openssh(
    instance: Server, sshd: Sshd, stack: str, tmp_path: Path
) -> None:
    folder = app(tmp_path / "code", stack, "through port 22")
    for arguments in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-q", "-m", "change")):
        assert instance.git(folder, *arguments).status == 0
    environment = instance.git_environment()
    environment["GIT_SSH_COMMAND"] += f" -p {sshd.port}"
    # The form that people type: USER@HOST:APP.
    pushed = _run(["git", "push", f"{getpass.getuser()}@127.0.0.1:host", "main"], "", environment, folder, 300)
    assert pushed.status == 0, pushed.err
    assert "-----> Released v1" in pushed.err
    assert instance.get("host").body.endswith("through port 22")

    listed = typed(instance, sshd, "apps:list")
    assert (listed.status, listed.out) == (0, "host\n")
    assert typed(instance, sshd, "apps:exists", "nothing").status == 20
    assert typed(instance, sshd, "config:set", "--no-restart", "host", shlex.quote("TEXT=two words")).status == 0
    assert instance.paas("config:get host TEXT").out == "two words\n"


@pytest.mark.parametrize(
    ("line", "reader"),
    [("run host yes", ["head", "-n", "1"]), ("logs host -t", ["grep", "-m", "1", "router"])],
    ids=["run", "logs"],
)
def test_a_command_without_an_end_ends_with_its_reader(instance: Server, line: str, reader: list[str]) -> None:
    typed = [*instance.ssh_command(), "-p", str(instance.ssh_port), "paas@127.0.0.1", line]
    with subprocess.Popen(typed, stdout=subprocess.PIPE) as client:
        reading = subprocess.Popen(reader, stdin=client.stdout, stdout=subprocess.PIPE)
        client.stdout.close()
        # Each request is a line of the log; a reader that has gone is noticed with the next line after that.
        eventually(lambda: instance.get("host") and client.poll() is not None)
        assert client.returncode == 141
        assert reading.communicate(timeout=60)[0].count(b"\n") == 1
    eventually(lambda: listings.containers(f"paas.instance={instance.instance()}", "paas.role=run") == [])


def test_a_key_that_is_removed_loses_the_connection_that_it_has(instance: Server, tmp_path: Path) -> None:
    key = tmp_path / "temp"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    instance.paas("ssh-keys:add temp --role admin", stdin=key.with_suffix(".pub").read_text())
    # A socket's path may have 108 bytes.
    with tempfile.TemporaryDirectory() as folder:
        own = [str(key) if word == str(instance.key) else word for word in instance.ssh_command()]
        shared = [*own, "-o", f"ControlPath={folder}/s", "-p", str(instance.ssh_port), "paas@127.0.0.1"]
        with subprocess.Popen([*shared, "-M", "-N"]) as master, contextlib.ExitStack() as stack:
            stack.callback(master.kill)
            eventually(lambda: _run([*shared, "-O", "check"], "", _environment(), tmp_path, 60).status == 0)
            assert "temp" in _run([*shared, "whoami"], "", _environment(), tmp_path, 60).out
            assert instance.paas("ssh-keys:remove temp").status == 0
            assert _run([*shared, "tokens:add", "backdoor"], "", _environment(), tmp_path, 60).status == 255
            assert master.wait(60) == 255
    assert "backdoor" not in instance.paas("tokens:list").out


def test_a_key_that_was_removed_gets_in_no_more(instance: Server, sshd: Sshd, tmp_path: Path) -> None:
    other = tmp_path / "key"
    shutil.copy(instance.key, other)
    assert "test" in typed(instance, sshd, "ssh-keys:list").out
    text = instance.key.with_suffix(".pub").read_text()
    assert instance.paas("ssh-keys:remove test").status == 0
    assert typed(instance, sshd, "apps:list").status == 255
    assert instance.paas("ssh-keys:add test --role admin", stdin=text).status == 0
    assert typed(instance, sshd, "apps:list").status == 0
