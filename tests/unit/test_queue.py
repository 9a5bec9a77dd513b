"""Several changes at once: who waits, who is told, who goes away."""

import pytest

from fakes import DEPLOYER, Behaviour, eventually
from paas.core.edge.address import local
from paas.core.model import DeploymentStatus
from paas.git.repository import repository_of

WAITING = "-----> hello: another deployment is running ({}); waiting for it\n"


def last(server, app="hello"):
    return server.ctx.store.deployments.last(server.app(app))


@pytest.mark.real("git")
def test_a_second_change_waits_and_is_told(hello):
    hello.commit("hello", {"file": "2"})
    with hello.gates.hold("build") as gate:
        first = hello.begin_push("hello", caller=DEPLOYER)
        gate.wait_until_reached()
        second = hello.begin("config:set hello A=1")
        third = hello.begin("ps:scale hello worker=1")
        told = WAITING.format("git push by alice")
        eventually(lambda: second.err == told and third.err == told)
        assert last(hello).status is DeploymentStatus.QUEUED
        assert not second.over()
    assert first.wait().status == 0
    assert second.wait().status == 0
    assert third.wait().status == 0
    hello.quiet()
    releases = [row.split()[4] for row in hello.run("releases hello").out.splitlines()]
    assert releases == ["config:set", "git", "git"]
    assert hello.scheduler.labels() == ["web.1", "worker.1"]
    assert hello.scheduler.running("worker.1").environment["A"] == "1"


def test_changes_of_other_apps_and_looking_wait_for_nobody(hello):
    hello.run("apps:create other")
    with hello.gates.hold("start") as gate:
        session = hello.begin("ps:restart hello")
        gate.wait_until_reached()
        for line in ("apps:list", "ps hello", "logs hello", "releases hello", "config:set other A=1", "apps:create x"):
            assert hello.run(line).status == 0
    assert session.wait().status == 0


@pytest.mark.real("git")
def test_a_second_push_of_another_commit_deploys_after_the_first(hello):
    hello.commit("hello", {"file": "2"})
    with hello.gates.hold("build") as gate:
        first = hello.begin_push("hello")
        gate.wait_until_reached()
        hello.commit("hello", {"file": "3"})
        second = hello.begin_push("hello")
        eventually(lambda: "; waiting for it" in second.err)
    assert first.wait().status == 0
    # It goes on from where the first has moved the branch.
    assert second.wait().status == 0
    hello.quiet()
    assert hello.run("releases hello").out.startswith("v3 ")


@pytest.mark.real("git")
def test_a_second_push_that_does_not_go_on_from_the_first_is_refused(hello):
    hello.commit("hello", {"file": "2"})
    with hello.gates.hold("build") as gate:
        first = hello.begin_push("hello")
        gate.wait_until_reached()
        hello.commit("hello", {"file": "3"}, branch="other")
        second = hello.begin_push("hello", "+other:main")
        eventually(lambda: "; waiting for it" in second.err)
    assert first.wait().status == 0
    result = second.wait()
    assert result.status == 1
    assert "another push changed it meanwhile: fetch and try again" in result.err
    assert hello.app().version == 2


@pytest.mark.real("git")
def test_builds_of_all_apps_share_the_slots(hello):
    hello.run("settings:set build-concurrency 1")
    hello.commit("other")
    with hello.gates.hold("build") as gate:
        first = hello.begin("ps:rebuild hello")
        gate.wait_until_reached()
        second = hello.begin_push("other")
        eventually(lambda: "-----> Waiting for a build slot (1 ahead)" in second.err)
    assert (first.wait().status, second.wait().status) == (0, 0)


@pytest.mark.real("git")
def test_a_client_that_goes_away_does_not_stop_a_push(hello):
    sha = hello.commit("hello", {"file": "2"})
    with hello.gates.hold("build") as gate:
        push = hello.begin_push("hello")
        gate.wait_until_reached()
        push.kill()
    push.wait()
    hello.quiet()
    assert hello.ctx.store.releases.current(hello.app()).commit == sha
    assert repository_of(hello.ctx, hello.app()).resolve("refs/heads/main") == sha


def test_a_client_that_goes_away_does_not_stop_a_command(hello):
    with hello.gates.hold("inspect") as gate:
        session = hello.begin("config:set hello A=1", stdin=None)
        gate.wait_until_reached()
        session.hang_up()
        assert session.wait().status == 130
    hello.quiet()
    assert hello.config() == {"A": "1"}
    assert last(hello).status is DeploymentStatus.SUCCEEDED


