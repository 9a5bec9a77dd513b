"""A deploy: all of it, or nothing."""

import sqlite3

import pytest

from fakes import Behaviour, Result
from paas.core.edge.address import local
from paas.core.errors import DockerError, Unsupported, disk_full
from paas.core.model import DeploymentStatus, ReleaseState
from paas.git.repository import repository_of

TWO = {"Procfile": "web: ./web\nworker: ./work\n"}


def states(server, app="hello"):
    """The states of the releases, oldest first."""
    return [release.state for release in reversed(server.ctx.store.releases.summaries(server.app(app)))]


def last(server, app="hello"):
    return server.ctx.store.deployments.last(server.app(app))


class Untouched:
    """What must not have changed: containers, edge, configuration, current release, image names."""

    def __init__(self, server):
        self._server = server
        self._before = self._now()

    def _now(self):
        server = self._server
        return {
            "containers": server.scheduler.ids(),
            "served": dict(server.proxy.served),
            "config": server.config(),
            "version": server.app().version,
            "stopped": server.app().stopped,
            "replicas": server.ctx.store.apps.replicas(server.app()),
            "formation": server.ctx.store.apps.formation(server.app()),
            "images": dict(server.scheduler.names),
            "refs": repository_of(server.ctx, server.app()).refs(),
        }

    def check(self):
        assert self._now() == self._before


@pytest.fixture
def untouched(hello):
    return Untouched(hello)


def test_the_first_deploy_runs_one_web_and_none_of_the_others(server):
    server.deployed("hello", TWO)
    assert server.scheduler.labels() == ["web.1"]
    assert server.proxy.vhost("hello").live
    assert server.proxy.vhost("hello").upstreams == local(server.scheduler.running("web.1").published)
    assert server.scheduler.running("web.1").kept
    assert states(server) == [ReleaseState.CURRENT]


def test_the_image_s_own_command_is_web_without_a_procfile(server):
    server.deployed("hello", {"Dockerfile": "FROM scratch\nEXPOSE 8000\nENTRYPOINT x\n"})
    running = server.scheduler.running("web.1")
    assert (running.command, running.port) == (None, 8000)


def test_with_several_exposed_ports_the_port_is_the_usual_one(server):
    server.deployed("hello", {"Dockerfile": "FROM scratch\nEXPOSE 8000\nEXPOSE 9000\nCMD x\n"})
    assert server.scheduler.running("web.1").port == 5000


def test_every_step_is_journaled_with_its_time(hello):
    deployment = last(hello)
    assert (deployment.kind, deployment.actor, deployment.cause) == ("push", "admin", "git push")
    assert (deployment.status, deployment.step, deployment.version) == (DeploymentStatus.SUCCEEDED, "retire", 1)
    assert deployment.commit == hello.ctx.store.releases.current(hello.app()).commit
    steps = ["read", "build", "release", "start", "health", "switch", "record", "retire"]
    assert hello.ctx.store.deployments.steps(deployment.id) == [(name, 0.0) for name in steps]


def test_the_order_is_build_start_look_switch_stop(hello):
    del hello.gates.trace[:]
    hello.deployed("hello", {"file": "2"})
    assert hello.gates.trace == ["build", "build", "start", "inspect", "publish", "stop", "inspect"]


def test_a_build_is_told_what_to_build(hello):
    hello.run("settings:set build-http-proxy http://proxy.example:3128")
    hello.deployed("hello", {"file": "2"})
    source = hello.builder.sources[-1]
    commit = hello.ctx.store.releases.current(hello.app()).commit
    proxy = "http://proxy.example:3128"
    # By NO_PROXY the processes of the build are found.
    arguments = {key: value for key, value in source.arguments.items() if key.upper() != "NO_PROXY"}
    assert arguments == {"GIT_REV": commit, "HTTP_PROXY": proxy, "http_proxy": proxy}
    assert dict(source.labels) == {"paas.instance": hello.scheduler.instance, "paas.app-id": "1"}
    assert source.timeout == 3600
    assert source.secrets == {}
    assert (source.tree / "file").read_text() == "2"


