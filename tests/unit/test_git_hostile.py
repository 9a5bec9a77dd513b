"""Receiving a push from clients that are strange, broken or hostile: no trace in the repository, and a clear word."""

import os
import socket
import subprocess
from pathlib import Path

import pytest
from git_bombs import BASE, delta_bomb
from git_pusher import (  # noqa: F401
    MAIN,
    SURROUNDINGS,
    connect_fixture,
    create,
    empty_fixture,
    is_empty,
    push,
    receiver_fixture,
    repository_fixture,
    source_fixture,
)

from paas.git import process as git_process
from paas.git.receive_pack import SHALLOW

pytestmark = pytest.mark.real("git")


@pytest.mark.parametrize(
    ("ref", "reason"),
    [
        ("refs/heads/../x", "funny refname"),
        ("HEAD", "not below refs/"),
        ("../../etc/passwd", "not below refs/"),
        ("refs/heads/x\udcff", "funny refname"),
    ],
)
def test_a_strange_ref_is_refused_without_harm_to_the_others(connect, repository, receiver, source, ref, reason):
    lines = [create(ref, source.commits[0]), create(MAIN, source.commits[0])]
    _, report = push(connect, *lines, pack=source.pack("main"))
    assert report == ["unpack ok", f"ng {ref} {reason}", f"ok {MAIN}"]
    assert [[update.ref for update in asked] for asked in receiver.asked] == [[MAIN]]
    assert repository.refs() == {MAIN: source.commits[0]}


def test_a_ref_named_twice_is_refused(connect, repository, source):
    lines = [create(MAIN, source.commits[0]), create(MAIN, source.commits[1])]
    _, report = push(connect, *lines, pack=source.pack("main"))
    assert report == ["unpack ok"] + [f"ng {MAIN} named more than once"] * 2
    assert is_empty(repository)


def test_what_git_could_not_store_is_refused_before_the_receiver_is_asked(connect, repository, receiver, source):
    push(connect, create("refs/heads/a/b", source.commits[0]), pack=source.pack("main"))
    wanted = {MAIN: source.tag, "refs/heads/blob": source.blob, "refs/heads/a": source.commits[0]}
    _, report = push(connect, *(create(*item) for item in wanted.items()), pack=source.pack("main", "v1"))
    assert "non-commit object" in report[1]
    assert "non-commit object" in report[2]
    assert "'refs/heads/a/b' exists" in report[3]
    assert len(receiver.asked) == 1


def test_a_shallow_push_is_refused_with_the_way_out(connect, repository, receiver, source):
    shas = source.git("rev-list", "--objects", "--no-object-names", "main", f"^{source.commits[1]}").split()
    lines = [f"shallow {source.commits[2]}", create(MAIN, source.commits[2])]
    pusher = connect()
    pusher.advertised()
    pusher.ours.sendall(b"0035" + lines[0].encode() + b"\n")
    pusher.send(lines[1], pack=source.pack_of(*shas))
    assert pusher.outcome()[1] == [f"unpack {SHALLOW}", f"ng {MAIN} {SHALLOW}"]
    assert receiver.asked == []
    assert is_empty(repository)


def test_a_shallow_push_onto_a_history_that_is_here_is_taken(connect, repository, source):
    push(connect, create(MAIN, source.commits[1]), pack=source.pack(source.commits[1]))
    pusher = connect()
    pusher.advertised()
    pusher.ours.sendall(b"0034" + f"shallow {source.commits[1]}".encode())
    pusher.send(f"{source.commits[1]} {source.commits[2]} {MAIN}", pack=source.pack("main", f"^{source.commits[1]}"))
    assert pusher.outcome()[1] == ["unpack ok", f"ok {MAIN}"]
    assert repository.refs() == {MAIN: source.commits[2]}


