"""Receiving a push, word by word over a socket: what the receiver sees and what a well-behaved client gets."""

import errno
import os
import threading

import pytest
from git_pusher import (  # noqa: F401
    MAIN,
    NONE,
    SECONDS,
    USUAL,
    connect_fixture,
    create,
    empty_fixture,
    is_empty,
    push,
    receiver_fixture,
    repository_fixture,
    source_fixture,
)

from paas.core.errors import PaasError
from paas.core.git.refs import ATOMIC, MOVED, RefUpdate
from paas.git import process, quarantine

pytestmark = pytest.mark.real("git")


def test_a_push_is_shown_to_the_receiver_with_its_objects_and_stored_when_accepted(
    connect, repository, receiver, source
):
    seen = {}

    def act(updates, quarantine, progress):
        seen["before"] = repository.read_file(source.commits[2], "file2")
        seen["inside"] = repository.read_file(source.commits[2], "file2", quarantine=quarantine)
        seen["commit"] = repository.commit_info(source.commits[2], quarantine).subject
        seen["findings"] = repository.unsupported(source.commits[2], quarantine)
        progress(b"-----> Building\n")
        return {}

    receiver.act = act
    pusher = connect()
    refs, capabilities = pusher.advertised()
    assert refs == [f"{NONE} capabilities^{{}}"]
    wanted = {"report-status", "delete-refs", "atomic", "ofs-delta", "side-band-64k", "push-options"}
    assert wanted <= set(capabilities)
    pusher.send(create(MAIN, source.commits[2]), pack=source.pack("main"))

    assert pusher.outcome() == (b"-----> Building\n", ["unpack ok", f"ok {MAIN}"])
    assert pusher.finish() == 0
    assert receiver.asked == [[RefUpdate(MAIN, None, source.commits[2])]]
    assert seen == {"before": None, "inside": b"only 2\n", "commit": "commit 2", "findings": ()}
    assert repository.refs() == {MAIN: source.commits[2]}
    assert repository.read_file(source.commits[0], "file0") == b"only 0\n"


def test_a_client_with_nothing_to_push_leaves_in_peace(connect, repository):
    pusher = connect()
    pusher.advertised()
    pusher.ours.sendall(b"0000")
    assert pusher.outcome() == (b"", None)
    assert pusher.finish() == 0
    assert is_empty(repository)


def test_a_refused_ref_leaves_nothing_and_the_same_push_may_be_tried_again(connect, repository, receiver, source):
    line, pack = create(MAIN, source.commits[2]), source.pack("main")
    receiver.act = lambda *_: {MAIN: "build failed:\n\x1b[31m no\r\nroom"}
    assert push(connect, line, pack=pack) == (b"", ["unpack ok", f"ng {MAIN} build failed: [31m no room"])
    assert is_empty(repository)

    receiver.act = lambda *_: {}
    assert push(connect, line, pack=pack) == (b"", ["unpack ok", f"ok {MAIN}"])
    assert repository.refs() == {MAIN: source.commits[2]}


def test_refs_are_judged_one_by_one(connect, repository, receiver, source):
    receiver.act = lambda *_: {MAIN: ""}
    wanted = {MAIN: source.commits[0], "refs/heads/x": source.commits[1], "refs/tags/v1": source.tag}
    _, report = push(connect, *(create(*item) for item in wanted.items()), pack=source.pack("main", "v1"))
    assert report == ["unpack ok", f"ng {MAIN} refused", "ok refs/heads/x", "ok refs/tags/v1"]
    assert repository.refs() == {"refs/heads/x": source.commits[1], "refs/tags/v1": source.tag}


def test_an_atomic_push_with_one_refusal_moves_nothing(connect, repository, receiver, source):
    receiver.act = lambda updates, quarantine, progress: {"refs/heads/x": "no"} if quarantine.atomic else {}
    lines = [create(MAIN, source.commits[0]), create("refs/heads/x", source.commits[1])]
    _, report = push(connect, *lines, pack=source.pack("main"), capabilities=f"{USUAL} atomic")
    assert report == ["unpack ok", f"ng {MAIN} {ATOMIC}", "ng refs/heads/x no"]
    assert is_empty(repository)


def test_an_atomic_push_that_cannot_succeed_is_not_even_begun(connect, repository, receiver, source):
    lines = [create(MAIN, source.commits[0]), f"{source.commits[0]} {NONE} refs/heads/x"]
    _, report = push(connect, *lines, pack=source.pack("main"), capabilities=f"{USUAL} atomic")
    assert report == ["unpack ok", f"ng {MAIN} {ATOMIC}", "ng refs/heads/x no such ref"]
    assert receiver.asked == []
    assert is_empty(repository)


