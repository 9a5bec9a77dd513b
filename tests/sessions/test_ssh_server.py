import asyncio
import contextlib
import hashlib
import json
import logging
import socket

import asyncssh
import pytest
from transport_fakes import BLOCK, Servers, no_faults_of_the_loop, steady, until  # noqa: F401

from paas.core.access.caller import Access
from paas.core.access.revocation import Revocation
from paas.ssh import door
from paas.ssh.connection import SshConnection
from paas.ssh.gate import Rules
from paas.ssh.hostkeys import HostKeyUnusable, load
from paas.ssh.server import CannotListen, SshLimits

# Real connections with megabytes each way: with the real ones, so that the fast tests stay fast.
pytestmark = pytest.mark.real("ssh")

KEY = asyncssh.generate_private_key("ssh-ed25519")
LOAD = 24 << 20  # more than all buffers between a command and its client hold
MEGABYTES = BLOCK * (5 * 1024 * 1024 // len(BLOCK))


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    with Servers(tmp_path_factory.mktemp("ssh")) as servers:
        servers.allow(KEY.get_fingerprint(), "ada")
        yield servers


@pytest.fixture(autouse=True)
def forget(request):
    """What earlier tests left in the shared server's notes."""
    if "servers" in request.fixturenames:
        commands = request.getfixturevalue("servers").commands
        commands.invocations.queue.clear()
        commands.ended.queue.clear()


def connect(servers, key=KEY, **options):
    options = {"username": "paas", "known_hosts": None, "config": None, "agent_path": None, **options}
    return asyncssh.connect("127.0.0.1", servers.ssh.port, client_keys=[key], **options)


def run(servers, command, *, key=KEY, username="paas", **options):
    async def session():
        async with connect(servers, key, username=username) as connection:
            return await connection.run(command, encoding=None, **options)

    return asyncio.run(session())


def talk(servers, command, conversation, **options):
    """Runs ``conversation(process)`` beside the command."""

    async def session():
        async with connect(servers) as connection:
            process = await connection.create_process(command, encoding=None, **options)
            return await asyncio.wait_for(conversation(process), 60)

    return asyncio.run(session())


def on_terminal(**options):
    return {"term_type": "xterm", "term_size": (100, 30), **options}


def test_whatever_a_client_sends_is_acknowledged_at_once(servers, monkeypatch):
    """The kernel goes back to late acknowledgements whenever something is sent, so this is asked after each packet."""
    quick, receive = [], SshConnection.data_received

    def look(connection, data, datatype=None):
        receive(connection, data, datatype)
        if not connection._tcp.is_closing():
            its = connection._tcp.get_extra_info("socket")
            quick.append(its.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK))

    monkeypatch.setattr(SshConnection, "data_received", look)
    assert run(servers, "words a b").exit_status == 0
    assert len(quick) > 3
    assert set(quick) == {1}


# Commands


def test_a_command_is_split_into_words_as_by_a_shell(servers):
    result = run(servers, "-- words 'two words' plain \"quo'ted\" $HOME ';' ''")
    assert json.loads(result.stdout) == ["two words", "plain", "quo'ted", "$HOME", ";", ""]


def test_without_a_command_the_help_is_run(servers):
    assert run(servers, None).stdout == b"usage\n"
    assert servers.commands.invocations.get(timeout=60).argv == []


@pytest.mark.parametrize("status", [0, 1, 2, 20, 255])
def test_the_exit_status_and_both_outputs_arrive(servers, status):
    result = run(servers, f"status {status}")
    assert (result.exit_status, result.stdout, result.stderr) == (status, b"out\n", b"err\n")


def test_quotes_that_dont_match_are_a_usage_error(servers):
    result = run(servers, "words 'open")
    assert result.exit_status == 2
    assert b" !     The command's quotes are not balanced\n" in result.stderr
    assert servers.commands.invocations.empty()


@pytest.mark.parametrize("command", ["words a\0b", "words \x1b[2J", "words " + "x" * 70_000])
def test_control_characters_and_endless_commands_are_usage_errors(servers, command):
    result = run(servers, command)
    assert (result.exit_status, result.stdout) == (2, b"")
    assert b"[usage]" in result.stderr


def test_a_command_that_raises_ends_with_status_1_and_the_server_goes_on(servers, caplog):
    with caplog.at_level(logging.CRITICAL, "paas.control.channel"):
        assert run(servers, "crash").exit_status == 1

    assert run(servers, "words").exit_status == 0


