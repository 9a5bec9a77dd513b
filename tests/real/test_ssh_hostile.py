"""The SSH server with the real OpenSSH and git clients, and with those who mean no good."""

import asyncio
import contextlib
import hashlib
import os
import pty
import random
import socket
import subprocess
import sys
import threading
from pathlib import Path

import asyncssh
import pytest

pytestmark = pytest.mark.real

HERE = Path(__file__).parent
KINDS = {"ed25519": [], "ecdsa": ["-b", "256"], "rsa": ["-b", "3072"]}
BLOCK = bytes(range(256)) * 256


def keygen(*options):
    return subprocess.run(["ssh-keygen", *options], check=True, capture_output=True, text=True, timeout=60).stdout


def unused_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Running:
    """The server's process, and clients for it."""

    def __init__(self, folder):
        self.folder = folder
        known = []

        for kind, options in {**KINDS, "stranger": []}.items():
            name = "ed25519" if kind == "stranger" else kind
            keygen("-q", "-t", name, *options, "-N", "", "-f", folder / kind)

            if kind != "stranger":
                known += [keygen("-lf", folder / f"{kind}.pub").split()[1], kind]

        self.log = folder / "log"
        self.process = subprocess.Popen(
            [sys.executable, HERE / "ssh_test_server.py", folder, *known],
            env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
            stdout=subprocess.PIPE,
            stderr=self.log.open("wb"),
            text=True,
        )
        self.port = int(self.process.stdout.readline())

    def line(self, key="ed25519", *options, port=None):
        quiet = ["-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR"]
        own = ["-F", "/dev/null", "-i", str(self.folder / key), "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"]
        return ["ssh", *own, *quiet, "-p", str(port or self.port), *options]

    def ssh(self, *words, key="ed25519", options=(), **run):
        line = [*self.line(key, *options), "paas@127.0.0.1", *words]
        return subprocess.run(line, **{"capture_output": True, "timeout": 60, "check": False, **run})

    def git(self, *words, cwd, port=None):
        variables = {
            "GIT_SSH_COMMAND": " ".join(self.line(port=port)),
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_SYSTEM": "/dev/null",
            **{f"GIT_{role}": "ada" for role in ("AUTHOR_NAME", "AUTHOR_EMAIL", "COMMITTER_NAME", "COMMITTER_EMAIL")},
        }
        return subprocess.run(
            ["git", *words], cwd=cwd, env={**os.environ, **variables}, capture_output=True, timeout=120, check=True
        )

    def url(self, name):
        return f"ssh://git@127.0.0.1:{self.port}/{name}"

    def serves(self):
        result = self.ssh("whoami")
        return result.returncode == 0 and result.stdout == b"ed25519 127.0.0.1\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = Running(tmp_path_factory.mktemp("ssh"))

    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()

    assert running.log.read_text() == ""


@pytest.mark.parametrize("kind", KINDS)
def test_openssh_gets_in_with_each_kind_of_key(server, kind):
    result = server.ssh("whoami", key=kind)
    assert (result.returncode, result.stdout) == (0, f"{kind} 127.0.0.1\n".encode())


def test_openssh_gets_the_exit_status_and_standard_error(server):
    result = server.ssh("status", "20")
    assert (result.returncode, result.stdout, result.stderr) == (20, b"", b"chatter\n")


def test_openssh_with_an_unknown_key_is_refused_and_offered_no_password(server):
    result = server.ssh("whoami", key="stranger")
    assert result.returncode == 255
    assert b"Permission denied (publickey)." in result.stderr


def test_openssh_is_refused_all_forwarding(server):
    result = server.ssh("whoami", options=["-A", "-R", "0:127.0.0.1:1", "-o", "ExitOnForwardFailure=yes"])
    assert result.returncode == 255
    assert server.ssh("whoami", options=["-W", "127.0.0.1:1"]).returncode != 0
    assert server.ssh("-s", "sftp").returncode != 0