@pytest.mark.real("git")
def test_the_certificates_for_builds_are_a_file_on_the_server(hello, tmp_path):
    path = tmp_path / "ca.pem"
    hello.run(f"settings:set build-ca-file {path}")
    assert f"{path} does not exist on the server" in hello.push("hello", {"file": "2"}).err
    path.write_text("pem")
    assert hello.push("hello", {"file": "3"}).status == 0
    assert hello.builder.sources[-1].secrets == {"ca": path}


def test_limits_of_containers_come_from_the_settings(hello):
    hello.run("settings:set memory-limit 256m")
    hello.run("settings:set pids-limit 64")
    hello.run("ps:restart hello")
    limits = hello.scheduler.running("web.1").limits
    assert (limits.memory, limits.pids, limits.stop_timeout) == (256 << 20, 64, 30)


def failing_build(server):
    return server.push("hello", {"Dockerfile": "FROM scratch\nRUN false\n"})


@pytest.mark.real("git")
def test_a_build_that_fails_changes_nothing(hello, untouched):
    assert failing_build(hello).status == 1
    untouched.check()
    assert states(hello) == [ReleaseState.CURRENT]
    assert (last(hello).status, last(hello).step, last(hello).error) == (
        DeploymentStatus.FAILED,
        "build",
        "build-failed",
    )


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(exits=1),
        Behaviour(exits=0, looks=3),
        Behaviour(port=0),
        Behaviour(port=3000),
        Behaviour(loopback=True),
        Behaviour(answer=500),
        Behaviour(answer="connection reset"),
        Behaviour(out_of_memory=True),
        Behaviour(refused='exec: "./web": no such file'),
    ],
    ids=lambda behaviour: str(behaviour).removeprefix("Behaviour"),
)
def test_a_web_process_that_fails_changes_nothing(hello, untouched, behaviour):
    hello.scheduler.tell("web", behaviour)
    switches = len(hello.proxy.switches)
    assert hello.run("config:set hello A=1").status == 1
    untouched.check()
    assert len(hello.proxy.switches) == switches
    assert states(hello) == [ReleaseState.CURRENT, ReleaseState.FAILED]


@pytest.mark.parametrize("behaviour", [Behaviour(exits=1), Behaviour(refused="no such file")])
def test_one_process_type_that_fails_takes_all_others_with_it(hello, behaviour):
    hello.run("ps:scale hello web=2 worker=2")
    untouched = Untouched(hello)
    hello.scheduler.tell("worker", behaviour)
    switches = len(hello.proxy.switches)
    assert hello.run("ps:rebuild hello").status == 1
    untouched.check()
    assert len(hello.proxy.switches) == switches
    assert hello.scheduler.labels() == ["web.1", "web.2", "worker.1", "worker.2"]


@pytest.mark.real("git")
def test_a_process_type_that_fails_takes_its_first_deploy_with_it(server):
    server.scheduler.tell("web", Behaviour(exits=1))
    assert server.push("hello").status == 1
    assert server.scheduler.labels() == []
    assert server.app().version is None
    assert server.proxy.vhost("hello").empty
    assert server.scheduler.names == {}
    assert repository_of(server.ctx, server.app()).refs() == {}


@pytest.mark.real("git")
def test_a_configuration_that_the_proxy_refuses_changes_nothing(hello, untouched):
    hello.proxy.refusals.add("hello")
    result = hello.push("hello", {"file": "2"})
    assert "(nginx refuses the configuration of hello [proxy])" in result.err
    untouched.check()
    assert states(hello) == [ReleaseState.CURRENT, ReleaseState.FAILED]