def test_deleting_goes_through_the_receiver_and_needs_no_pack(connect, repository, receiver, source):
    push(connect, create(MAIN, source.commits[0]), create("refs/heads/x", source.commits[0]), pack=source.pack("main"))
    receiver.act = lambda *_: {MAIN: "it is the deploy branch"}
    lines = [f"{source.commits[0]} {NONE} {ref}" for ref in (MAIN, "refs/heads/x", "refs/heads/none")]
    _, report = push(connect, *lines)
    assert report == [
        "unpack ok",
        f"ng {MAIN} it is the deploy branch",
        "ok refs/heads/x",
        "ng refs/heads/none no such ref",
    ]
    assert receiver.asked[1] == [RefUpdate(ref, source.commits[0], None) for ref in (MAIN, "refs/heads/x")]
    assert repository.refs() == {MAIN: source.commits[0]}


def test_a_ref_that_moved_while_the_receiver_was_at_work_is_not_overwritten(connect, repository, receiver, source):
    def act(updates, quarantine, progress):
        receiver.act = lambda *_: {}
        _, report = push(connect, create(MAIN, source.commits[1]), pack=source.pack("main"))
        assert report == ["unpack ok", f"ok {MAIN}"]
        return {}

    receiver.act = act
    _, report = push(connect, create(MAIN, source.commits[0]), pack=source.pack(source.commits[0]))
    assert report == ["unpack ok", f"ng {MAIN} {MOVED}"]
    assert repository.refs() == {MAIN: source.commits[1]}


def test_a_receiver_may_have_the_ref_moved_at_the_moment_that_it_chooses(connect, repository, receiver, source):
    seen = []

    def act(updates, quarantine, progress):
        seen.extend([quarantine.accept(updates), quarantine.accept(updates), repository.resolve(MAIN)])
        raise PaasError("the tidying afterwards failed")

    receiver.act = act
    _, report = push(connect, create(MAIN, source.commits[0]), pack=source.pack("main"))
    assert seen == [{MAIN: None}, {MAIN: None}, source.commits[0]]
    assert report == ["unpack ok", f"ok {MAIN}"]
    assert repository.read_file(source.commits[0], "file0") == b"only 0\n"


def test_objects_that_cannot_be_stored_are_the_reason_and_the_ref_stays_free(connect, repository, receiver, source):
    place = repository.path / "objects" / "pack"

    def act(*_):
        place.rmdir()
        place.touch()
        return {}

    receiver.act = act
    line, pack = create(MAIN, source.commits[0]), source.pack("main")
    assert push(connect, line, pack=pack)[1] == ["unpack ok", f"ng {MAIN} File exists"]
    assert list(repository.path.rglob("*.lock")) == []

    receiver.act = lambda *_: {}
    place.unlink()
    assert push(connect, line, pack=pack)[1] == ["unpack ok", f"ok {MAIN}"]


def test_an_error_that_users_know_is_the_reason(connect, repository, receiver, source):
    def act(*_):
        raise PaasError("the disk is full", fix="Free some.")

    receiver.act = act
    _, report = push(connect, create(MAIN, source.commits[0]), pack=source.pack("main"))
    assert report == ["unpack ok", f"ng {MAIN} the disk is full"]
    assert is_empty(repository)


def test_an_error_in_the_receiver_is_logged_and_told_as_internal(connect, repository, receiver, source, caplog):
    def act(*_):
        raise RuntimeError("secret detail")

    receiver.act = act
    _, report = push(connect, create(MAIN, source.commits[0]), pack=source.pack("main"))
    assert report == ["unpack ok", f"ng {MAIN} internal error"]
    assert "secret detail" in caplog.text
    assert is_empty(repository)


def _full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/data/x")


@pytest.mark.parametrize("where", ["the quarantine", "the receiver", "its admission"])
def test_a_disk_that_is_full_from_the_beginning_is_told_as_one(
    connect, repository, receiver, source, monkeypatch, where, caplog
):
    if where == "the quarantine":
        monkeypatch.setattr(quarantine.tempfile, "mkdtemp", _full)
    elif where == "the receiver":
        receiver.act = _full
    else:
        receiver.admit = _full
    _, report = push(connect, create(MAIN, source.commits[0]), pack=source.pack("main"))
    reason = "a disk of the server is full: /data/x could not be written [disk-full]"
    assert report == ["unpack ok" if where == "the receiver" else f"unpack {reason}", f"ng {MAIN} {reason}"]
    assert "Traceback" not in caplog.text
    assert is_empty(repository)