def test_ctrl_c_ends_openssh_on_a_terminal(server):
    master, slave = pty.openpty()

    with subprocess.Popen(
        [*server.line("ed25519", "-tt"), "paas@127.0.0.1", "idle"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    ) as process:
        os.close(slave)
        shown = b""

        while b"idle\r\n" not in shown:
            shown += os.read(master, 1000)

        os.write(master, b"\x03")
        assert process.wait(60) == 130

    os.close(master)


@pytest.mark.parametrize(
    ("command", "reader", "read"),
    [
        ("follow", ["head", "-n", "2"], b"line 1\nline 2\n"),
        ("follow", ["grep", "-m", "1", "4"], b"line 4\n"),
        ("source 100000000000", ["head", "-c", "3"], b"\0\1\2"),
    ],
)
def test_openssh_ends_when_nobody_reads_its_output_any_more(server, command, reader, read):
    with subprocess.Popen([*server.line(), "paas@127.0.0.1", command], stdout=subprocess.PIPE) as client:
        assert subprocess.run(reader, stdin=client.stdout, capture_output=True, timeout=60, check=True).stdout == read
        client.stdout.close()
        assert client.wait(60) == 141


@pytest.fixture(scope="module")
def history(server, tmp_path_factory):
    """A repository whose pack has more than 5 MB, and an empty one on the server to push it to."""
    work = tmp_path_factory.mktemp("history")
    server.git("init", "--quiet", "--initial-branch=main", cwd=work)

    for number in range(6):
        (work / f"data{number}").write_bytes(random.Random(number).randbytes(1 << 20))
        server.git("add", ".", cwd=work)
        server.git("commit", "--quiet", "--message", f"number {number}", cwd=work)

    repository = server.folder / "repositories" / "app"
    server.git("init", "--quiet", "--bare", "--initial-branch=main", repository, cwd=work)
    server.git("config", "receive.unpackLimit", "1", cwd=repository)
    server.git("push", "--quiet", server.url("app"), "main", cwd=work)
    return work


def test_a_large_push_arrives_whole(server, history):
    repository = server.folder / "repositories" / "app"
    server.git("fsck", "--strict", cwd=repository)
    head = server.git("rev-parse", "HEAD", cwd=history).stdout
    assert server.git("rev-parse", "main", cwd=repository).stdout == head
    assert sum(path.stat().st_size for path in repository.glob("objects/pack/*.pack")) > 5 << 20


def test_what_was_pushed_can_be_cloned(server, history, tmp_path):
    server.git("clone", "--quiet", server.url("app"), "copy", cwd=tmp_path)
    assert (tmp_path / "copy" / "data5").read_bytes() == (history / "data5").read_bytes()


@pytest.fixture(scope="module")
def openssh(server):
    """The port of an OpenSSH server that lets the same keys in, with the forced command of the platform."""
    folder = server.folder / "openssh"
    folder.mkdir()
    keygen("-q", "-t", "ed25519", "-N", "", "-f", folder / "host")
    fingerprint = keygen("-lf", server.folder / "ed25519.pub").split()[1]
    program = f"{sys.executable} -c 'import sys; from paas.cli import main; sys.exit(main())'"
    forced = f"PYTHONPATH={HERE.parents[1]} {program} --root {server.folder} shell --key {fingerprint}"
    key = (server.folder / "ed25519.pub").read_text()
    (folder / "keys").write_text(f'restrict,pty,command="{forced}" {key}')
    port = unused_port()
    (folder / "config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/keys\n"
        "StrictModes no\nUsePAM no\nPidFile none\nAcceptEnv GIT_PROTOCOL\n"
    )

    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)

    process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", folder / "config"], stderr=subprocess.PIPE)
    assert b"listening" in process.stderr.readline()

    try:
        yield port
    finally:
        process.terminate()
        process.communicate()


def openssh_run(server, port, *words, **run):
    me = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    line = [*server.line(port=port), f"{me}@127.0.0.1", *words]
    return subprocess.run(line, capture_output=True, timeout=60, check=False, **run), me


def test_behind_openssh_the_key_owner_runs_commands(server, openssh):
    result, _ = openssh_run(server, openssh, "whoami")
    assert (result.returncode, result.stdout) == (0, b"ed25519 127.0.0.1\n")
    result, _ = openssh_run(server, openssh, "status", "20")
    assert (result.returncode, result.stderr) == (20, b"chatter\n")
    load = BLOCK * 160
    result, _ = openssh_run(server, openssh, "digest", input=load)
    assert result.stdout.decode() == f"{len(load)} {hashlib.sha256(load).hexdigest()}\n"


def test_behind_openssh_a_large_push_and_a_clone_arrive_whole(server, openssh, history, tmp_path):
    _, me = openssh_run(server, openssh, "whoami")
    repository = server.folder / "repositories" / "forced"
    server.git("init", "--quiet", "--bare", "--initial-branch=main", repository, cwd=history)
    url = f"ssh://{me}@127.0.0.1:{openssh}/forced"
    server.git("push", "--quiet", url, "main", cwd=history, port=openssh)
    server.git("fsck", "--strict", cwd=repository)
    server.git("clone", "--quiet", url, "copy", cwd=tmp_path, port=openssh)
    assert (tmp_path / "copy" / "data5").read_bytes() == (history / "data5").read_bytes()


def test_a_hundred_megabytes_pass_unharmed_both_ways(server):
    load = BLOCK * (100 * (1 << 20) // len(BLOCK))
    assert server.ssh("source", str(len(load))).stdout == load
    result = server.ssh("digest", input=load)
    assert result.stdout.decode() == f"{len(load)} {hashlib.sha256(load).hexdigest()}\n"


def test_streams_take_no_memory_however_slow_the_other_side_is(server):
    load = BLOCK * (60 * (1 << 20) // len(BLOCK))
    server.ssh("peak", "reset")
    before = int(server.ssh("peak").stdout)
    assert server.ssh("digest", "0.002", input=load).stdout.split()[0] == str(len(load)).encode()

    with subprocess.Popen(
        [*server.line(), "paas@127.0.0.1", "source", str(60 << 20)], stdout=subprocess.PIPE
    ) as process:
        size = 0

        while data := process.stdout.read1(1 << 14):
            size += len(data)

    assert size == 60 << 20
    assert int(server.ssh("peak").stdout) - before < 20 * 1024


def test_two_hundred_idle_connections_lock_nobody_out(server):
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60))

        assert server.serves()