def test_a_record_that_fails_brings_the_proxy_back(hello, untouched, monkeypatch):
    def full(app, release):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(hello.ctx.store.releases, "make_current", full)
    switches = len(hello.proxy.switches)
    result = hello.run("config:set hello A=1", may_break=True)
    assert (result.status, result.err.splitlines()[-1]) == (1, " !     The server's log has the details. [internal]")
    untouched.check()
    assert len(hello.proxy.switches) == switches + 2
    assert states(hello) == [ReleaseState.CURRENT, ReleaseState.FAILED]


def test_an_image_that_can_not_be_named_is_a_release_that_failed(hello, untouched, monkeypatch):
    def refuse(app, release):
        raise sqlite3.OperationalError("stands for any error")

    monkeypatch.setattr(hello.scheduler, "name_image", refuse)
    assert hello.run("config:set hello A=1", may_break=True).status == 1
    untouched.check()
    assert states(hello) == [ReleaseState.CURRENT, ReleaseState.FAILED]


@pytest.mark.parametrize("line", ["config:set hello A=1", "config:unset hello KEEP", "config:clear hello"])
def test_a_change_of_configuration_that_fails_keeps_the_old_one(hello, line):
    hello.run("config:set hello KEEP=1")
    untouched = Untouched(hello)
    hello.scheduler.tell("web", Behaviour(exits=1))
    result = hello.run(line)
    assert result.status == 1
    assert result.err.endswith("A process must run in the foreground. [exited]\n")
    untouched.check()


def test_a_rollback_that_fails_keeps_release_and_configuration(hello):
    hello.run("config:set hello A=1")
    untouched = Untouched(hello)
    hello.scheduler.tell("web", Behaviour(exits=1))
    assert hello.run("releases:rollback hello").status == 1
    untouched.check()


def test_a_scale_that_fails_keeps_the_number(hello, untouched):
    hello.scheduler.tell("worker", Behaviour(exits=1))
    assert hello.run("ps:scale hello web=2 worker=1").status == 1
    untouched.check()


def test_a_restart_that_fails_leaves_what_runs(hello, untouched):
    hello.scheduler.tell("web", Behaviour(exits=1))
    assert hello.run("ps:restart hello").status == 1
    untouched.check()


def test_a_start_that_fails_leaves_the_app_stopped(hello):
    hello.run("ps:stop hello")
    untouched = Untouched(hello)
    hello.scheduler.tell("web", Behaviour(exits=1))
    assert hello.run("ps:start hello").status == 1
    untouched.check()


def test_a_rename_that_fails_keeps_the_name(hello, untouched):
    hello.scheduler.tell("web", Behaviour(exits=1))
    assert hello.run("apps:rename hello hallo").status == 1
    untouched.check()


def test_a_deploy_starts_a_stopped_app(hello):
    hello.run("ps:stop hello")
    hello.deployed("hello", {"file": "2"})
    assert not hello.app().stopped
    assert hello.proxy.vhost("hello").live


def test_a_process_type_that_is_gone_from_the_procfile_ends_with_the_deploy(hello):
    hello.run("ps:scale hello worker=2")
    hello.deployed("hello", {"Procfile": "web: ./web\n"})
    assert hello.scheduler.labels() == ["web.1"]


def test_an_app_without_web_is_deployed_but_not_served(server):
    server.deployed("hello", {"Procfile": "worker: ./work\n"})
    assert server.scheduler.labels() == []
    assert server.proxy.vhost("hello").state.value == "stopped"
    server.run("ps:scale hello worker=1")
    assert server.scheduler.labels() == ["worker.1"]


def test_global_variables_are_part_of_a_release_as_they_were_then(hello):
    hello.run("config:set --global G=1")
    hello.deployed("hello", {"file": "2"})
    hello.run("config:set --global G=2")
    hello.deployed("hello", {"file": "3"})
    assert hello.scheduler.running("web.1").environment["G"] == "2"
    hello.run("releases:rollback hello v2")
    assert hello.scheduler.running("web.1").environment["G"] == "1"
    assert hello.run("config --global").out == "G:  2\n"