def test_several_commands_share_one_connection(servers):
    async def session():
        async with connect(servers) as connection:
            return await asyncio.gather(*(connection.run(f"words {number}") for number in range(10)))

    assert [json.loads(result.stdout) for result in asyncio.run(session())] == [[str(n)] for n in range(10)]


def test_only_the_git_protocol_comes_through_the_environment(servers):
    result = run(servers, "environment", env={"GIT_PROTOCOL": "version=2", "LD_PRELOAD": "/tmp/x.so"})
    assert json.loads(result.stdout) == {"GIT_PROTOCOL": "version=2"}


def test_beyond_the_limit_the_server_says_that_it_is_busy(tmp_path):
    async def session(servers):
        async with connect(servers) as connection:
            processes = [await connection.create_process("idle") for _ in range(2)]

            for process in processes:
                await process.stdout.readline()

            refused = await connection.run("words")

            for process in processes:
                process.close()
                await process.wait_closed()

            async def let_in():
                # The places come back when the threads of those commands have ended.
                while (await connection.run("words")).exit_status:
                    await asyncio.sleep(0.005)

            await asyncio.wait_for(let_in(), 60)
            return refused

    with Servers(tmp_path, limits=SshLimits(commands=2)) as servers:
        servers.allow(KEY.get_fingerprint(), "ada")
        refused = asyncio.run(session(servers))

    assert (refused.exit_status, refused.stdout) == (1, "")
    assert "The server is busy" in refused.stderr


# Streams


def test_five_megabytes_pass_unharmed_both_ways(servers):
    result = run(servers, "cat", input=MEGABYTES)
    assert result.stdout == MEGABYTES


def test_the_end_of_the_input_arrives_after_all_of_it(servers):
    result = run(servers, "digest", input=MEGABYTES)
    assert result.stdout.decode() == f"{len(MEGABYTES)} {hashlib.sha256(MEGABYTES).hexdigest()}\n"


def test_output_that_the_client_does_not_read_stops_the_command(servers):
    async def conversation(process):
        count = await asyncio.to_thread(steady, lambda: servers.commands.written)
        total = 0

        while data := await process.stdout.read(1 << 20):
            total += len(data)

        return count, total

    stopped, total = talk(servers, f"source {LOAD}", conversation)
    assert stopped < 12 << 20
    assert total == LOAD


def test_a_client_that_promises_to_read_much_and_does_not_stops_the_command(servers):
    """The channel's window is what the client says; what counts is what it takes."""

    async def session():
        connection = await connect(servers)
        process = await connection.create_process(f"source {1 << 30}", encoding=None, window=1 << 30)
        await process.stdout.read(1)
        connection._transport.pause_reading()
        stopped = await asyncio.to_thread(steady, lambda: servers.commands.written)
        connection.abort()
        return stopped

    assert asyncio.run(session()) < 32 << 20
    assert servers.commands.ended.get(timeout=60) == "disconnected"


def test_input_that_the_command_does_not_read_stops_the_client(servers):
    servers.commands.awake.clear()

    async def conversation(process):
        sent = 0

        async def send():
            nonlocal sent

            for _ in range(LOAD >> 20):
                process.stdin.write(b"x" * (1 << 20))
                await process.stdin.drain()
                sent += 1 << 20

            process.stdin.write_eof()

        sending = asyncio.create_task(send())
        stopped = await asyncio.to_thread(steady, lambda: sent)
        servers.commands.awake.set()
        await sending
        return stopped, await process.stdout.read()

    stopped, answer = talk(servers, "drowsy", conversation)
    assert stopped < 12 << 20
    assert answer.split()[0] == str(LOAD - 1).encode()


def test_input_that_nobody_reads_does_not_keep_a_command_from_ending(servers):
    async def conversation(process):
        with contextlib.suppress(BrokenPipeError):  # it may have ended before all was handed over
            process.stdin.write(MEGABYTES)
        return await process.wait()

    assert talk(servers, "words", conversation).exit_status == 0


def test_a_client_that_vanishes_sets_gone_and_ends_the_input(servers):
    async def session():
        connection = await connect(servers)
        process = await connection.create_process("wait-for-end")
        await process.stdout.readline()
        connection.abort()

    asyncio.run(session())
    assert servers.commands.invocations.get(timeout=60).gone.wait(60)
    assert servers.commands.ended.get(timeout=60) == "wait-for-end"