def broken_packs(source):
    whole = source.pack("main")
    tree = source.git("rev-parse", "main^{tree}")
    return {
        "garbage": b"PACK" + os.urandom(1000),
        "not a pack": b"GET / HTTP/1.1\r\n\r\n",
        "wrong sum": whole[:-1] + bytes([whole[-1] ^ 1]),
        "flipped bit": whole[:60] + bytes([whole[60] ^ 1]) + whole[61:],
        "commit alone": source.pack_of(source.commits[2]),
        "without parents": source.pack_of(source.commits[2], tree, source.blob),
        "other objects": source.pack_of(source.blob),
        "no objects": source.pack_of(),
        "base missing": source.pack("main", f"^{source.commits[1]}"),
    }


@pytest.mark.parametrize(
    "kind",
    [
        "garbage",
        "not a pack",
        "wrong sum",
        "flipped bit",
        "commit alone",
        "without parents",
        "other objects",
        "no objects",
        "base missing",
    ],
)
def test_a_broken_or_incomplete_pack_leaves_no_trace(connect, repository, receiver, source, kind):
    pusher = connect()
    pusher.advertised()
    pusher.send(create(MAIN, source.commits[2]), pack=broken_packs(source)[kind])
    pusher.ours.shutdown(socket.SHUT_WR)
    _, report = pusher.outcome()
    assert report[0] != "unpack ok"
    assert report[1].startswith(f"ng {MAIN} ")
    assert receiver.asked == []
    assert is_empty(repository)


def test_objects_that_nothing_here_leads_to_do_not_complete_a_push(connect, repository, source):
    """The tip is here, left over from long ago, but its parents aren't."""
    tree = source.git("rev-list", "--objects", "--no-object-names", "main", f"^{source.commits[1]}").split()
    for sha in tree:
        kind = source.git("cat-file", "-t", sha)
        content = source.output("cat-file", kind, sha)
        subprocess.run(
            ["git", "hash-object", "-w", "--stdin", "-t", kind],
            env=SURROUNDINGS | {"GIT_DIR": str(repository.path)},
            input=content,
            capture_output=True,
            check=True,
        )
    _, report = push(connect, create(MAIN, source.commits[2]), pack=source.pack_of())
    assert report == ["unpack missing necessary objects", f"ng {MAIN} missing necessary objects"]
    assert repository.refs() == {}


def test_a_pack_over_the_limit_is_refused_with_the_limit(connect, repository, source):
    _, report = push(connect, create(MAIN, source.commits[2]), pack=source.pack("main"), max_pack_bytes=100)
    assert report[1] == f"ng {MAIN} pack exceeds maximum allowed size (100 bytes)"
    assert is_empty(repository)


