"""The branch of a release that was recorded a moment before the daemon died moves at the next start."""

import json
import threading

import pytest

from fakes import SECONDS, Behaviour, eventually
from paas.core.errors import DockerError, disk_full
from paas.core.git.refs import RefUpdate
from paas.core.model import DeploymentStatus
from paas.git.repository import repository_of
from paas.releases import deploy

LONE = "processes: {worker: {overlap: false}}\n"
SCRIPT = json.dumps({"scripts": {"dokku": {"postdeploy": "./seed"}}})


@pytest.mark.real("git")
def test_the_branch_follows_the_release(hello, another):
    sha = hello.commit("hello", {"file": "2"})
    repository = repository_of(hello.ctx, hello.app())
    before = repository.refs()
    assert hello.begin_push("hello").wait().status == 0
    hello.quiet()

    # As a crash between the record and the move of the branch leaves it.
    row = hello.ctx.store.deployments.last(hello.app())
    assert row.landing == RefUpdate("refs/heads/main", before["refs/heads/main"], sha)
    hello.ctx.store.deployments._db.execute("UPDATE deployments SET status = 'running' WHERE id = ?", row.id)
    repository.move(RefUpdate("refs/heads/main", sha, before["refs/heads/main"]))
    revived = another("revived", hello.killed)

    assert repository_of(revived.ctx, revived.app()).refs()["refs/heads/main"] == sha
    assert revived.ctx.store.deployments.get(row.id).status is DeploymentStatus.SUCCEEDED
    assert "up-to-date" in revived.begin_push("hello").wait().err


@pytest.mark.real("git")
def test_a_branch_that_was_moved_elsewhere_stays(hello, another):
    hello.commit("hello", {"file": "2"})
    assert hello.begin_push("hello").wait().status == 0
    hello.quiet()
    row = hello.ctx.store.deployments.last(hello.app())
    repository = repository_of(hello.ctx, hello.app())
    assert hello.push("hello", {"file": "3"}).status == 0
    now = repository.refs()
    hello.ctx.store.deployments._db.execute("UPDATE deployments SET status = 'running' WHERE id = ?", row.id)

    revived = another("revived", hello.killed)
    assert repository_of(revived.ctx, revived.app()).refs() == now
    assert revived.ctx.store.deployments.get(row.id).status is DeploymentStatus.ABANDONED


def test_the_record_outlives_a_power_failure(hello):
    statements = []
    with hello.ctx.store.watched(statements.append):
        hello.run("ps:restart hello")
    durable = statements.index("PRAGMA synchronous = FULL")
    assert any("replicas" in text for text in statements[durable : statements.index("COMMIT", durable)])
    assert "PRAGMA synchronous = NORMAL" in statements[durable:]


@pytest.mark.real("git")
def test_a_postdeploy_script_that_the_engine_can_not_run_rejects_nothing(hello):
    hello.scheduler.tell("release", Behaviour(refused="no such file"))
    result = hello.push("hello", {"app.json": SCRIPT})
    assert result.status == 0, result.err
    assert "v2 is live anyway." in result.err
    refs = repository_of(hello.ctx, hello.app()).refs()
    assert hello.ctx.store.releases.current(hello.app()).commit == refs["refs/heads/main"]


@pytest.mark.real("git")
def test_the_branch_has_moved_before_the_postdeploy_script_runs(hello):
    hello.scheduler.tell("release", Behaviour())
    sha = hello.commit("hello", {"app.json": SCRIPT})
    push = hello.begin_push("hello")
    eventually(lambda: "release.1" in hello.scheduler.labels())
    assert repository_of(hello.ctx, hello.app()).refs()["refs/heads/main"] == sha
    hello.ctx.jobs.stop(0)
    assert push.wait().status == 0


def test_the_engine_fails_while_a_change_is_undone(hello, monkeypatch):
    """What had to make way can't come back; the proxy is put right all the same, before any candidate goes."""
    hello.deployed("hello", {"Procfile": "web: ./web\nworker: ./work\n", "paas.yml": LONE})
    hello.run("ps:scale hello worker=1")
    ports = hello.proxy.vhost("hello").upstreams

    def full(*_args):
        raise disk_full("the database")

    def gone(_app, _unit):
        raise DockerError("the engine has gone")

    monkeypatch.setattr(hello.ctx.store.releases, "make_current", full)
    monkeypatch.setattr(hello.scheduler, "revive", gone)
    result = hello.run("ps:restart hello")
    assert result.status == 1
    assert hello.proxy.vhost("hello").upstreams == ports
    hello.quiet()


@pytest.mark.parametrize("recorded", [True, False])
def test_a_change_has_succeeded_if_its_release_was_recorded_before_a_kill(hello, another, monkeypatch, recorded):
    seen, go_on = threading.Event(), threading.Event()

    def wait(*_args):
        seen.set()
        assert go_on.wait(SECONDS)

    # After the record old images go, which may take the engine long; before it new containers start.
    monkeypatch.setattr(*((deploy, "drop_old_images") if recorded else (hello.scheduler, "keep_running")), wait)
    session = hello.begin("config:set hello A=1")
    assert seen.wait(SECONDS)
    revived = another("revived", hello.killed)
    go_on.set()
    assert session.wait().status == 0

    row = revived.ctx.store.deployments.last(revived.app())
    assert row.status is (DeploymentStatus.SUCCEEDED if recorded else DeploymentStatus.ABANDONED)
    assert revived.config() == ({"A": "1"} if recorded else {})
