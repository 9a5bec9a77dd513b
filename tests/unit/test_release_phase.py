"""The Procfile's ``release``: a command that has to succeed before anything of the new release starts."""

import json
import threading

import pytest

from fakes import Behaviour, Server, eventually
from paas.core.errors import Cancelled, DockerError
from paas.core.model import DeploymentStatus, Ending
from paas.releases import phases

PROCFILE = {"Procfile": "release: ./migrate --all\nweb: ./web\n"}


@pytest.mark.real("git")
def test_it_runs_before_anything_starts_and_shows_what_it_writes(hello):
    hello.scheduler.tell("release", Behaviour(exits=0, looks=2, log=("migrating", "done")))
    del hello.gates.trace[:]
    result = hello.push("hello", PROCFILE)
    assert result.status == 0
    shown = [line.removeprefix("remote: ").rstrip() for line in result.err.splitlines()]
    begin = shown.index("-----> Running the release phase: ./migrate --all")
    assert shown[begin : begin + 5] == [
        "-----> Running the release phase: ./migrate --all",
        "       migrating",
        "       done",
        "-----> Release phase done in 0 ms",
        "-----> Started web.1 in 0 ms",
    ]
    assert [place for place in hello.gates.trace if place == "start"] == ["start", "start"]
    assert hello.scheduler.labels() == ["web.1"]
    assert "release" not in hello.run("ps:scale hello").out


@pytest.mark.real("git")
def test_a_flood_of_what_it_writes_does_not_fill_the_log(hello, monkeypatch):
    monkeypatch.setattr(phases, "MOST_SHOWN", 1 << 20)
    monkeypatch.setattr(phases, "LONGEST_LINE", 1000)
    hello.scheduler.tell("release", Behaviour(exits=0, looks=2, log=("begun", *["x" * 100_000] * 15, "done")))
    result = hello.push("hello", PROCFILE)
    assert result.status == 0
    assert "begun" in result.err
    assert "It wrote more than 1 MiB; the rest is not shown." in result.err
    assert "Release phase done" in result.err
    assert "x" * 10 not in result.err.partition("the rest is not shown")[2]


@pytest.mark.real("git")
def test_it_has_the_environment_of_the_new_release(hello):
    hello.run("config:set --no-restart hello A=1")
    hello.scheduler.tell("release", Behaviour())
    hello.commit("hello", PROCFILE)
    push = hello.begin_push("hello")
    eventually(lambda: "release.1" in hello.scheduler.labels())
    environment = hello.scheduler.running("release.1").environment
    assert (environment["A"], environment["DYNO"], environment["PAAS_RELEASE"]) == ("1", "release.1", "v2")
    assert hello.scheduler.running("release.1").published is None
    assert hello.scheduler.running("release.1").command == "./migrate --all"

    hello.ctx.jobs.stop(0)
    assert "[cancelled]" in push.wait().err
    hello.quiet()
    assert hello.scheduler.labels() == ["web.1"]
    assert hello.ctx.store.deployments.last(hello.app()).status is DeploymentStatus.CANCELLED


def test_it_is_cancelled_also_before_there_is_anything_of_it_to_read(hello, monkeypatch):
    follow = hello.scheduler.follow

    def late(container_id, *rest, **named):
        hello.ctx.jobs.stop(0)
        eventually(lambda: not hello.scheduler.running("release.1").up)
        return follow(container_id, *rest, **named)

    monkeypatch.setattr(hello.scheduler, "follow", late)
    hello.scheduler.tell("release", Behaviour())
    with pytest.raises(Cancelled):
        hello.deployed("hello", PROCFILE)
    assert hello.ctx.store.deployments.last(hello.app()).status is DeploymentStatus.CANCELLED


def test_an_engine_that_fails_while_it_is_cancelled_is_asked_again(hello, monkeypatch, caplog):
    halt, asked = hello.scheduler.halt, []

    def refusing(app, unit_id, grace):
        asked.append(grace)
        if len(asked) == 1:
            raise DockerError("Docker does not answer")
        halt(app, unit_id, grace)

    monkeypatch.setattr(hello.scheduler, "halt", refusing)
    hello.scheduler.tell("release", Behaviour())

    def stop():
        eventually(lambda: "release.1" in hello.scheduler.labels())
        hello.ctx.jobs.stop(0)

    stopper = threading.Thread(target=stop)
    stopper.start()
    with pytest.raises(Cancelled):
        hello.deployed("hello", PROCFILE)
    stopper.join()
    assert hello.scheduler.labels() == ["web.1"]
    assert "is still there: Docker does not answer" in caplog.text
    assert asked == [30, 30]


