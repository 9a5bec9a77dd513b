"""``git:sync`` and how the server gets into other git servers."""

import json

import pytest

from fakes import DEPLOYER, VIEWER
from paas.core.access.remote_credentials import Login
from paas.core.secret import Secret
from paas.git.repository import repository_of

pytestmark = pytest.mark.real("git")

URL = "https://git.example.org/team/hello.git"
SSH = "ssh://git@git.example.org/team/hello.git"
ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB5d4ZqxHP7tDqsyXOcH1mZTbdEuQjP4kPBxKYbVRqcR"


@pytest.fixture
def remote(hello):
    """A git server with the repository that hello was pushed from."""
    hello.remotes.repositories[URL] = hello.remotes.repositories[SSH] = hello.source("hello")
    return hello


def current(server):
    return server.ctx.store.releases.current(server.app())


def deployed(server):
    return current(server).commit


def test_without_build_what_was_fetched_is_only_stored(remote):
    before = deployed(remote)
    commit = remote.commit("hello", {"file": "2"})
    result = remote.run(f"git:sync hello {URL}")
    assert result == (
        0,
        "",
        f"-----> Fetching main from {URL}\n"
        "-----> Fetched in 0 ms\n"
        f"-----> main is now {commit[:10]}. It is not deployed ('ps:rebuild hello' does that)\n",
    )
    assert deployed(remote) == before
    assert json.loads(remote.run("git:status hello --format json").out)["up_to_date"] is False
    assert remote.run("ps:rebuild hello").status == 0
    assert deployed(remote) == commit
    assert remote.run("apps:report hello --apps-deploy-source-metadata").out == f"{URL}#main\n"


def test_with_build_it_is_deployed_each_time(remote):
    commit = remote.commit("hello", {"file": "2"})
    result = remote.run(f"git:sync --build hello {URL}", caller=DEPLOYER)
    assert result.status == 0, result.err
    assert "-----> Released v2: http://hello.localhost:8080\n" in result.err
    assert (deployed(remote), current(remote).actor, current(remote).cause) == (commit, "alice", f"git:sync {URL}")
    assert remote.run("apps:report hello --apps-deploy-source").out == "git-sync\n"
    assert remote.run(f"git:sync --build hello {URL}").status == 0
    assert current(remote).version == 3


def test_build_if_changes_deploys_each_commit_once(remote):
    commit = remote.commit("hello", {"file": "2"})
    assert remote.run(f"git:sync --build-if-changes hello {URL}").status == 0
    assert current(remote).version == 2
    again = remote.run(f"git:sync --build-if-changes hello {URL}")
    assert again.err.endswith(f"-----> No changes: {commit[:10]} has been deployed\n")
    # A rollback is not undone by the next run of a timer.
    assert remote.run("releases:rollback hello").status == 0
    assert remote.run(f"git:sync --build-if-changes hello {URL}").status == 0
    assert current(remote).version == 3


def test_what_was_stored_only_counts_as_a_change(remote):
    remote.commit("hello", {"file": "2"})
    assert remote.run(f"git:sync hello {URL}").status == 0
    assert remote.run(f"git:sync --build-if-changes hello {URL}").status == 0
    assert current(remote).version == 2


def test_a_branch_becomes_the_deploy_branch_unless_that_is_to_stay(remote):
    topic = remote.commit("hello", {"file": "2"}, branch="topic")
    assert remote.run(f"git:sync --build --skip-deploy-branch hello {URL} topic").status == 0
    assert remote.run("git:report hello --git-deploy-branch").out == "main\n"
    assert repository_of(remote.ctx, remote.app()).resolve("refs/heads/main") == topic == deployed(remote)

    topic = remote.commit("hello", {"file": "3"}, branch="topic")
    assert remote.run(f"git:sync --build hello {URL} topic").status == 0
    assert remote.run("git:report hello --git-deploy-branch").out == "topic\n"
    assert repository_of(remote.ctx, remote.app()).resolve("HEAD") == topic == deployed(remote)


def test_a_commit_is_deployed_on_the_deploy_branch_even_an_older_one(remote):
    old = deployed(remote)
    remote.commit("hello", {"file": "2"})
    assert remote.run(f"git:sync --build hello {URL}").status == 0
    assert remote.run(f"git:sync --build hello {URL} {old}").status == 0
    assert deployed(remote) == old == repository_of(remote.ctx, remote.app()).resolve("refs/heads/main")
    assert remote.run("git:report hello --git-deploy-branch").out == "main\n"


def test_into_an_empty_app_the_main_branch_of_the_server_comes(server):
    server.commit("elsewhere", branch="main")
    server.remotes.repositories[URL] = server.source("elsewhere")
    server.run("apps:create fresh")
    assert server.run(f"git:sync --build fresh {URL}").status == 0
    assert server.run("git:report fresh --git-deploy-branch").out == "main\n"