def test_a_command_that_writes_to_a_vanished_client_is_told(servers):
    async def session():
        connection = await connect(servers)
        process = await connection.create_process("follow")
        await process.stdout.readline()
        connection.abort()

    asyncio.run(session())
    assert servers.commands.ended.get(timeout=60) == "disconnected"


def test_a_channel_that_is_closed_is_gone_though_the_connection_stays(servers):
    async def session():
        async with connect(servers) as connection:
            process = await connection.create_process("follow")
            await process.stdout.readline()
            process.close()
            return await asyncio.to_thread(servers.commands.ended.get, timeout=60)

    assert asyncio.run(session()) == "disconnected"


async def _reader_gone(process):
    """What OpenSSH's client does when its standard output was closed."""
    process.channel._send_request(b"eow@openssh.com")
    return (await process.wait()).exit_status


@pytest.mark.parametrize("command", ["follow", "idle", "source 1000000000"])
def test_a_reader_that_has_gone_ends_the_command(servers, command):
    async def conversation(process):
        await process.stdout.read(1)
        ending = asyncio.ensure_future(_reader_gone(process))
        await process.stdout.read()
        return await ending

    assert talk(servers, command, conversation) == 141
    assert servers.commands.invocations.get(timeout=60).gone.is_set()
    servers.commands.ended.get(timeout=60)


# Terminals


def test_the_terminal_and_its_size_are_known(servers):
    result = run(servers, "terminal", **on_terminal())
    assert json.loads(result.stdout) == {"columns": 100, "rows": 30, "kind": "xterm"}
    assert run(servers, "terminal").stdout == b"null\n"


def test_a_terminal_gets_carriage_returns_and_a_pipe_does_not(servers):
    assert run(servers, "status 0", **on_terminal()).stdout == b"out\r\n"
    assert run(servers, "status 0").stdout == b"out\n"


def test_a_change_of_the_windows_size_arrives(servers):
    async def conversation(process):
        await process.stdout.readline()
        process.change_terminal_size(120, 40)
        return await process.stdout.read()

    assert talk(servers, "sizes", conversation, **on_terminal()) == b"120x40\r\n"


def test_a_typed_line_is_shown_corrected_and_read(servers):
    async def conversation(process):
        process.stdin.write(b"bbo\x7f\x7fob\r")
        return await process.stdout.read()

    shown = talk(servers, "ask", conversation, **on_terminal())
    assert shown.endswith(b"hello bob\r\n")
    assert b"bbo\b \b\b \bob\r\n" in shown


@pytest.mark.parametrize("command", ["idle", "wait-for-end", "follow"])
def test_ctrl_c_on_a_terminal_ends_the_session(servers, command):
    async def conversation(process):
        await process.stdout.readline()
        process.stdin.write(b"\x03")
        return (await process.wait()).exit_status

    assert talk(servers, command, conversation, **on_terminal()) == 130
    assert servers.commands.invocations.get(timeout=60).gone.is_set()
    servers.commands.ended.get(timeout=60)


def test_ctrl_d_on_a_terminal_ends_the_input(servers):
    async def conversation(process):
        await process.stdout.readline()
        process.stdin.write(b"\x04")
        return (await process.wait()).exit_status

    assert talk(servers, "wait-for-end", conversation, **on_terminal()) == 0


@pytest.mark.parametrize("end", [lambda process: process.terminate(), lambda process: process.send_break(100)])
def test_a_signal_or_a_break_ends_the_session(servers, end):
    async def conversation(process):
        await process.stdout.readline()
        end(process)
        return (await process.wait()).exit_status

    assert talk(servers, "idle", conversation) == 130


def test_a_raw_terminal_hands_over_every_key_and_leaves_output_alone(servers):
    async def conversation(process):
        await process.stdout.readuntil(b"raw\n")
        process.stdin.write(b"a\r\x03\x04\x7fq")
        return await process.stdout.read()

    assert talk(servers, "keys", conversation, **on_terminal()) == b"<61><0d><03><04><7f>cooked\r\n"