def test_a_disk_that_fills_with_the_pack_is_told_as_one(connect, repository, source, monkeypatch):
    run = process.run

    def full(repository, arguments, **options):
        if arguments[0] == "index-pack":
            raise process.failure("index-pack", b"fatal: write error: No space left on device\n")
        return run(repository, arguments, **options)

    monkeypatch.setattr(process, "run", full)
    _, report = push(connect, create(MAIN, source.commits[0]), pack=source.pack("main"))
    reason = "a disk of the server is full: a file of a repository could not be written [disk-full]"
    assert report == [f"unpack {reason}", f"ng {MAIN} {reason}"]
    assert is_empty(repository)


def test_a_receiver_without_a_verdict_for_a_ref_refuses_it(connect, repository, receiver, source):
    receiver.update = lambda *_: {}
    _, report = push(connect, create(MAIN, source.commits[0]), pack=source.pack("main"))
    assert report == ["unpack ok", f"ng {MAIN} internal error"]
    assert is_empty(repository)


def test_a_server_without_git_says_so(connect, repository, receiver, source, monkeypatch):
    pack = source.pack("main")
    monkeypatch.setenv("PATH", "/nonexistent")
    _, report = push(connect, create(MAIN, source.commits[0]), pack=pack)
    assert report == [f"{word} git is not installed on the server" for word in ("unpack", f"ng {MAIN}")]
    assert is_empty(repository)


def test_silence_is_bridged_while_the_receiver_works(connect, receiver, source):
    enough = threading.Event()

    def act(updates, quarantine, progress):
        progress(b"-----> Building\n")
        assert enough.wait(SECONDS)
        return {}

    receiver.act = act
    pusher = connect(keepalive_seconds=0.01)
    pusher.advertised()
    pusher.send(create(MAIN, source.commits[0]), pack=source.pack("main"))

    signs = 0
    while signs < 3:
        packet = pusher.packet()
        assert packet in (b"\1", b"\2-----> Building\n")
        signs += packet == b"\1"
    enough.set()
    assert pusher.outcome()[1] == ["unpack ok", f"ok {MAIN}"]


def test_long_output_arrives_in_packets_that_the_protocol_allows(connect, receiver, source):
    text = os.urandom(200_000)

    def act(updates, quarantine, progress):
        progress(text)
        progress(b"")
        return {}

    receiver.act = act
    shown, report = push(connect, create(MAIN, source.commits[0]), pack=source.pack("main"))
    assert shown == text
    assert report == ["unpack ok", f"ok {MAIN}"]


def test_output_after_the_verdict_does_not_disturb_the_report(connect, receiver, source):
    kept = []
    receiver.act = lambda updates, quarantine, progress: kept.append(progress) or {}
    pusher = connect()
    pusher.advertised()
    pusher.send(create(MAIN, source.commits[0]), pack=source.pack("main"))
    assert pusher.outcome() == (b"", ["unpack ok", f"ok {MAIN}"])
    kept[0](b"too late\n")
    assert pusher.packet() == ""


def test_a_client_without_side_band_gets_the_report_alone(connect, receiver, source):
    receiver.act = lambda updates, quarantine, progress: progress(b"unseen\n") or {}
    pusher = connect(keepalive_seconds=0.001)
    pusher.advertised()
    pusher.send(create(MAIN, source.commits[0]), pack=source.pack("main"), capabilities="report-status")
    assert list(iter(pusher.packet, None)) == [b"unpack ok\n", f"ok {MAIN}\n".encode()]
    assert pusher.packet() == ""


def test_a_client_that_goes_away_during_the_deploy_does_not_stop_it(connect, repository, receiver, source):
    started, gone = threading.Event(), threading.Event()

    def act(updates, quarantine, progress):
        started.set()
        assert gone.wait(SECONDS)
        for _ in range(3):
            progress(b"nobody reads this\n" * 100_000)
        return {}

    receiver.act = act
    pusher = connect(keepalive_seconds=0.01)
    pusher.advertised()
    pusher.send(create(MAIN, source.commits[0]), pack=source.pack("main"))
    assert started.wait(SECONDS)
    pusher.ours.close()
    gone.set()

    assert pusher.finish() == 1
    assert repository.refs() == {MAIN: source.commits[0]}
    assert repository.read_file(source.commits[0], "file0") == b"only 0\n"


def test_many_refs_at_once_are_stored_and_reported(connect, repository, source):
    refs = [f"refs/tags/{'long-name-' * 10}{number}" for number in range(700)]
    _, report = push(connect, *(create(ref, source.commits[0]) for ref in refs), pack=source.pack("main"))
    assert report == ["unpack ok", *(f"ok {ref}" for ref in refs)]
    assert len(repository.refs()) == 700
