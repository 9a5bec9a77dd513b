"""Fetching with the real git from a folder: what git is told, what it may use, and when it is stopped."""

import os
import socket
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from paas.core import egress
from paas.core.access.remote_credentials import Login, RemoteCredentials
from paas.core.egress import Egress, EgressRefused
from paas.core.errors import Cancelled
from paas.core.git import url as giturl
from paas.core.secret import Secret
from paas.git import addresses, fetch
from paas.git import process as git_process
from paas.git.addresses import FetchFailed, Way
from paas.git.quarantine import Quarantine
from paas.git.repository import Repository

pytestmark = pytest.mark.real("git")

LOCAL = Egress(egress.networks("127.0.0.0/8"))
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
    means = RemoteCredentials(login=Login("bot", Secret("p@ss/word")))
    with fetch._surroundings(HTTPS, means, tmp_path, Way(HTTPS.url)) as (options, environment):
        helper = next(word for word in options if word.startswith("credential.helper=store"))
        assert Path(helper.rpartition("=")[2]).is_relative_to(tmp_path)
        text, mode = content(helper)
        assert (text, mode) == ("https://bot:p%40ss%2Fword@git.example.org:8443\n", 0o600)
        assert "p@ss" not in " ".join([*options, *environment.values()])
        assert environment["GIT_ALLOW_PROTOCOL"] == "https:ssh:git"
    assert not os.path.exists(helper.rpartition("=")[2])  # noqa: PTH110


def test_for_ssh_the_key_and_the_known_hosts_are_files_and_nothing_of_the_machine_counts(tmp_path):
    means = RemoteCredentials(
        key=Secret("KEY\n"), known_hosts=("git.example.org ssh-ed25519 AAAA",), login=Login("x", Secret("y"))
    )
    way = Way(SSH.url, ssh=("HostName=1.1.1.1",))
    with fetch._surroundings(SSH, means, tmp_path, way) as (options, environment):
        words = environment["GIT_SSH_COMMAND"].split()
        assert words[:3] == ["ssh", "-F", "/dev/null"]
        assert content(words[words.index("-i") + 1]) == ("KEY\n", 0o600)
        hosts = next(word for word in words if word.startswith("UserKnownHostsFile="))
        assert content(hosts)[0] == "git.example.org ssh-ed25519 AAAA\n"
        assert {"StrictHostKeyChecking=yes", "BatchMode=yes", "GlobalKnownHostsFile=/dev/null"} <= set(words)
        assert "HostName=1.1.1.1" in words
        assert not any("store" in word for word in options)


def test_extra_authorities_come_beside_those_of_the_system(tmp_path):
    extra = tmp_path / "extra.pem"
    extra.write_text("EXTRA\n")
    with fetch._surroundings(HTTPS, RemoteCredentials(ca_file=str(extra)), tmp_path, Way(HTTPS.url)) as (
        _,
        environment,
    ):
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
    assert fetch._choose(listing, ref, HTTPS) == found


@pytest.mark.parametrize("ref", ["", "v1"])
def test_a_ref_that_the_server_does_not_have(ref):
    with pytest.raises(FetchFailed) as caught:
        fetch._choose("", ref, HTTPS)
    assert caught.value.code == "no-such-ref"


@pytest.mark.parametrize(
    ("means", "cancel", "code"),
    [
        (RemoteCredentials(timeout=0), False, "fetch-timeout"),
        (RemoteCredentials(limit=10), False, "fetch-too-large"),
        (RemoteCredentials(), True, "cancelled"),
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
        deadline = fetch.time.monotonic() + means.timeout
        git = fetch._Git(quarantine, [], {}, HTTPS, means, deadline, cancelled, HTTPS.url)
        with git_process.ending(process), pytest.raises((FetchFailed, Cancelled)) as caught:
            git._watch(process)
        assert caught.value.code == code
        assert process.poll() is not None


def test_a_file_is_not_fetched_whatever_the_address_says(repository, tmp_path):
    source = Repository.create(tmp_path / "other.git")
    remote = giturl.Remote("https", "127.0.0.1", 0, f"file://{source.path}")
    with Quarantine(repository) as quarantine, pytest.raises(FetchFailed) as caught:
        fetch.fetch(quarantine, remote, "", RemoteCredentials(egress=LOCAL), threading.Event(), tmp_path)
    assert "'file' not allowed" in caught.value.why


@pytest.fixture
def names(monkeypatch):
    """What names resolve to, instead of asking DNS; each answer is given once."""
    answers = {}

    def found(host, port, **options):
        assert host in answers, f"{host} was resolved once more"
        rows = answers.pop(host)
        if not rows:
            raise socket.gaierror("unknown")
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in rows
        ]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    return answers


def test_over_https_git_is_told_the_addresses_that_were_checked(names):
    names["git.example.org"] = ["1.1.1.1", "127.0.0.1", "2606:4700::1"]
    way = addresses.checked(HTTPS, RemoteCredentials())
    assert way == Way(HTTPS.url, {"http.curloptResolve": "git.example.org:8443:1.1.1.1,[2606:4700::1]"})
    with fetch._surroundings(HTTPS, RemoteCredentials(), Path("/tmp"), way) as (options, _):
        assert "http.curloptResolve=git.example.org:8443:1.1.1.1,[2606:4700::1]" in options
        assert "http.followRedirects=false" in options


@pytest.mark.parametrize("url", [HTTPS.url, "ssh://git@git.example.org/x.git", "git://git.example.org/x.git"])
@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_a_name_that_leads_into_the_servers_own_network_is_refused(names, url, address):
    names["git.example.org"] = [address]
    with pytest.raises(EgressRefused, match=r"does not connect to git\.example\.org"):
        addresses.checked(giturl.repository(url), RemoteCredentials())


def test_a_name_that_does_not_resolve_is_left_to_a_proxy_and_to_nobody_else(names):
    names["git.example.org"] = []
    with pytest.raises(FetchFailed) as caught:
        addresses.checked(HTTPS, RemoteCredentials())
    assert caught.value.why == "Its name does not resolve."
    names["git.example.org"] = []
    proxies = {"https_proxy": "http://proxy:3128"}
    assert addresses.checked(HTTPS, RemoteCredentials(proxies=proxies)) == Way(HTTPS.url)
    names["git.example.org"] = ["10.0.0.1"]
    with pytest.raises(EgressRefused):
        addresses.checked(HTTPS, RemoteCredentials(proxies=proxies))


def test_over_ssh_and_git_it_is_the_address_that_answers_and_the_name_stays_what_it_is_known_by(names):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        names["git.example.org"] = ["127.0.0.2", "127.0.0.1"]
        way = addresses.checked(
            giturl.repository(f"ssh://git@git.example.org:{port}/x.git"), RemoteCredentials(egress=LOCAL)
        )
        assert way.ssh == ("HostName=127.0.0.1", f"HostKeyAlias=[git.example.org]:{port}")
        names["git.example.org"] = ["127.0.0.1"]
        way = addresses.checked(
            giturl.repository(f"git://git.example.org:{port}/x.git"), RemoteCredentials(egress=LOCAL)
        )
        assert way.url == f"git://127.0.0.1:{port}/x.git"
        assert way.environment == {"GIT_OVERRIDE_VIRTUAL_HOST": f"git.example.org:{port}"}
