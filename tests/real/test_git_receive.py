"""The real git client against the server's side, over a socket pair (git-remote-fd): push, clone, fetch, trouble."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from paas.core.errors import Disconnected
from paas.core.git.refs import MOVED
from paas.git.receive_pack import SHALLOW, serve_receive_pack
from paas.git.repository import Repository
from paas.git.upload_pack import serve_upload_pack

pytestmark = pytest.mark.real

MAIN = "refs/heads/main"
SECONDS = 60
SURROUNDINGS = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull} | {
    f"GIT_{who}_{what}": "a@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
}


def git(folder, *arguments):
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, env=SURROUNDINGS, capture_output=True, text=True, check=True).stdout.strip()


def git_processes():
    """The git processes that this one has started and that are still there, ended or not."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, _, facts = entry.read_text().rpartition(")")
            if name.endswith("(git") and int(facts.split()[1]) == os.getpid():
                found.append(name)
    return found


def eventually(condition):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@contextlib.contextmanager
def held_up(source, most, released):
    """A socket that gives what comes from the source: so many bytes, and the rest once the event is set."""
    given, giving = socket.socketpair()

    def pump():
        left = most
        with giving, contextlib.suppress(OSError):
            while left and (data := source.recv(min(left, 1 << 16))):
                giving.sendall(data)
                left -= len(data)
            released.wait(SECONDS)
            while data := source.recv(1 << 16):
                giving.sendall(data)

    thread = threading.Thread(target=pump)
    thread.start()
    try:
        with given:
            yield given
    finally:
        thread.join(SECONDS)


