"""``ps:*``: what runs."""

import json

import pytest

from fakes import DEPLOYER, VIEWER, Behaviour, eventually
from paas.commands.invocation import Terminal

DONE = "-----> Healthy in 0 ms\n-----> Switched the proxy in 0 ms\n"


def test_ps_lists_the_containers(hello):
    container = hello.scheduler.ids()["web.1"][:12]
    row = f"web.1  running  v1  20000  {container}  0  2026-01-01T00:00:00Z\n"
    assert hello.run("ps hello", caller=VIEWER) == (0, row, "")
    assert json.loads(hello.run("ps hello --format json").out) == [
        {
            "process": "web.1",
            "state": "running",
            "release": "v1",
            "port": 20000,
            "container": container,
            "restarts": 0,
            "since": "2026-01-01T00:00:00Z",
        }
    ]


def test_a_terminal_gets_column_names(hello):
    lines = hello.run("ps hello", terminal=Terminal(80, 24)).out.splitlines()
    assert lines[0].split() == ["PROCESS", "STATE", "RELEASE", "PORT", "CONTAINER", "RESTARTS", "SINCE"]
    assert len(hello.run("--quiet ps hello", terminal=Terminal(80, 24)).out.splitlines()) == 1


def test_a_container_that_is_gone_is_shown_as_missing(hello):
    hello.scheduler.vanish("web.1")
    assert hello.run("ps hello").out == "web.1  missing  v1  20000    0\n"
    assert hello.run("ps:report hello --ps-running").out == "false\n"


def test_scale_shows_and_changes_how_many_run(hello):
    assert hello.run("ps:scale hello") == (0, "web     1\nworker  0\n", "")
    assert hello.run("ps:scale hello web=2 worker=1", caller=DEPLOYER) == (
        0,
        "",
        "-----> Started web.2, worker.1 in 0 ms\n" + DONE,
    )
    assert json.loads(hello.run("ps:scale hello --format json").out) == {"web": 2, "worker": 1}
    assert hello.scheduler.labels() == ["web.1", "web.2", "worker.1"]


@pytest.mark.parametrize("pair", ["web", "web=", "web=-1", "web=101", "web=1.5", "web=²", "=2"])
def test_a_quantity_that_is_none_is_refused(hello, pair):
    result = hello.run(["ps:scale", "hello", pair])
    assert result.status == 2
    assert hello.scheduler.labels() == ["web.1"]


def test_the_refusal_of_a_quantity_says_the_rule(hello):
    assert hello.run("ps:scale hello web=101").err == (
        " !     'web=101' is not of the form TYPE=NUMBER\n"
        " !     The number is from 0 to 100.\n"
        " !     Write for instance web=2. [invalid-scale]\n"
    )


def test_only_process_types_of_the_release_are_scaled(hello):
    assert hello.run("ps:scale hello clock=1") == (
        2,
        "",
        " !     the app has no process type clock\n"
        " !     Its process types are: web, worker\n"
        " !     Add it to the Procfile and push, then scale it. [no-such-process-type]\n",
    )
    assert hello.run("ps:scale hello clock=0").status == 0


def test_a_quantity_that_is_set_before_the_first_deploy_counts_from_then_on(server):
    server.run("apps:create hello")
    recorded = "       Saved. Takes effect at the next deploy, restart or start.\n"
    assert server.run("ps:scale hello web=2 worker=1") == (0, "", recorded)
    assert server.run("ps:scale hello").out == "web     2\nworker  1\n"
    server.deployed("hello", {"Procfile": "web: ./web\nworker: ./work"})
    assert server.scheduler.labels() == ["web.1", "web.2", "worker.1"]


def test_restart_puts_fresh_containers_in_place(hello):
    hello.run("ps:scale hello worker=1")
    before = hello.scheduler.ids()
    assert hello.run("ps:restart hello") == (0, "", "-----> Started web.1, worker.1 in 0 ms\n" + DONE)
    after = hello.scheduler.ids()
    assert before.keys() == after.keys()
    assert not set(before.values()) & set(after.values())
    assert hello.run("releases hello").out.count("\n") == 1


def test_restart_of_one_process_type_leaves_the_others(hello):
    hello.run("ps:scale hello worker=1")
    before = hello.scheduler.ids()
    assert hello.run("ps:restart hello worker").status == 0
    after = hello.scheduler.ids()
    assert before["web.1"] == after["web.1"]
    assert before["worker.1"] != after["worker.1"]
    assert hello.run("ps:restart hello clock") == (
        2,
        "",
        " !     hello has no process type 'clock'\n"
        " !     Its process types are: web, worker [no-such-process-type]\n",
    )