def test_a_build_that_fails_leaves_branch_and_release(remote):
    before = deployed(remote)
    remote.commit("hello", {"Dockerfile": "FROM scratch\nRUN false\n"})
    result = remote.run(f"git:sync --build hello {URL}")
    assert result.status == 1
    assert "[build-failed]" in result.err
    assert repository_of(remote.ctx, remote.app()).resolve("refs/heads/main") == before == deployed(remote)
    assert list((remote.ctx.paths.repository(remote.app()) / "quarantine").iterdir()) == []
    assert remote.proxy.vhost("hello").live


def test_words_that_do_not_go_together_or_lead_elsewhere(remote):
    assert remote.run(f"git:sync --build --build-if-changes hello {URL}").status == 2
    assert "[invalid-url]" in remote.run("git:sync hello file:///etc").err
    assert "[invalid-url]" in remote.run(["git:sync", "hello", "--", "--upload-pack=x"]).err
    assert "[invalid-ref]" in remote.run(["git:sync", "hello", URL, "--", "--upload-pack=x"]).err
    assert remote.run("git:sync hello https://other.example.org/x").err.endswith(
        " !     https://other.example.org/x could not be fetched\n !     it is not there [fetch-failed]\n"
    )
    assert remote.run(f"git:sync hello {URL}", caller=VIEWER).status == 1


def test_credentials_are_kept_sealed_and_given_to_their_host_alone(remote):
    remote.remotes.wants["git.example.org"] = Login("bot", Secret("s3cret"))
    assert "Authentication failed" in remote.run(f"git:sync hello {URL}").err
    assert remote.run("git:auth git.example.org bot", stdin="s3cret\n") == (
        0,
        "",
        "-----> Saved the credentials of bot for git.example.org\n",
    )
    assert remote.run(f"git:sync hello {URL}").status == 0
    assert remote.run("git:auth-status git.example.org --format json").out.count("bot") == 1
    assert "s3cret" not in remote.run("git:auth-status --format json").out
    assert b"s3cret" not in b"".join(path.read_bytes() for path in remote.root.glob("paas.db*"))

    remote.remotes.repositories["https://other.example.org/x"] = remote.source("hello")
    assert remote.run("git:sync hello https://other.example.org/x").status == 0
    assert remote.remotes.asked[-1].means.login is None

    assert remote.run("git:auth git.example.org").status == 0
    assert remote.run("git:auth git.example.org").status == 1
    assert remote.run("git:auth-status git.example.org").status == 1
    assert "Authentication failed" in remote.run(f"git:sync hello {URL}").err


@pytest.mark.parametrize("text", ["", "\n", "a\nb\n", "a\x00b"])
def test_a_password_that_is_none_is_refused(server, text):
    assert "[no-password]" in server.run("git:auth git.example.org bot", stdin=text).err
    assert server.run("git:auth-status --format json").out == "[]\n"


def test_an_ssh_server_has_to_be_known_and_there_has_to_be_a_key(remote):
    assert remote.run(f"git:sync hello {SSH}").err == (
        " !     the ssh server git.example.org is unknown\n"
        " !     Its host key must be recorded first, so that no other server can impersonate it.\n"
        " !     As an administrator, allow it: 'git:allow-host git.example.org'. [unknown-host]\n"
    )
    assert "[host-silent]" in remote.run("git:allow-host git.example.org").err
    remote.remotes.keys["git.example.org"] = [f"git.example.org {ED25519}"]
    allowed = remote.run("git:allow-host git.example.org")
    assert allowed.status == 0
    assert "       ssh-ed25519 SHA256:" in allowed.err

    assert "[no-deploy-key]" in remote.run(f"git:sync hello {SSH}").err
    assert "[no-deploy-key]" in remote.run("git:public-key").err
    assert remote.run("git:generate-deploy-key").status == 0
    public = remote.run("git:public-key", caller=DEPLOYER).out
    assert public.startswith("ssh-ed25519 ")
    again = remote.run("git:generate-deploy-key")
    assert again == (0, "", " !     A deploy key already exists; it is unchanged.\n")
    assert remote.run("git:public-key").out == public

    assert remote.run("git:sync hello git@git.example.org:team/hello.git").status == 0
    means = remote.remotes.asked[-1].means
    assert means.key.reveal().startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert means.known_hosts == (f"git.example.org {ED25519}",)
    assert means.login is None
    assert b"PRIVATE KEY" not in b"".join(path.read_bytes() for path in remote.root.glob("paas.db*"))


@pytest.mark.parametrize(
    "line",
    ["git:auth h u p", "git:auth-status", "git:allow-host h", "git:generate-deploy-key"],
)
def test_what_is_for_the_whole_server_needs_admin(server, line):
    assert "[forbidden]" in server.run(line, caller=DEPLOYER).err
