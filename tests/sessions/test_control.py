import fcntl
import hashlib
import json
import logging
import os
import signal
import socket
import stat
import struct
import subprocess
import sys
import termios
import tty
from pathlib import Path

import pytest
from transport_fakes import BLOCK, Servers, no_faults_of_the_loop, steady, until  # noqa: F401

from paas import cli
from paas.control import frames
from paas.control.unix_socket import AlreadyRunning, listen
from paas.core.access.caller import Access
from paas.core.access.revocation import Revocation

ROOT = Path(__file__).parents[2]
# The real program, as a process each: with the real ones, so that the fast tests stay fast.
pytestmark = pytest.mark.real("ssh")

PROGRAM = [sys.executable, "-S", "-c", "import sys; from paas.cli import main; sys.exit(main())"]
MEGABYTES = BLOCK * (5 * 1024 * 1024 // len(BLOCK))
FINGERPRINT = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    with Servers(tmp_path_factory.mktemp("control")) as servers:
        servers.allow(FINGERPRINT, "grace", Access.VIEW)
        yield servers


@pytest.fixture(autouse=True)
def forget(request):
    """What earlier tests left in the shared server's notes."""
    if "servers" in request.fixturenames:
        commands = request.getfixturevalue("servers").commands
        commands.invocations.queue.clear()
        commands.ended.queue.clear()


def command_line(folder, *words):
    return [*PROGRAM, "--root", str(folder), *words]


def environment(**variables):
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TERM": "xterm", **variables}


def start(servers, *words, variables=None, **options):
    return subprocess.Popen(command_line(servers.folder, *words), env=environment(**(variables or {})), **options)


def run(servers, *words, variables=None, **options):
    return subprocess.run(
        command_line(servers.folder, *words),
        env=environment(**(variables or {})),
        capture_output=True,
        timeout=60,
        check=False,
        **options,
    )


class OnTerminal:
    """The command line on a terminal of its own, 100 by 30."""

    def __init__(self, servers, *words):
        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 30, 100, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.shown = b""
        self.name = os.ttyname(slave)
        self.process = start(
            servers, *words, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, preexec_fn=_take_terminal
        )
        os.close(slave)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.master)

    def type(self, keys):
        os.write(self.master, keys)

    def until(self, text):
        while text not in self.shown:
            try:
                self.shown += os.read(self.master, 10_000)
            except OSError:  # nobody has the other end any more
                break

        assert text in self.shown

    def resize(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def is_raw(self):
        return not termios.tcgetattr(self.master)[tty.LFLAG] & termios.ICANON

    def is_as_before(self):
        return termios.tcgetattr(self.master) == self.before


def _take_terminal():
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


# Commands


def test_words_reach_the_command_as_they_are(servers):
    words = ["two words", "", "'quoted\"", "é", "line\nbreak", "--", "--root", "\x1b[2J", "x" * 50_000]
    assert json.loads(run(servers, "words", *words).stdout) == words


def test_without_words_the_help_is_run(servers):
    assert run(servers).stdout == b"usage\n"


@pytest.mark.parametrize("status", [0, 20, 255])
def test_the_exit_status_and_both_outputs_arrive(servers, status):
    result = run(servers, "status", str(status))
    assert (result.returncode, result.stdout, result.stderr) == (status, b"out\n", b"err\n")


def test_words_that_are_not_text_are_refused(servers):
    result = subprocess.run(
        [*command_line(servers.folder, "words"), b"\xff"], env=environment(), capture_output=True, check=False
    )
    assert result.returncode == 2
    assert b"UTF-8" in result.stderr


def test_a_command_line_of_two_megabytes_is_refused(servers):
    result = run(servers, "words", *["x" * 100_000] * 20)
    assert result.returncode != 0
    assert b"1024 KiB" in result.stderr


def test_the_root_can_be_given_by_the_environment(servers):
    line = [sys.executable, "-m", "paas", "words", "a"]
    result = subprocess.run(
        line, env=environment(PAAS_ROOT=str(servers.folder)), capture_output=True, timeout=60, check=True
    )
    assert json.loads(result.stdout) == ["a"]


def test_beyond_the_limit_the_server_says_that_it_is_busy(tmp_path):
    with Servers(tmp_path, commands_at_once=1) as servers, start(servers, "idle", stdout=subprocess.PIPE) as first:
        first.stdout.readline()
        second = run(servers, "words")
        first.kill()

    assert second.returncode == 1
    assert b"The server is busy" in second.stderr


def test_the_git_protocol_and_nothing_else_comes_through_the_environment(servers):
    result = run(servers, "environment", variables={"GIT_PROTOCOL": "version=2", "EDITOR": "vi"})
    assert json.loads(result.stdout) == {"GIT_PROTOCOL": "version=2"}


# Streams


def test_five_megabytes_pass_unharmed_both_ways(servers):
    assert run(servers, "cat", input=MEGABYTES).stdout == MEGABYTES


def test_the_end_of_the_input_arrives_after_all_of_it(servers):
    expected = f"{len(MEGABYTES)} {hashlib.sha256(MEGABYTES).hexdigest()}\n"
    assert run(servers, "digest", input=MEGABYTES).stdout.decode() == expected


def test_output_to_a_file_and_input_from_one(servers, tmp_path):
    (tmp_path / "in").write_bytes(MEGABYTES)

    with (tmp_path / "in").open("rb") as stdin, (tmp_path / "out").open("wb") as stdout:
        subprocess.run(
            command_line(servers.folder, "cat"), env=environment(), stdin=stdin, stdout=stdout, timeout=60, check=True
        )

    assert (tmp_path / "out").read_bytes() == MEGABYTES


def test_output_to_a_socket(servers):
    ours, theirs = socket.socketpair()

    with ours, start(servers, "source", str(len(MEGABYTES)), stdout=theirs) as process:
        theirs.close()
        received = 0

        while data := ours.recv(1 << 20):
            received += len(data)

        assert process.wait(60) == 0

    assert received == len(MEGABYTES)


def test_output_that_nobody_reads_stops_the_command(servers):
    size = 24 << 20

    with start(servers, "source", str(size), stdout=subprocess.PIPE) as process:
        stopped = steady(lambda: servers.commands.written)
        assert stopped < 8 << 20
        assert len(process.stdout.read()) == size


def test_input_is_taken_while_output_is_stuck(servers):
    """One program at both ends, as git is: it writes all that it has to say before it reads."""
    with start(servers, "digest", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(MEGABYTES)
        process.stdin.close()
        assert process.stdout.read().split()[0] == str(len(MEGABYTES)).encode()


def test_the_flags_of_a_shared_pipe_are_left_alone(servers):
    ours, theirs = os.pipe()

    with start(servers, "follow", stdout=theirs) as process:
        os.read(ours, 10)
        assert os.get_blocking(theirs)
        process.kill()

    os.close(ours)
    os.close(theirs)


def test_input_is_left_to_others_when_the_command_has_no_use_for_it(servers):
    ours, theirs = os.pipe()
    os.write(theirs, b"for somebody else")

    with start(servers, "words", stdin=ours, stdout=subprocess.DEVNULL) as process:
        process.wait(60)

    assert os.read(ours, 100) == b"for somebody else"
    os.close(ours)
    os.close(theirs)


def test_a_command_that_ends_does_not_wait_for_input(servers):
    with start(servers, "ask", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(b"Ada\n")
        process.stdin.flush()
        assert process.wait(60) == 0
        assert process.stdout.read() == b"name? hello Ada\n"


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_closed_standard_streams_do_no_harm(servers, closed):
    line = command_line(servers.folder, "status", "4")
    result = subprocess.run(
        ["sh", "-c", f'"$@" {closed}>&-', "sh", *line], env=environment(), capture_output=True, timeout=60, check=False
    )
    assert result.returncode == 4
    assert result.stdout == (b"" if closed == 1 else b"out\n")


def test_a_reader_that_stops_ends_the_command_quietly(servers):
    with start(servers, "follow", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == 141
        assert process.stderr.read() == b""

    assert servers.commands.ended.get(timeout=60) == "disconnected"


def test_a_client_that_is_killed_sets_gone_and_ends_the_input(servers):
    with start(servers, "wait_for_end", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.kill()
        assert servers.commands.ended.get(timeout=60) == "wait_for_end"

    assert servers.commands.invocations.get(timeout=60).gone.is_set()


# Interrupts and terminals


@pytest.mark.parametrize("command", ["follow", "wait_for_end"])
def test_ctrl_c_sets_gone_and_ends_with_130(servers, command):
    with start(servers, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130

    assert servers.commands.invocations.get(timeout=60).gone.is_set()


def test_ctrl_c_gets_through_while_the_command_does_not_read_its_input(servers):
    servers.commands.awake.clear()

    with start(servers, "drowsy", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        # Before that the client may not even have begun to look after signals.
        servers.commands.invocations.get(timeout=60)
        written = 0
        os.set_blocking(process.stdin.fileno(), False)

        def fill():
            nonlocal written
            written += process.stdin.raw.write(BLOCK) or 0
            return written

        steady(fill)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130

    servers.commands.awake.set()


def test_a_second_ctrl_c_ends_a_client_whose_server_is_stuck(tmp_path):
    with socket.socket(socket.AF_UNIX) as stuck:
        stuck.bind(str(tmp_path / "control.sock"))
        stuck.listen()
        process = subprocess.Popen(command_line(tmp_path, "words"), env=environment())
        connection, _ = stuck.accept()
        assert _read_frame(connection)[0] == frames.HELLO
        process.send_signal(signal.SIGINT)
        assert _read_frame(connection)[0] == frames.INTERRUPT
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        connection.close()


def test_the_terminal_and_its_size_are_known(servers):
    with OnTerminal(servers, "terminal") as terminal:
        terminal.until(b"}")

    assert json.loads(terminal.shown) == {"columns": 100, "rows": 30, "kind": "xterm"}
    assert run(servers, "terminal").stdout == b"null\n"


def test_a_change_of_the_windows_size_arrives(servers):
    with OnTerminal(servers, "sizes") as terminal:
        terminal.until(b"ready")
        terminal.resize(120, 40)
        terminal.until(b"120x40")


def test_a_question_is_answered_on_the_terminal(servers):
    with OnTerminal(servers, "ask") as terminal:
        terminal.until(b"name? ")
        terminal.type(b"Ada\n")
        terminal.until(b"hello Ada")
        assert terminal.process.wait(60) == 0


def test_what_is_typed_ahead_stays_for_the_next_program(servers):
    with OnTerminal(servers, "idle") as terminal:
        terminal.until(b"idle")
        terminal.type(b"next command\n")
        terminal.until(b"next command")
        shell = os.open(terminal.name, os.O_RDONLY | os.O_NOCTTY)
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(60) == 130
        assert os.read(shell, 100) == b"next command\n"
        os.close(shell)


def test_a_raw_terminal_hands_over_every_key_and_is_restored(servers):
    with OnTerminal(servers, "keys") as terminal:
        terminal.until(b"raw\n")
        until(terminal.is_raw)
        terminal.type(b"a\r\x03\x04q")
        terminal.until(b"<61><0d><03><04>")
        terminal.until(b"cooked")
        assert terminal.process.wait(60) == 0
        assert terminal.is_as_before()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_raw_terminal_is_restored_when_the_client_is_ended(servers, number):
    with OnTerminal(servers, "keys") as terminal:
        terminal.until(b"raw\n")
        until(terminal.is_raw)
        terminal.process.send_signal(number)
        assert terminal.process.wait(60) == 128 + number
        assert terminal.is_as_before()


# Who is asking


def test_root_and_the_servers_user_are_administrators(servers):
    caller = json.loads(run(servers, "whoami").stdout)
    assert caller == {"name": _me(), "access": Access.ADMIN, "via": "local", "address": "", "fingerprint": ""}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_anybody_else_is_refused(servers):
    path = servers.folder / "control.sock"
    before = path.stat().st_mode

    # Access to the file alone must not be enough.
    with socket.socket(socket.AF_UNIX) as client:
        folder = os.open(servers.folder, os.O_PATH)
        path.chmod(0o666)
        servers.folder.chmod(0o711)
        os.seteuid(65534)

        try:
            client.connect(f"/proc/self/fd/{folder}/control.sock")
        finally:
            os.seteuid(0)
            servers.folder.chmod(0o700)
            path.chmod(stat.S_IMODE(before))
            os.close(folder)

        client.sendall(frames.frame(frames.HELLO, _hello("words")))
        kind, payload = _read_frame(client)
        assert kind == frames.ERROR
        assert b"may not use the control socket" in payload
        assert _read_frame(client) == (frames.EXIT, b"\1")

    assert servers.commands.invocations.empty()


def test_behind_openssh_a_key_runs_its_owners_command_with_its_rights(servers):
    variables = {"SSH_ORIGINAL_COMMAND": "whoami", "SSH_CONNECTION": "192.0.2.7 4000 192.0.2.1 22"}
    result = run(servers, "shell", "--key", FINGERPRINT, variables=variables)
    assert json.loads(result.stdout) == {
        "name": "grace",
        "access": Access.VIEW,
        "via": "ssh",
        "address": "192.0.2.7",
        "fingerprint": FINGERPRINT,
    }


def test_behind_openssh_words_are_split_as_by_the_ssh_server(servers):
    variables = {"SSH_ORIGINAL_COMMAND": "-- words 'two words' $HOME"}
    assert json.loads(run(servers, "shell", "--key", FINGERPRINT, variables=variables).stdout) == ["two words", "$HOME"]
    assert run(servers, "shell", "--key", FINGERPRINT).stdout == b"usage\n"
    unbalanced = run(servers, "shell", "--key", FINGERPRINT, variables={"SSH_ORIGINAL_COMMAND": "words 'open"})
    assert unbalanced.returncode == 2
    assert b"quotes are not balanced" in unbalanced.stderr


def test_behind_openssh_serve_and_shell_are_commands_like_any_other(servers):
    """The words of a remote user never reach what the program does by itself."""
    for command in ("serve", "teardown --force", "shell --key x", "--root /etc words"):
        run(servers, "shell", "--key", FINGERPRINT, variables={"SSH_ORIGINAL_COMMAND": command})
        assert servers.commands.invocations.get(timeout=60).argv == command.split()


def test_a_key_that_was_removed_is_refused(servers):
    result = run(servers, "shell", "--key", "SHA256:unknown", variables={"SSH_ORIGINAL_COMMAND": "words"})
    assert result.returncode == 1
    assert b"[unknown-key]" in result.stderr


def test_removing_a_key_ends_the_commands_that_it_runs_behind_openssh_and_no_others(servers):
    def following(*words, **variables):
        process = start(servers, *words, variables=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.readline()
        return process

    others = following("follow")
    its = following("shell", "--key", FINGERPRINT, SSH_ORIGINAL_COMMAND="follow")

    async def revoke():
        servers.control.revoke(Revocation(fingerprint=FINGERPRINT))

    servers.call(revoke())
    _, complaint = its.communicate(timeout=60)
    assert its.returncode == 1
    assert b"The key was removed" in complaint
    assert others.poll() is None
    others.kill()
    others.communicate()


def test_a_lookup_that_fails_is_an_error_and_the_server_goes_on(servers, monkeypatch, caplog):
    def broken(fingerprint):
        raise OSError("the store is gone")

    with monkeypatch.context() as patch, caplog.at_level(logging.CRITICAL, "paas.control.server"):
        patch.setattr(servers.control, "_lookup", broken)
        assert run(servers, "shell", "--key", FINGERPRINT).returncode == 1

    assert run(servers, "words").returncode == 0


@pytest.mark.parametrize("words", [["shell"], ["shell", "--key"], ["shell", "-c", "id"]])
def test_shell_takes_a_key_and_nothing_else(servers, words):
    assert run(servers, *words).returncode == 2


# The server itself


def test_without_a_server_the_message_says_how_to_start_it(tmp_path):
    line = [*PROGRAM, f"--root={tmp_path}"]
    result = subprocess.run(line, env=environment(), capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert f"paas serve --root {tmp_path}" in result.stderr
    assert "systemctl start paas" in result.stderr
    assert "[not-running]" in result.stderr


def test_a_server_that_dies_during_a_command_is_reported(tmp_path):
    with socket.socket(socket.AF_UNIX) as dying:
        dying.bind(str(tmp_path / "control.sock"))
        dying.listen()

        with subprocess.Popen(
            command_line(tmp_path, "words"), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            connection, _ = dying.accept()
            _read_frame(connection)
            connection.sendall(frames.frame(frames.OUTPUT, b"so far"))
            connection.close()
            assert process.stdout.read() == b"so far"
            assert b"disconnected before" in process.stderr.read()
            assert process.wait(60) == 1


def test_a_root_with_a_long_path_works(tmp_path):
    folder = tmp_path / ("d" * 120) / ("e" * 120)
    folder.mkdir(parents=True)

    with Servers(folder) as servers:
        assert json.loads(run(servers, "words", "far").stdout) == ["far"]


def test_the_socket_is_for_its_owner_and_group(servers):
    mode = (servers.folder / "control.sock").stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o660


def test_a_socket_that_a_dead_server_left_is_replaced(tmp_path):
    listen(tmp_path / "control.sock").close()
    assert (tmp_path / "control.sock").exists()

    with Servers(tmp_path) as servers:
        assert run(servers, "words").returncode == 0

    assert not (tmp_path / "control.sock").exists()


def test_a_socket_that_answers_is_not_taken_over(servers):
    with pytest.raises(AlreadyRunning):
        listen(servers.folder / "control.sock")

    assert run(servers, "words").returncode == 0


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        frames.frame(frames.INPUT, b"before any hello"),
        frames.frame(frames.HELLO, b"not json"),
        frames.frame(frames.HELLO, b"[]"),
        frames.frame(frames.HELLO, b"[" * 100_000),
        frames.frame(frames.HELLO, b'{"protocol": 1, "argv": ["words"], "x":' + b'{"x":' * 100_000),
        frames.frame(frames.HELLO, b'{"protocol": 99, "argv": []}'),
        frames.frame(frames.HELLO, b'{"protocol": 1}'),
        frames.frame(frames.HELLO, b'{"protocol": 1, "argv": "words"}'),
        frames.frame(frames.HELLO, b'{"protocol": 1, "argv": [1]}'),
        frames.frame(frames.HELLO, b'{"protocol": 1, "argv": ["words"], "terminal": 5}'),
        b"h" + (frames.MAX_PAYLOAD + 1).to_bytes(4, "big"),
        b"h\xff\xff\xff\xff" + b"x" * 1000,
    ],
)
def test_garbage_is_answered_with_an_error_and_runs_nothing(servers, garbage):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(servers.folder / "control.sock"))
        client.sendall(garbage)
        assert _read_frame(client)[0] == frames.ERROR
        assert _read_frame(client)[0] == frames.EXIT
        assert client.recv(1) == b""

    assert servers.commands.invocations.empty()


@pytest.mark.parametrize("after", [frames.frame(b"?"), frames.frame(frames.INPUT, b"x" * (frames.WINDOW + 1))])
def test_frames_that_break_the_rules_end_the_command(servers, after):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(servers.folder / "control.sock"))
        client.sendall(frames.frame(frames.HELLO, _hello("wait_for_end")) + after)
        received = [_read_frame(client)]

        while received[-1][0] != frames.EXIT:
            received.append(_read_frame(client))

        assert frames.ERROR in dict(received)


def test_frames_may_arrive_byte_by_byte(servers):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(servers.folder / "control.sock"))

        for byte in frames.frame(frames.HELLO, _hello("words", "a")):
            client.sendall(bytes([byte]))

        assert _read_frame(client) == (frames.OUTPUT, b'["a"]')
        assert _read_frame(client) == (frames.EXIT, b"\0")


# The program


def test_the_program_starts_without_slow_imports():
    """Each of these costs milliseconds before the first byte is sent."""
    code = "import sys; import paas.cli; print(*sys.modules)"
    line = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}"]
    loaded = set(subprocess.run(line, capture_output=True, text=True, check=True).stdout.split())
    bare = set(
        subprocess.run(
            [sys.executable, "-I", "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
        ).stdout.split()
    )
    slow = {"argparse", "asyncio", "asyncssh", "dataclasses", "enum", "json", "logging", "re", "signal", "socket"}
    slow |= {"pathlib", "subprocess", "threading", "typing"}
    assert not (loaded - bare) & slow


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_socket_that_somebody_removed_is_made_again_and_connections_go_on(tmp_path, how):
    with Servers(tmp_path) as servers:
        path = tmp_path / "control.sock"
        with socket.socket(socket.AF_UNIX) as before:
            before.connect(str(path))
            path.unlink()
            if how == "replaced":
                path.touch()
            assert run(servers, "words").returncode != 0

            servers.call(servers.control.mend())

            assert run(servers, "words").returncode == 0
            inode = path.stat().st_ino
            servers.call(servers.control.mend())
            assert path.stat().st_ino == inode
            before.sendall(frames.frame(frames.HELLO, _hello("words")))
            assert _read_frame(before)[0] in (frames.OUTPUT, frames.EXIT)


@pytest.mark.parametrize(
    "value",
    [
        [],
        {"argv": ["é", '"', "\\", "\n", "\0", "\udcff"], "terminal": None},
        {"terminal": {"columns": 80, "rows": 24, "kind": "x"}, "argv": []},
    ],
)
def test_the_hello_is_json(value):
    assert json.loads(cli._json(value)) == value


def _hello(*argv):
    return json.dumps({"protocol": frames.PROTOCOL, "argv": argv, "terminal": None, "environment": {}}).encode()


def _read_frame(connection):
    connection.settimeout(60)
    header = _read(connection, frames.HEADER)
    return header[:1], _read(connection, int.from_bytes(header[1:], "big"))


def _read(connection, size):
    data = b""

    while len(data) < size:
        part = connection.recv(size - len(data))
        assert part, "the connection was closed"
        data += part

    return data


def _me():
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name