@pytest.mark.parametrize("name", ["ps:restart", "ps:stop", "ps:start", "ps:rebuild"])
def test_one_app_or_all_of_them_is_named(hello, name):
    expected = (2, "", f" !     {name} takes the name of an app, or --all [usage]\n")
    assert hello.run(name) == expected
    assert hello.run(f"{name} hello --all") == expected
    assert hello.run(f"{name} hello", caller=VIEWER).status == 1


@pytest.mark.parametrize("name", ["ps:restart", "ps:stop", "ps:start"])
def test_what_was_never_deployed_can_not_be_restarted(server, name):
    server.run("apps:create hello")
    assert server.run(f"{name} hello") == (
        1,
        "",
        " !     hello has not been deployed yet\n !     Push to it first. [not-deployed]\n",
    )


def test_all_passes_over_apps_that_were_never_deployed(hello):
    hello.run("apps:create empty")
    assert hello.run("ps:stop --all") == (0, "", "-----> Stopped hello\n")
    assert hello.run("ps:restart --all") == (0, "", "")
    assert hello.run("ps:start --all").status == 0
    assert hello.run("ps:restart --all").status == 0
    assert hello.run("ps:rebuild --all").status == 0
    assert hello.run("releases hello").out.startswith("v2 ")


def test_a_stopped_app_answers_with_a_page_until_it_is_started(hello):
    assert hello.run("ps:stop hello", caller=DEPLOYER) == (0, "", "-----> Stopped hello\n")
    assert hello.scheduler.labels() == []
    assert hello.proxy.vhost("hello").state.value == "stopped"
    assert hello.run("ps hello").out == ""
    assert json.loads(hello.run("apps:info hello --format json").out)["state"] == "stopped"
    assert hello.run("ps:report hello --ps-stopped").out == "true\n"

    assert hello.run("ps:start hello") == (0, "", "-----> Started web.1 in 0 ms\n" + DONE)
    assert hello.proxy.vhost("hello").live
    assert hello.run("ps:start hello") == (0, "", "       hello is not stopped.\n")


def test_what_is_changed_while_an_app_is_stopped_counts_when_it_starts(hello):
    hello.run("ps:stop hello")
    assert hello.run("config:set hello A=1").err.startswith("       Saved. Takes effect at the next start ")
    assert hello.run("ps:scale hello web=2").err.startswith("       Saved. Takes effect at the next deploy, ")
    assert hello.scheduler.labels() == []
    assert hello.run("ps:start hello").err.endswith("-----> Released v2: http://hello.localhost:8080\n")
    assert hello.scheduler.labels() == ["web.1", "web.2"]
    assert hello.scheduler.running("web.2").environment["A"] == "1"


def test_rebuild_makes_a_release_of_the_newest_commit(hello):
    commit = hello.ctx.store.releases.current(hello.app()).commit[:10]
    assert hello.run("ps:rebuild hello") == (
        0,
        "",
        f"-----> Building hello from {commit}\n"
        "       [1/2] FROM scratch\n"
        '       [2/2] CMD ["/app"]\n'
        "-----> Built in 0 ms\n"
        "-----> Started web.1 in 0 ms\n" + DONE + "-----> Released v2: http://hello.localhost:8080\n",
    )
    assert "ps:rebuild" in hello.run("releases hello").out


def test_there_is_nothing_to_rebuild_before_the_first_push(server):
    server.run("apps:create hello")
    assert server.run("ps:rebuild hello") == (
        1,
        "",
        " !     nothing to build: hello has no commit on its deploy branch\n"
        " !     Push it first: git push. [nothing-to-build]\n",
    )


def test_report_tells_the_state_of_each_container(hello):
    hello.run("ps:scale hello web=2")
    ids = hello.scheduler.ids()
    facts = json.loads(hello.run("ps:report hello --format json", caller=VIEWER).out)
    assert facts == {
        "deployed": "true",
        "running": "true",
        "stopped": "false",
        "processes": "2",
        "release": "v1",
        "status-web-1": f"running (CID: {ids['web.1'][:12]})",
        "status-web-2": f"running (CID: {ids['web.2'][:12]})",
        "procfile-path": "",
        "global-procfile-path": "",
        "computed-procfile-path": "Procfile",
        "stop-timeout-seconds": "",
        "global-stop-timeout-seconds": "",
        "computed-stop-timeout-seconds": "30",
    }
    hello.scheduler.crash("web.2")
    assert hello.run("ps:report hello --ps-running").out == "mixed\n"
    assert hello.run("ps:report hello --ps-status-web-2").out == f"exited (CID: {ids['web.2'][:12]})\n"


