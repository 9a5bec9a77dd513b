"""A pusher whose every word a test chooses, and what it needs: commits to push, a repository, a receiver.

The fixtures are named other than their functions, so that a test module may import these.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from paas.core.errors import Disconnected
from paas.git.receive_pack import serve_receive_pack
from paas.git.repository import Repository

MAIN = "refs/heads/main"
NONE = "0" * 40
USUAL = "report-status side-band-64k delete-refs ofs-delta agent=test/1"
SECONDS = 20
SURROUNDINGS = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull} | {
    f"GIT_{who}_{what}": "a@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
}


class Source:
    """A client's repository with three commits on main, and a tag."""

    def __init__(self, folder):
        self.folder = folder
        self.git("init", "-q", "-b", "main")
        self.commits = []
        for number in range(3):
            (folder / "file").write_text(f"{number}\n" * 100)
            (folder / f"file{number}").write_text(f"only {number}\n")
            self.git("add", "-A")
            self.git("commit", "-q", "-m", f"commit {number}")
            self.commits.append(self.git("rev-parse", "HEAD"))
        self.git("tag", "-a", "-m", "tagged", "v1")
        self.tag = self.git("rev-parse", "v1")
        self.blob = self.git("rev-parse", "HEAD:file")

    def git(self, *arguments, text=b""):
        return self.output(*arguments, text=text).decode().strip()

    def output(self, *arguments, text=b""):
        command = ["git", "-C", str(self.folder), *arguments]
        return subprocess.run(command, env=SURROUNDINGS, input=text, capture_output=True, check=True).stdout

    def pack(self, *revisions):
        options = ["--stdout", "--revs", "--thin", "--delta-base-offset", "-q"]
        return self.output("pack-objects", *options, text="".join(f"{name}\n" for name in revisions).encode())

    def pack_of(self, *shas):
        return self.output("pack-objects", "--stdout", "-q", text="".join(f"{sha}\n" for sha in shas).encode())


class Receiver:
    """Accepts everything, unless told otherwise, and keeps what it was asked."""

    def __init__(self):
        self.asked = []
        self.act = lambda updates, quarantine, progress: {}
        self.options = None

    def admit(self, options, progress):
        self.options = options

    def update(self, updates, quarantine, progress):
        self.asked.append(list(updates))
        return dict.fromkeys((update.ref for update in updates), None) | self.act(updates, quarantine, progress)


class Pusher:
    """One connection: the server's side runs in a thread, the client's is driven by hand."""

    def __init__(self, repository, receiver, **options):
        self.ours, theirs = socket.socketpair()
        self.ours.settimeout(SECONDS)
        self.status = None

        def write(data):
            try:
                theirs.sendall(data)
            except OSError as error:
                raise Disconnected from error

        def serve():
            settings = {"max_pack_bytes": 1 << 20} | options
            with theirs:
                self.status = serve_receive_pack(repository, theirs, write, receiver, **settings)
                # As a transport would: what the client still sends goes nowhere, and doesn't break its connection.
                with contextlib.suppress(ConnectionError):
                    theirs.shutdown(socket.SHUT_WR)
                    while theirs.recv(1 << 16):
                        pass

        self.thread = threading.Thread(target=serve)
        self.thread.start()

    def packet(self):
        """The next packet's content; None for a flush packet, "" at the end."""
        size = self.read(4)
        if size in (b"", b"0000"):
            return None if size else ""
        return self.read(int(size, 16) - 4)

    def read(self, size):
        data = b""
        while len(data) < size and (piece := self.ours.recv(size - len(data))):
            data += piece
        return data

    def advertised(self):
        lines = list(iter(self.packet, None))
        first, _, capabilities = lines[0].partition(b"\0")
        return [line.rstrip().decode() for line in [first, *lines[1:]]], capabilities.decode().split()

    def send(self, *lines, pack=b"", capabilities=USUAL):
        for number, line in enumerate(lines):
            text = line.encode(errors="surrogateescape") + (f"\0{capabilities}".encode() if number == 0 else b"")
            self.ours.sendall(b"%04x" % (len(text) + 4) + text)
        self.ours.sendall(b"0000" + pack)

    def outcome(self):
        """All that comes until the end: the text for the terminal, and the lines of the report."""
        shown, report = b"", b""
        for packet in iter(self.packet, None):
            if packet == "":
                return shown, None
            assert len(packet) <= 65516
            if packet[:1] == b"\2":
                shown += packet[1:]
            else:
                report += packet[1:]
        return shown, plain_report(report)

    def finish(self):
        self.ours.close()
        self.thread.join(SECONDS)
        assert not self.thread.is_alive()
        return self.status


def plain_report(report):
    lines = []
    while report and report[:4] != b"0000":
        size = int(report[:4], 16)
        lines.append(report[4:size].rstrip(b"\n").decode(errors="surrogateescape"))
        report = report[size:]
    return lines


@pytest.fixture(name="source", scope="session")
def source_fixture(tmp_path_factory):
    return Source(tmp_path_factory.mktemp("source"))


@pytest.fixture(name="empty", scope="session")
def empty_fixture(tmp_path_factory):
    return Repository.create(tmp_path_factory.mktemp("empty") / "app.git")


@pytest.fixture(name="repository")
def repository_fixture(empty, tmp_path):
    return Repository(shutil.copytree(empty.path, tmp_path / "app.git"))


@pytest.fixture(name="receiver")
def receiver_fixture():
    return Receiver()


@pytest.fixture(name="connect")
def connect_fixture(repository, receiver):
    """Opens connections, and sees to it that none leaves a thread, a process or a quarantine behind."""
    opened = []

    def connect(**options):
        opened.append(Pusher(repository, receiver, **options))
        return opened[-1]

    yield connect

    for pusher in opened:
        pusher.finish()
    assert not any(thread.name == "git-keepalive" for thread in threading.enumerate())
    assert list((repository.path / "quarantine").iterdir()) == []
    assert git_processes() == []


def git_processes():
    """The git processes that this one has started and that are still there, ended or not."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, _, facts = entry.read_text().rpartition(")")
            if name.endswith("(git") and int(facts.split()[1]) == os.getpid():
                found.append(name)
    return found


def is_empty(repository):
    objects = [path for path in (repository.path / "objects").rglob("*") if path.is_file()]
    locks = list(repository.path.rglob("*.lock"))
    return not objects and not locks and repository.refs() == {}


def push(connect, *lines, pack=b"", capabilities=USUAL, **options):
    pusher = connect(**options)
    pusher.advertised()
    pusher.send(*lines, pack=pack, capabilities=capabilities)
    return pusher.outcome()


def create(ref, new):
    return f"{NONE} {new} {ref}"