@pytest.mark.real("git")
def test_what_waits_for_an_app_that_is_destroyed_is_told(hello):
    hello.commit("hello", {"file": "2"})
    with hello.gates.hold("start") as gate:
        first = hello.begin("ps:restart hello")
        gate.wait_until_reached()
        destroy = hello.begin("apps:destroy hello --force")
        eventually(lambda: destroy.err)
        waiting = [hello.begin("config:set hello A=1"), hello.begin("ps:scale hello web=2"), hello.begin_push("hello")]
        eventually(lambda: all("waiting" in session.err for session in waiting))
    assert first.wait().status == 0
    assert destroy.wait().status == 0
    config, scale, push = [session.wait() for session in waiting]
    gone = " !     the app was destroyed in the meantime [no-such-app]\n"
    assert (config.status, config.err.splitlines(keepends=True)[-1]) == (20, gone)
    assert (scale.status, scale.err.splitlines(keepends=True)[-1]) == (20, gone)
    assert push.status == 1
    assert "the app was destroyed in the meantime [no-such-app]" in push.err
    hello.quiet()
    assert hello.scheduler.here == {}
    assert not list((hello.root / "apps").iterdir())


def test_what_waits_for_an_app_that_is_renamed_goes_on_with_the_new_name(hello):
    with hello.gates.hold("start") as gate:
        rename = hello.begin("apps:rename hello hallo")
        gate.wait_until_reached()
        scale = hello.begin(["ps:scale", "hallo", "web=2"])
        eventually(lambda: scale.err)
    assert (rename.wait().status, scale.wait().status) == (0, 0)
    hello.quiet()
    assert hello.proxy.vhost("hallo").hosts == ("hallo.localhost",)
    assert {one.container.name.split(".")[0] for one in hello.scheduler.here.values()} == {"hallo"}


@pytest.mark.parametrize("place", ["build", "start", "inspect", "publish"])
def test_a_change_that_is_cancelled_leaves_everything_as_it_was(hello, place):
    ids, served = hello.scheduler.ids(), dict(hello.proxy.served)
    hello.scheduler.tell("web", Behaviour(looks=1))
    with hello.gates.hold(place) as gate:
        session = hello.begin("ps:rebuild hello")
        gate.wait_until_reached()
        # As at the end of the daemon: everything under way is asked to end.
        hello.ctx.jobs.stop(0)
    result = session.wait()
    hello.quiet()
    assert result.status == 1
    assert "[cancelled]\n" in result.err
    assert last(hello).status is DeploymentStatus.CANCELLED
    assert hello.scheduler.ids() == ids
    assert hello.proxy.served == served


def test_a_change_that_waits_can_be_cancelled(hello):
    with hello.gates.hold("build") as gate:
        first = hello.begin("ps:rebuild hello")
        gate.wait_until_reached()
        second = hello.begin("config:set hello A=1")
        eventually(lambda: second.err)
        hello.ctx.jobs.stop(0)
        assert second.wait().err.endswith("[cancelled]\n")
    assert first.wait().status == 1
    assert hello.config() == {}


def test_once_it_is_recorded_a_change_can_not_be_cancelled_any_more(hello, monkeypatch):
    real = hello.ctx.store.releases.make_current

    def record_and_cancel(app, release):
        real(app, release)
        hello.ctx.jobs.stop(0)

    monkeypatch.setattr(hello.ctx.store.releases, "make_current", record_and_cancel)
    assert hello.run("config:set hello A=1").status == 0
    assert last(hello).status is DeploymentStatus.SUCCEEDED
    assert hello.scheduler.running("web.1").environment["A"] == "1"
    assert sorted(version for _, version in hello.scheduler.names) == [1, 2]


def test_after_the_stop_nothing_begins(hello):
    hello.ctx.jobs.stop(0)
    result = hello.run("ps:restart hello")
    assert result.status == 1
    assert "[cancelled]" in result.err


def test_domains_that_change_while_the_proxy_is_switched_do_not_bring_the_old_containers_back(hello):
    with hello.gates.hold("publish") as gate:
        restart = hello.begin("ps:restart hello")
        gate.wait_until_reached()
        add = hello.begin("domains:add hello www.example.org")
        everywhere = hello.begin("nginx:set --global proxy-read-timeout 5m")
        eventually(lambda: hello.gates.trace.count("publish") > 1 or hello.ctx.store.apps.domains(hello.app()))
    assert (restart.wait().status, add.wait().status, everywhere.wait().status) == (0, 0, 0)
    hello.quiet()
    assert hello.proxy.vhost("hello").upstreams == local(hello.scheduler.running("web.1").published)
    assert "www.example.org" in hello.proxy.vhost("hello").hosts
    assert hello.proxy.vhost("hello").options.proxy_read_timeout == 300


@pytest.mark.real("git")
def test_two_first_pushes_at_once_make_one_app(server):
    server.commit("hello")
    with server.gates.hold("build") as gate:
        first = server.begin_push("hello")
        # A second one that comes before the build would supersede the first.
        gate.wait_until_reached()
        second = server.begin_push("hello")
        eventually(lambda: "; waiting for it" in second.err)
    results = [first.wait(), second.wait()]
    server.quiet()
    assert [result.status for result in results] == [0, 0]
    assert "The previous push has deployed the same commit" in results[0].err + results[1].err
    assert server.run("releases hello").out.count("\n") == 1