@pytest.mark.real("git")
@pytest.mark.parametrize(
    ("files", "name"),
    [
        (PROCFILE, "release phase"),
        ({"app.json": json.dumps({"scripts": {"dokku": {"predeploy": "./migrate --all"}}})}, "predeploy script"),
    ],
)
def test_a_phase_that_does_not_end_in_time_is_stopped_and_the_deploy_fails(hello, files, name):
    ids = hello.scheduler.ids()
    hello.run("deploy:set hello phase-timeout 90s")
    hello.scheduler.tell("release", Behaviour())
    hello.commit("hello", files)
    push = hello.begin_push("hello")
    eventually(lambda: "release.1" in hello.scheduler.labels())
    assert not hello.scheduler.calls["halt"]
    hello.clock.advance(200)
    said = push.wait()
    hello.quiet()
    assert said.status == 1
    assert f"Stopping the {name}: it exceeded its time limit of 90s." in said.err
    assert f"the {name} did not end in time" in said.err
    assert "[phase-timeout]" in said.err
    assert hello.scheduler.ids() == ids
    assert hello.ctx.store.deployments.last(hello.app()).error == "phase-timeout"


@pytest.mark.real("git")
def test_a_postdeploy_script_that_does_not_end_in_time_lets_go_of_the_app(hello):
    hello.scheduler.tell("release", Behaviour())
    hello.commit("hello", {"app.json": json.dumps({"scripts": {"dokku": {"postdeploy": "./warm"}}})})
    push = hello.begin_push("hello")
    eventually(lambda: "release.1" in hello.scheduler.labels())
    hello.clock.advance(3700)
    said = push.wait()
    assert said.status == 0
    assert "[phase-timeout]" in said.err
    assert "v2 is live anyway." in said.err
    assert hello.run("ps:scale hello web=2").status == 0


@pytest.mark.real("git")
def test_a_failure_starts_nothing_and_changes_nothing(hello):
    ids = hello.scheduler.ids()
    hello.scheduler.tell("release", Behaviour(exits=4, log=("no table",)))
    result = hello.push("hello", PROCFILE)
    assert result.status == 1
    assert "remote:        no table" in result.err
    assert "remote:  !     the release phase exited with status 4" in result.err
    assert "(the release phase exited with status 4 [release-phase-failed])" in result.err
    assert hello.scheduler.ids() == ids
    assert hello.run("releases hello").out.startswith("v2  failed ")


@pytest.mark.real("git")
def test_a_command_that_can_not_be_started_leaves_no_container(hello):
    hello.scheduler.tell("release", Behaviour(refused="no such file"))
    result = hello.push("hello", PROCFILE)
    assert "(Docker refused: starting a container [engine])" in result.err
    assert hello.scheduler.labels() == ["web.1"]


def test_a_restart_and_a_rollback_do_not_run_it_again(hello):
    hello.scheduler.tell("release", Behaviour(exits=0))
    hello.deployed("hello", PROCFILE)
    hello.scheduler.tell("release", Behaviour(exits=1))
    assert hello.run("ps:restart hello").status == 0
    assert hello.run("config:set hello A=1").status == 0
    assert hello.run("releases:rollback hello").status == 0


def _scripts(**scripts: str) -> dict[str, str]:
    return {**PROCFILE, "app.json": json.dumps({"scripts": {"dokku": scripts}})}


def _built(server: Server) -> set[str]:
    """The images that the builder made, without what scripts added."""
    return set(server.scheduler.images) - server.scheduler.committed


@pytest.mark.real("git")
def test_the_scripts_of_app_json_run_before_and_after(hello):
    hello.scheduler.tell("release", Behaviour(exits=0))
    result = hello.push("hello", _scripts(predeploy="./assets", postdeploy="./tell"))
    assert result.status == 0
    words = ("Running", "Started", "Released")
    told = [line for line in result.err.splitlines() if any(word in line for word in words)]
    assert [line.split("> ")[1].split(" in ")[0].split(": http")[0].rstrip() for line in told] == [
        "Running the predeploy script: ./assets",
        "Running the release phase: ./migrate --all",
        "Started web.1",
        "Released v2",
        "Running the postdeploy script: ./tell",
    ]