def test_a_container_that_keeps_ending_is_counted(hello):
    hello.scheduler.running("web.1").behaviour = Behaviour(restarts=3)
    assert hello.run("ps:report hello --ps-restarts-web-1").out == "3\n"


def test_the_procfile_may_be_elsewhere(hello):
    assert hello.run("ps:set hello procfile-path deploy/Procfile") == (
        0,
        "",
        "-----> Set ps procfile-path to deploy/Procfile\n",
    )
    hello.deployed("hello", {"deploy/Procfile": "web: ./other"})
    assert hello.scheduler.running("web.1").command == "./other"


def test_the_time_to_stop_is_that_of_the_app(hello):
    hello.run("ps:set --global stop-timeout-seconds 7")
    hello.run("ps:restart hello")
    assert hello.scheduler.running("web.1").limits.stop_timeout == 7
    hello.run("ps:set hello stop-timeout-seconds 5")
    hello.run("ps:restart hello")
    assert hello.scheduler.running("web.1").limits.stop_timeout == 5


def test_one_app_that_can_not_be_restarted_keeps_no_other_from_it(hello):
    hello.deployed("other", {"Procfile": "web: ./web\n"})
    hello.run("apps:lock hello")
    before = set(hello.scheduler.here)
    result = hello.run("ps:restart --all", caller=DEPLOYER)
    assert result.status == 1
    assert " !     hello:\n" in result.err
    assert "1 of 2 apps failed: hello" in result.err
    assert len(before & set(hello.scheduler.here)) == 1


def test_several_apps_are_restarted_at_the_same_time(hello):
    hello.deployed("other", {"Procfile": "web: ./web\n"})
    before = set(hello.scheduler.here)
    with hello.gates.hold("start") as gate:
        session = hello.begin("ps:restart --all --parallel 2", caller=DEPLOYER)
        gate.wait_until_reached()
        eventually(lambda: len(hello.ctx.jobs._active) == 2, "both jobs")
    result = session.wait()
    hello.quiet()
    assert result.status == 0
    assert result.err.count("-----> Healthy in 0 ms\n") == 2
    assert not before & set(hello.scheduler.here)


def test_of_several_at_the_same_time_one_may_fail(hello):
    hello.deployed("other", {"Procfile": "web: ./web\n"})
    hello.run("apps:lock hello")
    result = hello.run("ps:restart --all --parallel=-1", caller=DEPLOYER)
    assert result.status == 1
    assert " !     hello:\n !     hello is locked" in result.err
    assert "1 of 2 apps failed: hello" in result.err


@pytest.mark.parametrize("number", ["0", "-2", "17", "x"])
def test_how_many_at_a_time_is_a_number(hello, number):
    result = hello.run(f"ps:restart --all --parallel={number}")
    assert result.status == 2
    assert f"'{number}' is not a number of apps" in result.err
    assert "-1: one for each core" in result.err


def test_numbers_can_be_recorded_without_a_deploy(hello):
    ids = hello.scheduler.ids()
    result = hello.run("ps:scale --skip-deploy hello web=2")
    assert (result.status, hello.scheduler.ids()) == (0, ids)
    assert hello.run("ps:scale hello").out == "web     2\nworker  0\n"
    hello.run("ps:restart hello")
    hello.quiet()
    assert hello.scheduler.labels() == ["web.1", "web.2"]


def test_the_formation_of_app_json_counts_until_somebody_scales(server):
    formation = '{"formation": {"web": {"quantity": 2}, "worker": {"quantity": 1}, "gone": {"quantity": 3}}}'
    files = {"Procfile": "web: ./web\nworker: ./work\n", "app.json": formation}
    server.deployed("hello", files)
    assert server.scheduler.labels() == ["web.1", "web.2", "worker.1"]
    server.run("ps:scale hello web=1")
    server.deployed("hello", files)
    assert server.scheduler.labels() == ["web.1", "worker.1"]


@pytest.mark.real("git")
def test_a_formation_that_is_no_number_is_refused(server):
    result = server.push("hello", {"Procfile": "web: ./web\n", "app.json": '{"formation": {"web": {"quantity": -1}}}'})
    assert result.status == 1
    assert "app.json: formation.web.quantity" in result.err