# Who gets in


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("ssh-ed25519", {}),
        ("ecdsa-sha2-nistp256", {}),
        ("ecdsa-sha2-nistp521", {}),
        ("ssh-rsa", {"key_size": 2048}),
    ],
)
def test_a_known_key_of_any_kind_gets_in_as_its_owner(servers, kind, options):
    key = asyncssh.generate_private_key(kind, **options)
    servers.allow(key.get_fingerprint(), "grace", Access.VIEW)
    caller = json.loads(run(servers, "whoami", key=key, username="git").stdout)
    assert caller == {
        "name": "grace",
        "access": Access.VIEW,
        "via": "ssh",
        "address": "127.0.0.1",
        "fingerprint": key.get_fingerprint(),
    }


def test_rsa_does_not_get_in_with_sha_1(servers):
    key = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
    servers.allow(key.get_fingerprint(), "old")

    with pytest.raises(asyncssh.PermissionDenied):
        asyncio.run(_open(servers, key, signature_algs=["ssh-rsa"]))

    asyncio.run(_open(servers, key, signature_algs=["rsa-sha2-256"]))


def test_an_unknown_key_is_refused(servers):
    with pytest.raises(asyncssh.PermissionDenied):
        run(servers, "words", key=asyncssh.generate_private_key("ssh-ed25519"))


def test_a_certificate_is_refused_even_when_a_known_key_signed_it(servers):
    stranger = asyncssh.generate_private_key("ssh-ed25519")
    certificate = KEY.generate_user_certificate(stranger, "ada", principals=["paas"])

    with pytest.raises(asyncssh.PermissionDenied):
        asyncio.run(_open(servers, (stranger, certificate)))


def test_asking_about_another_key_does_not_make_one_its_owner(servers):
    """A client may ask whether a public key would do, and then sign with its own."""
    mine = asyncssh.generate_private_key("ssh-ed25519")
    servers.allow(mine.get_fingerprint(), "mallory", Access.VIEW)

    class Client(asyncssh.SSHClient):
        def public_key_auth_requested(self):
            return mine

    async def session():
        connection, _ = await asyncssh.create_connection(
            Client, "127.0.0.1", servers.ssh.port, username="paas", known_hosts=None, config=None, agent_path=None
        )
        async with connection:
            return json.loads((await connection.run("whoami")).stdout)

    assert asyncio.run(session())["name"] == "mallory"


def test_a_removed_key_runs_nothing_more_on_the_connection_that_it_has(servers):
    key = asyncssh.generate_private_key("ssh-ed25519")
    servers.allow(key.get_fingerprint(), "temp", Access.ADMIN)

    async def session():
        async with connect(servers, key) as connection:
            before = await connection.run("words a")
            del servers.keys[key.get_fingerprint()]
            return before, await connection.run("words b")

    before, after = asyncio.run(session())
    assert before.exit_status == 0
    assert (after.exit_status, after.stdout) == (1, "")
    assert "[unknown-key]" in after.stderr
    assert servers.commands.invocations.qsize() == 1


def test_the_role_of_a_command_is_the_key_s_present_one_and_not_the_login_s(servers):
    key = asyncssh.generate_private_key("ssh-ed25519")
    servers.allow(key.get_fingerprint(), "temp", Access.ADMIN)

    async def session():
        async with connect(servers, key) as connection:
            servers.allow(key.get_fingerprint(), "lowered", Access.VIEW)
            return json.loads((await connection.run("whoami")).stdout)

    caller = asyncio.run(session())
    assert (caller["name"], caller["access"], caller["address"]) == ("lowered", Access.VIEW, "127.0.0.1")


def test_removing_a_key_closes_its_connections_and_no_others(servers):
    key = asyncssh.generate_private_key("ssh-ed25519")
    servers.allow(key.get_fingerprint(), "temp")

    async def session():
        async with connect(servers, key) as connection, connect(servers, key) as silent, connect(servers) as other:
            process = await connection.create_process("follow")
            await process.stdout.readline()
            servers.call(_revoke(servers, Revocation(fingerprint=key.get_fingerprint())))
            _, complaint = await asyncio.wait_for(process.communicate(), 60)
            await asyncio.wait_for(asyncio.gather(connection.wait_closed(), silent.wait_closed()), 60)
            return complaint, process.exit_status, (await other.run("words")).exit_status

    complaint, status, other = asyncio.run(session())
    assert "The key was removed" in complaint
    assert (status, other) == (1, 0)
    assert servers.commands.invocations.get(timeout=60).gone.is_set()


