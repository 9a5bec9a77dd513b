"""Fetching with the real git from a folder: what git is told, what it may use, and when it is stopped."""

import os
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from paas.core import giturl
from paas.core.errors import Cancelled
from paas.core.reach import Login, Means
from paas.core.secret import Secret
from paas.drivers import git_fetch, git_process
from paas.drivers.git import Repository
from paas.drivers.git_fetch import FetchFailed
from paas.drivers.quarantine import Quarantine

pytestmark = pytest.mark.real("git")

HTTPS = giturl.repository("https://git.example.org:8443/x.git")
SSH = giturl.repository("git@git.example.org:x.git")


@pytest.fixture
def repository(tmp_path):
    return Repository.create(tmp_path / "app.git")


def content(option):
    path = option.rpartition("=")[2]
    with open(path, encoding="utf-8") as file:  # noqa: PTH123
        return file.read(), stat.S_IMODE(os.stat(path).st_mode)  # noqa: PTH116


def test_credentials_are_in_a_file_for_their_host_and_in_no_word_of_the_command(tmp_path):
    means = Means(login=Login("bot", Secret("p@ss/word")))
    with git_fetch._surroundings(HTTPS, means, tmp_path) as (options, environment):
        helper = next(word for word in options if word.startswith("credential.helper=store"))
        assert Path(helper.rpartition("=")[2]).is_relative_to(tmp_path)
        text, mode = content(helper)
        assert (text, mode) == ("https://bot:p%40ss%2Fword@git.example.org:8443\n", 0o600)
        assert "p@ss" not in " ".join([*options, *environment.values()])
        assert environment["GIT_ALLOW_PROTOCOL"] == "https:ssh:git"
    assert not os.path.exists(helper.rpartition("=")[2])  # noqa: PTH110


def test_for_ssh_the_key_and_the_known_hosts_are_files_and_nothing_of_the_machine_counts(tmp_path):
    means = Means(key=Secret("KEY\n"), known_hosts=("git.example.org ssh-ed25519 AAAA",), login=Login("x", Secret("y")))
    with git_fetch._surroundings(SSH, means, tmp_path) as (options, environment):
        words = environment["GIT_SSH_COMMAND"].split()
        assert words[:3] == ["ssh", "-F", "/dev/null"]
        assert content(words[words.index("-i") + 1]) == ("KEY\n", 0o600)
        hosts = next(word for word in words if word.startswith("UserKnownHostsFile="))
        assert content(hosts)[0] == "git.example.org ssh-ed25519 AAAA\n"
        assert {"StrictHostKeyChecking=yes", "BatchMode=yes", "GlobalKnownHostsFile=/dev/null"} <= set(words)
        assert not any("store" in word for word in options)


def test_extra_authorities_come_beside_those_of_the_system(tmp_path):
    extra = tmp_path / "extra.pem"
    extra.write_text("EXTRA\n")
    with git_fetch._surroundings(HTTPS, Means(ca_file=str(extra)), tmp_path) as (_, environment):
        assert content(environment["GIT_SSL_CAINFO"])[0].endswith("EXTRA\n")


@pytest.mark.parametrize(
    ("listing", "ref", "found"),
    [
        ("aa\tHEAD\nref: refs/heads/trunk\tHEAD", "", ("HEAD", "trunk")),
        ("aa\tHEAD", "", ("HEAD", "")),
        ("aa\trefs/heads/v1\nbb\trefs/tags/v1", "v1", ("refs/heads/v1", "v1")),
        ("bb\trefs/tags/v1", "v1", ("refs/tags/v1", "")),
    ],
)
def test_what_is_asked_for(listing, ref, found):
    assert git_fetch._choose(listing, ref, HTTPS) == found


@pytest.mark.parametrize("ref", ["", "v1"])
def test_a_ref_that_the_server_does_not_have(ref):
    with pytest.raises(FetchFailed) as caught:
        git_fetch._choose("", ref, HTTPS)
    assert caught.value.code == "no-such-ref"


@pytest.mark.parametrize(
    ("means", "cancel", "code"),
    [
        (Means(timeout=0), False, "fetch-timeout"),
        (Means(limit=10), False, "fetch-too-large"),
        (Means(), True, "cancelled"),
    ],
)
def test_a_fetch_that_takes_too_long_or_brings_too_much_is_stopped(repository, means, cancel, code):
    cancelled = threading.Event()
    if cancel:
        cancelled.set()
    with Quarantine(repository) as quarantine:
        (quarantine.objects / "pack" / "tmp_pack").write_bytes(bytes(100))
        # One that waits for input that never comes.
        process = git_process.start(
            repository.path, ["cat-file", "--batch"], extra=quarantine.environment(), stdin=subprocess.PIPE
        )
        deadline = git_fetch.time.monotonic() + means.timeout
        git = git_fetch._Git(quarantine, [], {}, HTTPS, means, deadline, cancelled)
        with git_process.ending(process), pytest.raises((FetchFailed, Cancelled)) as caught:
            git._watch(process)
        assert caught.value.code == code
        assert process.poll() is not None


def test_a_file_is_not_fetched_whatever_the_address_says(repository, tmp_path):
    source = Repository.create(tmp_path / "other.git")
    remote = giturl.Remote("https", "h", 0, f"file://{source.path}")
    with Quarantine(repository) as quarantine, pytest.raises(FetchFailed) as caught:
        git_fetch.fetch(quarantine, remote, "", Means(), threading.Event(), tmp_path)
    assert "'file' not allowed" in caught.value.why