class Session:
    """A git client under way, connected to a server in a thread.

    With ``most`` so many bytes pass each way, and no more before the client is killed: it stands in the middle.
    """

    def __init__(self, serve, folder, *words, most=None):
        ours, theirs = socket.socketpair()
        self.status = None
        self.killed = threading.Event()
        self.sent = 0
        self.signs_of_life = 0
        self.client = subprocess.Popen(
            ["git", *(word.replace("URL", f"fd::{theirs.fileno()}/app") for word in words)],
            cwd=folder,
            env=SURROUNDINGS,
            pass_fds=[theirs.fileno()],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        theirs.close()

        def write(data):
            self.signs_of_life += data == b"0005\x01"
            self.sent += len(data)
            if most is not None and self.sent > most:
                self.killed.wait(SECONDS)
            try:
                ours.sendall(data)
            except OSError as error:
                raise Disconnected from error

        def run():
            with ours, contextlib.suppress(ConnectionError):
                with held_up(ours, most, self.killed) if most else contextlib.nullcontext(ours) as stdin:
                    self.status = serve(stdin, write)
                ours.shutdown(socket.SHUT_WR)
                while ours.recv(1 << 16):
                    pass

        self.thread = threading.Thread(target=run)
        self.thread.start()

    def finish(self):
        """Waits for both sides; the client's exit status and what it showed."""
        _, shown = self.client.communicate(timeout=SECONDS)
        self.join()
        return self.client.returncode, shown.decode()

    def kill(self):
        os.killpg(self.client.pid, signal.SIGKILL)
        self.client.communicate(timeout=SECONDS)
        self.killed.set()

    def join(self):
        self.thread.join(SECONDS)
        assert not self.thread.is_alive()


class Receiver:
    def __init__(self):
        self.asked = 0
        self.act = lambda updates, quarantine, progress: {}
        self.options = []

    def admit(self, options, progress):
        assert options == self.options

    def update(self, updates, quarantine, progress):
        self.asked += 1
        return dict.fromkeys((update.ref for update in updates), None) | self.act(updates, quarantine, progress)


class Place:
    """A server's repository and a client's, with one commit."""

    def __init__(self, folder):
        self.folder = folder
        self.repository = Repository.create(folder / "app.git")
        self.receiver = Receiver()
        self.limit = 1 << 30
        self.work = folder / "work"
        self.work.mkdir()
        git(self.work, "init", "-q", "-b", "main")
        for setting in ("core.compression", "pack.window"):
            git(self.work, "config", setting, "0")
        self.commit("file", b"one\n")

    def commit(self, name, content):
        (self.work / name).write_bytes(content)
        git(self.work, "add", "-A")
        git(self.work, "commit", "-q", "--allow-empty", "-m", f"change {name}")
        return git(self.work, "rev-parse", "HEAD")

    def begin_push(self, *words, folder=None, options=(), most=None):
        def serve(stdin, write):
            limits = {"max_pack_bytes": self.limit, "keepalive_seconds": 0.05}
            return serve_receive_pack(self.repository, stdin, write, self.receiver, **limits)

        return Session(serve, folder or self.work, *options, "push", "URL", *words, most=most)

    def push(self, *words, **options):
        return self.begin_push(*words, **options).finish()

    def begin_fetch(self, *words, folder=None, protocol="", most=None):
        def serve(stdin, write):
            return serve_upload_pack(self.repository, stdin, write, lambda data: None, protocol=protocol)

        return Session(serve, folder or self.folder, *words, most=most)

    def fetch(self, *words, **options):
        status, shown = self.begin_fetch(*words, **options).finish()
        assert status == 0, shown
        return shown

    def is_clean(self):
        """Nothing under way or left over from a push."""
        left = [*(self.repository.path / "quarantine").iterdir(), *self.repository.path.rglob("*.lock")]
        return not left

    def is_empty(self):
        objects = [path for path in (self.repository.path / "objects").rglob("*") if path.is_file()]
        return self.is_clean() and not objects and self.repository.refs() == {}


@pytest.fixture
def place(tmp_path):
    yield Place(tmp_path)
    assert not any(thread.name == "git-keepalive" for thread in threading.enumerate())
    assert git_processes() == []


@pytest.mark.parametrize("protocol", ["", "version=1", "version=2", "version=2:../../evil"])
def test_what_was_pushed_is_cloned_and_fetched(place, protocol):
    status, shown = place.push("main")
    assert status == 0, shown
    assert "* [new branch]      main -> main" in shown

    place.fetch("clone", "-q", "URL", "clone", protocol=protocol)
    assert (place.folder / "clone" / "file").read_bytes() == b"one\n"

    sha = place.commit("big", os.urandom(3_000_000))
    assert place.push("main")[0] == 0
    place.fetch("fetch", "-q", "URL", "main", folder=place.folder / "clone", protocol=protocol)
    assert git(place.folder / "clone", "rev-parse", "FETCH_HEAD") == sha
    git(place.repository.path, "fsck", "--strict", "--no-dangling")
    assert place.is_clean()


def test_a_clone_checks_out_the_deploy_branch(place):
    place.push("main:release", "main:other")
    place.repository.set_head("release")
    place.fetch("clone", "-q", "URL", "clone")
    assert git(place.folder / "clone", "symbolic-ref", "--short", "HEAD") == "release"


def test_an_empty_repository_is_cloned(place):
    assert "cloned an empty repository" in place.fetch("clone", "URL", "clone")


def test_a_fetch_of_a_repository_that_is_gone_fails(place):
    place.repository.delete()
    session = place.begin_fetch("clone", "URL", "clone")
    assert session.finish()[0] == 128
    assert session.status == 128


def test_the_same_push_again_has_nothing_to_do(place):
    place.push("main")
    assert place.push("main") == (0, "Everything up-to-date\n")
    assert place.receiver.asked == 1


def test_tags_are_stored_light_and_annotated(place):
    git(place.work, "tag", "light")
    git(place.work, "tag", "-a", "-m", "first", "v1")
    assert place.push("main", "--tags")[0] == 0
    assert place.repository.resolve("refs/tags/light") == git(place.work, "rev-parse", "main")
    assert place.repository.resolve("refs/tags/v1") == git(place.work, "rev-parse", "v1")
    assert place.repository.commit_info(place.repository.resolve("refs/tags/v1")).subject == "change file"


def test_a_forced_push_replaces_and_a_deleted_branch_is_gone(place):
    place.push("main", "main:old")
    git(place.work, "commit", "-q", "--amend", "-m", "again")
    assert "non-fast-forward" in place.push("main")[1]
    assert place.push("--force", "main", ":old")[0] == 0
    assert place.repository.refs() == {MAIN: git(place.work, "rev-parse", "main")}


def test_a_refusal_is_shown_and_fails_the_push_and_leaves_nothing(place):
    def act(updates, quarantine, progress):
        progress(b"-----> Building\n !     no such thing\n")
        return {MAIN: "the build failed"}

    place.receiver.act = act
    status, shown = place.push("main")
    assert status == 1
    assert "remote: -----> Building" in shown
    assert " ! [remote rejected] main -> main (the build failed)" in shown
    assert place.is_empty()

    place.receiver.act = lambda *_: {}
    assert place.push("main")[0] == 0


def test_an_atomic_push_is_refused_as_a_whole(place):
    place.receiver.act = lambda updates, quarantine, progress: {"refs/heads/x": "no"} if quarantine.atomic else {}
    status, shown = place.push("--atomic", "main", "main:x")
    assert status == 1
    assert " ! [remote rejected] main -> x (no)" in shown
    assert place.is_empty()


def test_push_options_reach_the_receiver(place):
    place.receiver.options = ["one=1", "two"]
    assert place.push("-o", "one=1", "-o", "two", "main")[0] == 0


def test_signed_pushes_are_declined_by_the_client_itself(place):
    assert "does not support --signed push" in place.push("--signed", "main")[1]
    assert place.is_empty()


def test_a_shallow_clone_is_refused_with_the_way_out(place):
    place.commit("file", b"two\n")
    git(place.folder, "clone", "-q", "--depth", "1", f"file://{place.work}", "shallow")
    status, shown = place.push("main", folder=place.folder / "shallow")
    assert status == 1
    assert f" ! [remote rejected] main -> main ({SHALLOW})" in shown
    assert place.is_empty()

    place.push("main")
    assert place.push("main:other", folder=place.folder / "shallow")[0] == 0


def test_a_push_over_the_limit_is_refused_with_the_limit(place):
    place.limit = 2 << 20
    place.commit("big", os.urandom(20 << 20))
    status, shown = place.push("main")
    assert status == 1
    assert " ! [remote rejected] main -> main (pack exceeds maximum allowed size (2.00 MiB))" in shown
    assert place.is_empty()


def test_progress_is_seen_while_the_deploy_runs_and_silence_does_no_harm(place):
    seen = threading.Event()

    def act(updates, quarantine, progress):
        progress(b"-----> Building\n")
        assert seen.wait(SECONDS)
        eventually(lambda: session.signs_of_life >= 3)
        progress(b"-----> Live\n")
        return {}

    place.receiver.act = act
    session = place.begin_push("main")
    assert session.client.stderr.readline().startswith(b"remote: -----> Building")
    seen.set()
    status, shown = session.finish()
    assert status == 0
    assert "remote: -----> Live" in shown


def test_a_client_killed_in_the_middle_of_its_pack_leaves_nothing(place):
    place.commit("big", os.urandom(8 << 20))
    session = place.begin_push("main", most=4 << 20)

    def has_begun():
        return any(path.stat().st_size > 1 << 20 for path in place.repository.path.rglob("tmp_pack_*"))

    eventually(has_begun)
    session.kill()
    session.join()
    assert place.receiver.asked == 0
    assert place.is_empty()


def test_a_client_killed_during_the_deploy_does_not_stop_it(place):
    started, killed = threading.Event(), threading.Event()

    def act(updates, quarantine, progress):
        started.set()
        assert killed.wait(SECONDS)
        progress(b"-----> Live\n" * 100_000)
        return {}

    place.receiver.act = act
    session = place.begin_push("main")
    assert started.wait(SECONDS)
    session.kill()
    killed.set()
    session.join()

    assert session.status == 1
    assert place.repository.resolve(MAIN) == git(place.work, "rev-parse", "main")
    assert place.is_clean()


def test_of_two_pushes_at_once_the_first_to_finish_counts(place):
    other = place.folder / "other"
    git(place.folder, "clone", "-q", str(place.work), "other")
    git(other, "commit", "-q", "--allow-empty", "-m", "the other")
    both_are_there = threading.Barrier(2)
    first_is_done = threading.Event()

    def act(updates, quarantine, progress):
        both_are_there.wait(SECONDS)
        if updates[0].new == git(other, "rev-parse", "HEAD"):
            assert first_is_done.wait(SECONDS)
        return {}

    place.receiver.act = act
    first, second = place.begin_push("main"), place.begin_push("main", folder=other)
    assert first.finish()[0] == 0
    first_is_done.set()
    status, shown = second.finish()
    assert status == 1
    assert f" ! [remote rejected] main -> main ({MOVED})" in shown
    assert place.repository.resolve(MAIN) == git(place.work, "rev-parse", "main")
    assert place.is_clean()


def test_a_client_killed_while_it_clones_leaves_no_process(place):
    place.commit("big", os.urandom(8 << 20))
    place.push("main")
    session = place.begin_fetch("clone", "-q", "URL", "clone", most=4 << 20)
    eventually(lambda: list((place.folder / "clone").rglob("tmp_pack_*")))
    session.kill()
    session.join()
    assert session.status in (1, 128)


SERVER = """
import json, os, resource, socket, sys
from pathlib import Path
from paas.git.repository import Repository
from paas.git.receive_pack import serve_receive_pack

class Receiver:
    def admit(self, options, progress):
        pass

    def update(self, updates, quarantine, progress):
        return {update.ref: None for update in updates}

def most_memory():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

stdin = socket.socket(fileno=int(sys.argv[2]))
before = most_memory()
status = serve_receive_pack(Repository(Path(sys.argv[1])), stdin, stdin.sendall, Receiver(), max_pack_bytes=1 << 30)
print(json.dumps([status, most_memory() - before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss]))
"""


@pytest.mark.parametrize("shape", ["one file", "many files"])
def test_a_large_push_takes_little_memory(place, shape):
    for number in range(1 if shape == "one file" else 64):
        (place.work / f"big{number}").write_bytes(os.urandom((64 << 20) // (1 if shape == "one file" else 64)))
    sha = place.commit("last", b"")

    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = [sys.executable, "-c", SERVER, str(place.repository.path), str(ours.fileno())]
        server = subprocess.Popen(command, pass_fds=[ours.fileno()], stdout=subprocess.PIPE)
        client = subprocess.Popen(
            ["git", "push", "-q", f"fd::{theirs.fileno()}", "main"],
            cwd=place.work,
            env=SURROUNDINGS,
            pass_fds=[theirs.fileno()],
        )
    status, grown, largest_child = json.loads(server.communicate(timeout=SECONDS)[0])
    assert client.wait(SECONDS) == 0
    assert status == 0
    assert place.repository.resolve(MAIN) == sha
    print(f"{shape}: the server grew by {grown} KiB, the largest git had {largest_child} KiB")
    assert grown < 20 << 10
    assert largest_child < 80 << 10