def test_the_command_that_removes_its_own_key_still_tells_so(servers):
    key = asyncssh.generate_private_key("ssh-ed25519")
    servers.allow(key.get_fingerprint(), "temp")

    async def session():
        async with connect(servers, key) as connection:
            process = await connection.create_process("wait-for-end")
            await process.stdout.readline()
            gone = servers.commands.invocations.get(timeout=60).gone
            servers.call(_revoke(servers, Revocation(fingerprint=key.get_fingerprint(), spared=gone)))
            with pytest.raises(asyncssh.ChannelOpenError):
                await connection.run("words")
            process.stdin.write_eof()
            status = (await process.wait()).exit_status
            await asyncio.wait_for(connection.wait_closed(), 60)
            return status

    assert asyncio.run(session()) == 0


async def _revoke(servers, revocation):
    servers.ssh.revoke(revocation)


def test_a_lookup_that_fails_refuses_and_the_server_goes_on(servers, caplog, monkeypatch):
    def broken(fingerprint):
        raise OSError("the store is gone")

    with monkeypatch.context() as patch, caplog.at_level(logging.CRITICAL, "paas.ssh.server"):
        patch.setattr(servers.ssh, "_lookup", broken)

        with pytest.raises(asyncssh.PermissionDenied):
            run(servers, "words")

    assert run(servers, "words").exit_status == 0


def test_public_keys_are_the_only_way_in(servers):
    async def methods():
        return await asyncssh.get_server_auth_methods("127.0.0.1", servers.ssh.port, username="root", config=None)

    assert asyncio.run(methods()) == ["publickey"]


async def _open(servers, key, **options):
    async with connect(servers, key, **options):
        pass


# What is not on offer


def test_subsystems_and_sftp_are_refused(servers):
    async def session():
        async with connect(servers) as connection:
            with pytest.raises(asyncssh.ChannelOpenError):
                await connection.start_sftp_client()

    asyncio.run(session())
    assert servers.commands.invocations.empty()


def test_forwarding_is_refused_in_every_direction(servers):
    async def session():
        async with connect(servers) as connection:
            with pytest.raises(asyncssh.ChannelOpenError):
                await connection.open_connection("127.0.0.1", servers.ssh.port)

            with pytest.raises(asyncssh.ChannelOpenError):
                await connection.open_unix_connection("/var/run/docker.sock")

            with pytest.raises(asyncssh.ChannelListenError):
                await connection.forward_remote_port("127.0.0.1", 0, "127.0.0.1", 1)

            with pytest.raises(asyncssh.ChannelListenError):
                await connection.forward_remote_path("/tmp/never-made", "/tmp/x")

            with pytest.raises(asyncssh.ChannelOpenError):
                await connection.create_process("words", x11_forwarding=True)

    asyncio.run(session())
    assert servers.commands.invocations.empty()


def test_a_connection_has_a_limited_number_of_channels(tmp_path):
    async def session(servers):
        async with connect(servers) as connection:
            opened = [await connection.create_process("idle") for _ in range(3)]

            with pytest.raises(asyncssh.ChannelOpenError):
                await connection.create_process("idle")

            opened[0].close()
            await opened[0].wait_closed()
            return (await connection.run("words")).exit_status

    with Servers(tmp_path, limits=SshLimits(commands_per_connection=3)) as servers:
        servers.allow(KEY.get_fingerprint(), "ada")
        assert asyncio.run(session(servers)) == 0


# The server itself


def test_strangers_that_stay_idle_push_out_the_oldest_of_their_own(tmp_path):
    async def session(servers):
        async def stranger():
            reader, writer = await asyncio.open_connection("127.0.0.1", servers.ssh.port)
            await reader.readline()
            return reader, writer

        # Of a source that nobody came from before, some would be refused at random.
        await connection_run(servers)
        first = await stranger()
        others = [await stranger() for _ in range(5)]
        result = await connection_run(servers)
        dropped = await asyncio.wait_for(first[0].read(), 10)

        for _, writer in [first, *others]:
            writer.close()

        return result, dropped

    async def connection_run(servers):
        async with connect(servers) as connection:
            return await connection.run("words")

    with Servers(tmp_path, limits=SshLimits(gate=Rules(waiting=5))) as servers:
        servers.allow(KEY.get_fingerprint(), "ada")
        result, dropped = asyncio.run(session(servers))

    assert result.exit_status == 0
    assert dropped == b""