@pytest.mark.real("git")
def test_what_a_predeploy_script_writes_is_part_of_the_image(hello):
    hello.run("registry:set hello push-on-release true")
    hello.scheduler.tell("release", Behaviour(exits=0, writes=True))
    result = hello.push("hello", _scripts(predeploy="./assets"))
    assert result.status == 0
    assert "The files it wrote are part of the image." in result.err
    # Not what the release phase writes, which is for databases.
    assert hello.scheduler.calls["commit"] == 1
    v2 = hello.ctx.store.releases.current(hello.app())
    assert v2.image not in _built(hello)
    assert hello.scheduler.running("web.1").container.image == v2.image
    assert hello.scheduler.names[hello.app().id, 2] == v2.image
    assert set(hello.scheduler.pushed.values()) == {v2.image}

    assert hello.run("config:set hello A=1").status == 0
    assert hello.scheduler.running("web.1").container.image == v2.image
    assert hello.push("hello", {"file": "2"}).status == 0
    assert hello.scheduler.running("web.1").container.image != v2.image
    assert hello.run("releases:rollback hello v2").status == 0
    assert hello.scheduler.running("web.1").container.image == v2.image


@pytest.mark.real("git")
def test_a_predeploy_script_that_writes_nothing_leaves_the_image(hello):
    hello.scheduler.tell("release", Behaviour(exits=0))
    assert hello.push("hello", _scripts(predeploy="./assets")).status == 0
    assert hello.ctx.store.releases.current(hello.app()).image in _built(hello)


@pytest.mark.real("git")
def test_files_that_the_engine_does_not_keep_are_told(hello, monkeypatch):
    def refuse(container_id, image):
        raise DockerError("Docker does not accept an image with the container's files", code="not-kept")

    monkeypatch.setattr(hello.scheduler, "commit", refuse)
    hello.scheduler.tell("release", Behaviour(exits=0, writes=True))
    result = hello.push("hello", _scripts(predeploy="./assets"))
    assert result.status == 0
    assert "The files the predeploy script wrote are not part of the image." in result.err


@pytest.mark.real("git")
def test_what_a_predeploy_script_of_a_failed_deploy_wrote_goes(hello):
    before = set(hello.scheduler.images)
    hello.scheduler.tell("release", Behaviour(exits=0, writes=True))
    hello.scheduler.tell("web", Behaviour(exits=1))
    assert hello.push("hello", _scripts(predeploy="./assets")).status == 1
    hello.run("cleanup")
    assert set(hello.scheduler.images) == before


@pytest.mark.real("git")
def test_a_predeploy_script_that_fails_stops_the_deploy(hello):
    ids = hello.scheduler.ids()
    hello.scheduler.tell("release", Behaviour(exits=7))
    result = hello.push("hello", _scripts(predeploy="./assets"))
    assert result.status == 1
    assert "the predeploy script exited with status 7 [release-phase-failed]" in result.err
    assert hello.scheduler.ids() == ids


@pytest.mark.real("git")
def test_a_postdeploy_script_that_fails_is_told_and_the_release_serves(hello):
    hello.scheduler.tell("release", Behaviour(exits=7))
    files = {"Procfile": "web: ./web\n", "app.json": _scripts(postdeploy="./tell")["app.json"]}
    result = hello.push("hello", files)
    assert result.status == 0
    assert "the postdeploy script exited with status 7" in result.err
    assert "v2 is live anyway." in result.err
    assert hello.run("releases hello").out.startswith("v2  current ")


@pytest.mark.real("git")
def test_a_script_that_is_not_text_is_refused(hello):
    result = hello.push("hello", {**PROCFILE, "app.json": '{"scripts": {"dokku": {"predeploy": ["a"]}}}'})
    assert result.status == 1
    assert "app.json: scripts.dokku.predeploy: must be text" in result.err


@pytest.mark.parametrize(
    ("label", "version", "again"),
    [("web.1", 1, True), ("release.1", 1, False), ("release.1", 2, False), ("web.1", 2, False)],
)
def test_only_what_the_engine_brings_back_is_said_to_be_started_again(hello, label, version, again):
    hello.ctx.events.ended(Ending(hello.app().id, "c0ffee", label, version, 0))
    said = hello.run("logs hello --source platform").out
    assert f"{label}" in said
    assert "Process exited with status 0" in said
    assert ("restarting it" in said) is again