@pytest.mark.parametrize("stage", ["at once", "advertised", "half a packet", "commands", "no pack", "half a pack"])
def test_a_client_that_hangs_up_early_leaves_nothing(connect, repository, receiver, source, stage):
    pusher = connect()
    line, pack = create(MAIN, source.commits[2]), source.pack("main")
    if stage != "at once":
        pusher.advertised()
    if stage == "half a packet":
        pusher.ours.sendall(b"00a0" + line.encode()[:20])
    elif stage == "commands":
        pusher.ours.sendall(b"%04x" % (len(line) + 4) + line.encode())
    elif stage == "no pack":
        pusher.send(line)
    elif stage == "half a pack":
        pusher.send(line, pack=pack[: len(pack) // 2])

    assert pusher.finish() == 1
    assert receiver.asked == []
    assert is_empty(repository)


@pytest.mark.parametrize(
    "words",
    [
        b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
        b"\0" * 100,
        b"0003",
        b"-001",
        b"zzzz",
        b"\xff\xfe\xfd\xfc" * 50,
        b"000bgarbage",
        b"0024" + b"x" * 32,
        b"0038" + b"g" * 40 + b" 0123456789a",
        b"0062" + b"0" * 40 + b" " + b"A" * 40 + b" refs/heads/x",
        b"0092" + b"0" * 64 + b" " + b"1" * 64 + b" refs/heads/x",
        b"007b" + b"1" * 40 + b" " + b"2" * 40 + b" refs/heads/a b" + b"c" * 23,
        b"0074" + b"1" * 40 + b" " + b"2" * 40 + b" refs/heads/x\0a\0b" + b"c" * 14,
        b"0074" + b"1" * 40 + b" " + b"2" * 40 + b" refs/heads/x\0no-such-thing" + b"c" * 4,
        b"fff0" + b"1" * 40 + b" " + b"2" * 40 + b" refs/heads/" + b"x" * 65000,
    ],
    ids=lambda words: words[:12].decode(errors="replace"),
)
def test_a_client_that_does_not_speak_git_is_shown_out(connect, repository, receiver, words):
    pusher = connect()
    pusher.advertised()
    pusher.ours.sendall(words)
    pusher.ours.shutdown(socket.SHUT_WR)
    answer = pusher.packet()
    assert answer == "" or answer.startswith(b"ERR ")
    assert pusher.finish() == 1
    assert receiver.asked == []
    assert is_empty(repository)


def test_commands_without_end_are_cut_off(connect, repository, monkeypatch):
    monkeypatch.setattr("paas.git.receive_pack.MOST_COMMAND_BYTES", 10_000)
    pusher = connect()
    pusher.advertised()
    lines = [create(f"refs/heads/x{number}", "1" * 40) for number in range(200)]
    pusher.send(*lines)
    pusher.ours.shutdown(socket.SHUT_WR)
    assert pusher.packet() == b"ERR Invalid ref update line from client: too long"
    assert pusher.finish() == 1


def test_old_harmless_mistakes_in_a_history_are_no_obstacle_and_dangerous_ones_are(connect, repository, source):
    tree = source.git("rev-parse", "main^{tree}")
    old = f"tree {tree}\nauthor A <a@b> 1300000000 +051800\ncommitter A <a@b> 1300000000 +0000\n\nold\n".encode()
    commit = source.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", text=old)
    _, report = push(connect, create(MAIN, commit), pack=source.pack(commit))
    assert report == ["unpack ok", f"ok {MAIN}"]

    entry = b"100644 .git\0" + bytes.fromhex(source.blob)
    tree = source.git("hash-object", "-t", "tree", "-w", "--stdin", "--literally", text=entry)
    commit = source.git("commit-tree", "-m", "evil", tree)
    _, report = push(connect, create("refs/heads/x", commit), pack=source.pack(commit))
    assert report[1].startswith("ng refs/heads/x ")
    assert repository.refs().keys() == {MAIN}


def test_a_few_bytes_that_stand_for_gigabytes_are_refused_before_they_take_the_memory(connect, repository, receiver):
    commit, pack = delta_bomb(100)
    assert len(pack) < 20_000
    shown, report = push(connect, create(MAIN, commit), pack=pack)
    reason = "an object takes more memory than git may use (1024 MiB)"
    assert report == [f"unpack {reason}", f"ng {MAIN} {reason}"]
    assert b"a crafted delta that expands to one" in shown
    assert b"[git-memory]" in shown
    assert receiver.asked == []
    assert is_empty(repository)


def test_a_delta_that_is_large_but_not_too_large_is_taken(connect, repository):
    commit, pack = delta_bomb(20)
    _, report = push(connect, create(MAIN, commit), pack=pack)
    assert report == ["unpack ok", f"ok {MAIN}"]
    assert sum(repository.sizes(commit).values()) == 21 * BASE
    assert 0 < repository.stored() < 40_000


def test_git_may_not_allocate_without_an_end(repository):
    """Neither it nor what it starts."""
    process = git_process.start(repository.path, ["cat-file", "--batch"], stdin=subprocess.PIPE)
    with git_process.ending(process):
        limits = Path(f"/proc/{process.pid}/limits").read_text()
    assert f"Max data size             {git_process.MOST_MEMORY} " in limits