def test_under_pressure_a_stranger_waits_for_the_banner_and_whoever_was_here_before_does_not(tmp_path, monkeypatch):
    monkeypatch.setattr(door, "HELD_UP", 1000)

    async def session(servers):
        async def stranger():
            reader, writer = await asyncio.open_connection("127.0.0.1", servers.ssh.port)
            writer.write(b"SSH-2.0-stranger\r\n")
            return reader, writer

        async with connect(servers) as connection:
            await connection.run("words")

        first, late = await stranger(), await stranger()
        assert (await first[0].readline()).startswith(b"SSH-2.0-")

        # The same address, and beside the two; its version is known.
        async with connect(servers) as connection:
            status = (await connection.run("words")).exit_status

        # What has come for it by now, for all of the login took its turns at the same loop.
        came = bytes(late[0]._buffer)

        for _, writer in (first, late):
            writer.close()

        return status, came

    with Servers(tmp_path, limits=SshLimits(gate=Rules(calm=1))) as servers:
        servers.allow(KEY.get_fingerprint(), "ada")
        assert asyncio.run(session(servers)) == (0, b"")


def test_a_stranger_who_waited_for_the_banner_logs_in(tmp_path, monkeypatch):
    monkeypatch.setattr(door, "HELD_UP", 0.05)

    async def session(servers):
        idle = [await asyncio.open_connection("127.0.0.1", servers.ssh.port) for _ in range(3)]

        async with connect(servers) as connection:
            status = (await connection.run("words")).exit_status

        for _, writer in idle:
            writer.close()

        return status

    with Servers(tmp_path, limits=SshLimits(gate=Rules(calm=1))) as servers:
        servers.allow(KEY.get_fingerprint(), "ada")
        assert asyncio.run(session(servers)) == 0


def test_who_does_not_log_in_in_time_is_disconnected(tmp_path):
    async def session(servers):
        reader, writer = await asyncio.open_connection("127.0.0.1", servers.ssh.port)
        await asyncio.wait_for(reader.read(), 10)
        writer.close()

    with Servers(tmp_path, limits=SshLimits(login_time=0.1)) as servers:
        asyncio.run(session(servers))


def test_a_client_that_no_longer_answers_is_noticed(tmp_path):
    async def session(servers):
        async with connect(servers) as connection:
            process = await connection.create_process("idle")
            await process.stdout.readline()
            connection._transport.pause_reading()
            gone = servers.commands.invocations.get(timeout=60).gone
            await asyncio.to_thread(until, gone.is_set)
            connection.abort()

    with Servers(tmp_path, limits=SshLimits(keepalive_interval=0.5, keepalive_count=3)) as servers:
        servers.allow(KEY.get_fingerprint(), "ada")
        asyncio.run(session(servers))


def test_host_keys_persist_and_only_their_owner_can_read_them(tmp_path):
    first = [key.export_public_key() for key in load(tmp_path / "keys")]
    assert [key.export_public_key() for key in load(tmp_path / "keys")] == first
    private = [path for path in (tmp_path / "keys").iterdir() if path.suffix != ".pub"]
    assert len(private) == 2
    assert {path.stat().st_mode & 0o777 for path in private} == {0o600}


def test_a_damaged_host_key_is_an_error_and_is_not_replaced(tmp_path):
    load(tmp_path)
    (tmp_path / "ssh_host_ed25519_key").write_text("garbage")

    with pytest.raises(HostKeyUnusable):
        load(tmp_path)

    assert (tmp_path / "ssh_host_ed25519_key").read_text() == "garbage"


def test_a_port_that_is_taken_is_an_error_with_a_way_out(servers, tmp_path):
    with pytest.raises(CannotListen) as caught:
        servers.call(
            _start_again(tmp_path, servers.ssh.port),
        )

    assert "--ssh-port" in caught.value.fix


async def _start_again(folder, port):
    from paas.ssh import server

    await server.start("127.0.0.1", port, host_keys=folder, lookup=lambda _: None, dispatch=lambda _: 0)


def test_closing_lets_commands_end_and_then_disconnects(tmp_path):
    async def session(servers):
        async with connect(servers) as connection:
            process = await connection.create_process("idle")
            await process.stdout.readline()
            await asyncio.to_thread(servers.call, servers.ssh.close(grace=0))

            with contextlib.suppress(asyncssh.Error):
                await process.wait()

            await connection.wait_closed()

    with Servers(tmp_path) as servers:
        servers.allow(KEY.get_fingerprint(), "ada")
        asyncio.run(session(servers))
        assert servers.commands.invocations.get(timeout=60).gone.is_set()
