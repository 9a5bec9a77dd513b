"""``registry:*``: credentials, and pushing releases."""

import pytest

from fakes import DEPLOYER
from paas.core.access.remote_credentials import Login
from paas.core.secret import Secret

SERVER = "registry.example.org:5000"


def current(server):
    return server.ctx.store.releases.current(server.app())


@pytest.mark.real("git")
def test_each_release_is_pushed_before_it_starts(hello):
    hello.run(f"registry:set hello server {SERVER}")
    hello.run("registry:set hello image-repo team/hello")
    hello.run("registry:set hello push-extra-tags latest,stable")
    hello.run("registry:set hello push-on-release true")
    result = hello.push("hello", {"file": "2"})
    assert result.status == 0
    assert f"-----> Pushing {SERVER}/team/hello:2" in result.err
    image = current(hello).image
    assert hello.scheduler.pushed == {f"{SERVER}/team/hello:{tag}": image for tag in ("2", "latest", "stable")}
    hello.run("config:set hello A=1")
    assert f"{SERVER}/team/hello:3" in hello.scheduler.pushed


def test_docker_hub_and_the_app_s_name_are_the_defaults(hello):
    hello.run("registry:set hello push-on-release true")
    assert hello.run("ps:rebuild hello").status == 0
    assert list(hello.scheduler.pushed) == ["paas/hello:2"]
    assert hello.run("registry:report hello --registry-image").out == "paas/hello:2\n"


def test_a_push_that_fails_leaves_the_old_release(hello):
    hello.scheduler.wants["docker.io"] = Login("bot", Secret("token"))
    hello.run("registry:set hello push-on-release true")
    result = hello.run("ps:rebuild hello")
    assert result.status == 1
    assert result.err.endswith(
        " !     v2 could not be pushed as paas/hello:2\n"
        " !     unauthorized\n"
        " !     Check 'registry:report hello'. Credentials: 'registry:login hello docker.io USER'. [push-failed]\n"
    )
    assert current(hello).version == 1
    assert hello.scheduler.labels() == ["web.1"]


def test_credentials_are_checked_kept_sealed_and_used(hello):
    hello.scheduler.wants["ghcr.io"] = Login("bot", Secret("t0ken"))
    refused = hello.run("registry:login hello ghcr.io bot --password-stdin", stdin="wrong\n")
    assert "[login-refused]" in refused.err
    assert hello.run("registry:report hello --registry-logins").out == "\n"

    kept = hello.run("registry:login hello --password-stdin https://ghcr.io/ bot", stdin="t0ken\n", caller=DEPLOYER)
    assert kept == (0, "", "-----> Saved the credentials of bot for ghcr.io\n")
    assert hello.run("registry:report hello --registry-logins").out == "ghcr.io (bot)\n"
    assert b"t0ken" not in b"".join(path.read_bytes() for path in hello.root.glob("paas.db*"))
    assert hello.run("ps:rebuild hello").status == 0
    assert hello.builder.sources[-1].logins == {"ghcr.io": Login("bot", Secret("t0ken"))}

    hello.run("apps:create other")
    assert hello.run("registry:report other --registry-logins").out == "\n"
    assert hello.run("registry:logout hello ghcr.io").status == 0
    assert hello.run("registry:logout hello ghcr.io").status == 1


def test_an_app_s_own_credentials_go_before_those_for_all(hello):
    assert hello.run("registry:login --global ghcr.io all one").status == 0
    assert hello.run("registry:login hello ghcr.io own two").status == 0
    assert hello.run("registry:report hello --registry-logins").out == "ghcr.io (own)\n"
    assert hello.run("registry:logout hello ghcr.io").status == 0
    assert hello.run("registry:report hello --registry-logins").out == "ghcr.io (all)\n"


def test_credentials_for_all_need_admin(hello):
    assert "[forbidden]" in hello.run("registry:login --global ghcr.io u p", caller=DEPLOYER).err
    assert "[forbidden]" in hello.run("registry:logout --global ghcr.io", caller=DEPLOYER).err


def test_a_password_is_given_once(hello):
    assert hello.run("registry:login hello ghcr.io u p --password-stdin", stdin="p").status == 2
    assert "[no-password]" in hello.run("registry:login hello ghcr.io u --password-stdin").err


@pytest.mark.parametrize("line", ["server x/y", "image-repo Team/App", "push-extra-tags a,b/c", "image-repo ../x"])
def test_what_no_registry_takes_is_refused_when_it_is_set(hello, line):
    assert "[invalid-value]" in hello.run(f"registry:set hello {line}").err


def test_without_an_app_credentials_are_for_all(hello):
    kept = hello.run("registry:login ghcr.io bot t0ken")
    assert kept == (0, "", "-----> Saved the credentials of bot for ghcr.io\n")
    assert "[forbidden]" in hello.run("registry:login ghcr.io bot t0ken", caller=DEPLOYER).err
    assert hello.run("registry:report hello --registry-logins").out == "ghcr.io (bot)\n"
    assert "nobody" in hello.run("registry:login nobody ghcr.io bot t0ken").err
    hello.run("apps:create ghcr.io")
    assert "is missing" in hello.run("registry:logout ghcr.io").err
    assert hello.run("registry:logout --global ghcr.io").status == 0