def test_rollback_restores_the_configuration_of_the_release(hello):
    hello.run("config:set hello A=1 B=1")
    hello.run("config:set hello A=2")
    hello.run("config:unset hello B")
    hello.run("releases:rollback hello v2")
    assert hello.config() == {"A": "1", "B": "1"}


def test_one_release_for_several_changes_without_restart(hello):
    hello.run("config:set --no-restart hello A=1")
    hello.run("config:set --no-restart hello B=2")
    hello.run("ps:restart hello")
    assert states(hello) == [ReleaseState.SUPERSEDED, ReleaseState.CURRENT]
    environment = hello.scheduler.running("web.1").environment
    assert (environment["A"], environment["B"], environment["PAAS_RELEASE"]) == ("1", "2", "v2")


def test_the_same_tree_gives_the_same_image(hello):
    before = hello.scheduler.running("web.1").container.image
    hello.run("ps:rebuild hello")
    assert hello.scheduler.running("web.1").container.image == before


@pytest.mark.real("git")
def test_two_process_types_of_one_push_become_healthy_together(server):
    server.scheduler.tell("web", Behaviour(looks=5))
    server.scheduler.tell("worker", Behaviour())
    server.run("apps:create hello")
    server.run("ps:scale hello web=2 worker=2")
    assert isinstance(server.push("hello", TWO), Result)
    assert server.scheduler.labels() == ["web.1", "web.2", "worker.1", "worker.2"]
    assert server.gates.trace.count("publish") == 2


@pytest.mark.real("git")
def test_trouble_after_the_record_is_told_and_the_release_serves(hello, monkeypatch):
    step = hello.ctx.store.deployments.step

    def full(deployment_id, position, name):
        if name == "retire":
            raise disk_full("the database")
        step(deployment_id, position, name)

    monkeypatch.setattr(hello.ctx.store.deployments, "step", full)
    result = hello.push("hello", {"file": "2"})
    assert result.status == 0
    assert " !     a disk of the server is full: the database could not be written" in result.err
    assert states(hello) == [ReleaseState.SUPERSEDED, ReleaseState.CURRENT]
    assert hello.scheduler.names[hello.app().id, 2]
    hello.repair()
    assert hello.scheduler.labels() == ["web.1"]


@pytest.mark.real("git")
def test_an_old_image_that_can_not_be_removed_rejects_no_push(hello, monkeypatch):
    def refuse(app, version):
        raise DockerError("the engine does not answer")

    hello.run("settings:set keep-images 1")
    hello.push("hello", {"file": "2"})
    monkeypatch.setattr(hello.scheduler, "drop_image", refuse)
    result = hello.push("hello", {"file": "3"})
    assert (result.status, states(hello)[-1]) == (0, ReleaseState.CURRENT)
    assert " !     the engine does not answer" in result.err


def test_a_stop_that_can_not_be_recorded_leaves_the_app_served(hello, untouched, monkeypatch):
    def full(app, stopped):
        raise disk_full("the database")

    monkeypatch.setattr(hello.ctx.store.apps, "set_stopped", full)
    result = hello.run("ps:stop hello")
    assert (result.status, "a disk of the server is full" in result.err) == (1, True)
    untouched.check()


def test_a_scale_without_a_difference_says_so(hello):
    assert hello.run("ps:scale hello web=1").err == "-----> Nothing to start or stop\n"


@pytest.mark.parametrize("path", ["Procfile", "app.json", "paas.yml"])
def test_a_file_that_describes_the_app_has_at_most_a_megabyte(hello, path):
    with pytest.raises(Unsupported, match=f"{path} is too large: 1048577 bytes; the limit is 1048576"):
        hello.deployed("hello", {path: "#" * 1_048_577})
    larger = 'FROM scratch\nCMD ["/app"]\n' + "#" * 1_048_577
    assert hello.deployed("hello", {path: None, "Dockerfile": larger}).version == 2