def test_six_hundred_connections_that_never_log_in_lock_nobody_out(server):
    """None of them keeps others waiting for long, and one that has logged in is never dropped."""
    with contextlib.ExitStack() as stack:
        working = stack.enter_context(
            subprocess.Popen([*server.line(), "paas@127.0.0.1", "idle"], stdout=subprocess.PIPE)
        )
        working.stdout.readline()

        for _ in range(600):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60))
            client.sendall(b"SSH-2.0-nobody\r\n")

        assert server.serves()
        assert working.poll() is None
        working.kill()


@contextlib.contextmanager
def hostile(server, plan):
    """600 of them, as long as the context lasts."""
    line = [sys.executable, HERE / "hostile_clients.py", str(server.port), "600", plan]

    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"all were there\n"
            yield
            assert process.poll() is None
        finally:
            process.kill()


@pytest.mark.parametrize("plan", ["mix", "storm"])
def test_six_hundred_that_come_again_and_again_keep_out_nobody_who_was_here_before(server, history, plan):
    """Of the same address, and with pushes; what it takes is measured in bench."""
    assert server.serves()
    repositories = [server.folder / "repositories" / f"{plan}{number}" for number in range(2)]

    for repository in repositories:
        server.git("init", "--quiet", "--bare", "--initial-branch=main", repository, cwd=history)

    with hostile(server, plan):
        assert [number for number in range(20) if not server.serves()] == []

        for repository in repositories:
            server.git("push", "--quiet", server.url(repository.name), "main", cwd=history)

        assert server.ssh("status", "20").returncode == 20

    for repository in repositories:
        assert server.git("rev-parse", "main", cwd=repository).stdout


def test_six_hundred_that_come_again_and_again_keep_out_no_stranger_of_their_address(server):
    """One with a version that nobody has logged in with yet."""
    key = server.folder / "ed25519"

    async def session():
        async with asyncssh.connect(
            "127.0.0.1", server.port, username="paas", client_keys=[str(key)], known_hosts=None, config=None,
            agent_path=None, client_version="new_here", login_timeout=60,
        ) as connection:  # fmt: skip
            return await connection.run("whoami")

    with hostile(server, "mix"):
        assert asyncio.run(session()).stdout == "ed25519 127.0.0.1\n"


def packet(payload):
    padding = 4 + -(len(payload) + 9) % 8
    return (len(payload) + padding + 1).to_bytes(4, "big") + bytes([padding]) + payload + bytes(padding)


GARBAGE = {
    "nothing": b"",
    "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "an endless banner": b"x" * 200_000,
    "an old protocol": b"SSH-1.5-old\r\n",
    "a huge packet": b"SSH-2.0-x\r\n" + b"\xff\xff\xff\xff" + b"x" * 100_000,
    "an empty packet": b"SSH-2.0-x\r\n" + bytes(64),
    "noise": b"SSH-2.0-x\r\n" + random.Random(1).randbytes(300_000),
    "noise without a banner": random.Random(2).randbytes(300_000),
    "a banner that is not text": b"SSH-2.0-\xff\xfe\x00\r\n",
    "an algorithm list that lies about its length": b"SSH-2.0-x\r\n" + packet(b"\x14" + bytes(16) + b"\xff" * 40),
    "algorithms that nobody has": b"SSH-2.0-x\r\n" + packet(b"\x14" + bytes(16) + b"\0\0\0\1x" * 10 + bytes(5)),
    "a login before the key exchange": b"SSH-2.0-x\r\n" + packet(b"\x32" + b"\0\0\0\1x" * 3),
    "a command before the login": b"SSH-2.0-x\r\n" + packet(b"\x5a\0\0\0\7session" + bytes(12)),
    "an unimplemented message": b"SSH-2.0-x\r\n" + packet(b"\xc0") * 1000,
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_on_the_wire_does_no_harm(server, garbage):
    client = socket.create_connection(("127.0.0.1", server.port), timeout=60)

    with client, contextlib.suppress(ConnectionError):
        client.sendall(garbage)

        with contextlib.suppress(OSError):  # the server may have hung up already
            client.shutdown(socket.SHUT_WR)

        while client.recv(65536):
            pass

    assert server.serves()


def test_clients_that_hang_up_at_any_moment_do_no_harm(server):
    def hang_up(number):
        line = [*server.line(), "paas@127.0.0.1", "source", "1000000000"]

        with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            process.stdout.read(number * 10_000)
            process.kill()

    threads = [threading.Thread(target=hang_up, args=(number,)) for number in range(8)]

    for thread in threads:
        thread.start()

    for thread in threads:
        thread.join()

    assert server.serves()


def test_an_endless_command_line_is_an_error(server):
    result = server.ssh("whoami", "x" * 100_000)
    assert result.returncode == 2
    assert b"too long" in result.stderr
    assert server.serves()


def test_a_command_line_that_is_not_text_is_refused(server):
    assert server.ssh(b"whoami \xff\xfe").returncode != 0
    assert server.serves()
