"""``checks:*``, health checks of a deploy, liveness, processes that must not overlap: what a user types and reads."""

import json

import pytest

from fakes import DEPLOYER, VIEWER, Behaviour, eventually
from paas.core.edge.address import local
from paas.core.jobs.journal import Step

PROCFILE = "web: ./web\nworker: ./work\n"


def app_json(*checks, process="web"):
    return {"app.json": json.dumps({"healthchecks": {process: list(checks)}})}


def started(server, label):
    return server.scheduler.running(label)


# Checks of a deploy


@pytest.mark.real("git")
def test_the_checks_of_app_json_decide(hello):
    headers = [{"name": "host", "value": "x"}, {"name": "A", "value": "b"}]
    files = app_json({"path": "/health", "content": "ok", "httpHeaders": headers})
    hello.scheduler.tell("web", Behaviour(answers={"/health": 200, "/": 500}, body="all ok"))
    assert hello.push("hello", files).status == 0
    sent = hello.probe.headers[-1]
    assert (sent["Host"], sent["A"], sent["X-Forwarded-Proto"]) == ("x", "b", "http")
    assert "host" not in sent


@pytest.mark.real("git")
@pytest.mark.parametrize(
    ("check", "behaviour", "code"),
    [
        ({"path": "/health"}, Behaviour(answers={"/health": 404}), "bad-answer"),
        ({"path": "/health"}, Behaviour(answers={"/health": 400}), "bad-host"),
        ({"content": "ok"}, Behaviour(body="down"), "missing-content"),
        ({"command": ["./ready"]}, Behaviour(commands={"./ready": 1}), "check-failed"),
        ({"command": ["./ready"]}, Behaviour(commands={"./ready": None}), "check-failed"),
        ({"port": 9000}, Behaviour(), "wrong-port"),
        ({"uptime": 30, "warn": True}, Behaviour(looks=3, exits=2), "exited"),
        ({"listening": True}, Behaviour(loopback=True), "listens-on-loopback"),
    ],
)
def test_a_check_that_fails_rejects_the_push_and_the_old_release_serves_on(hello, check, behaviour, code):
    before = hello.scheduler.ids()
    hello.scheduler.tell("web", behaviour)
    result = hello.push("hello", app_json(check))
    assert result.status == 1
    assert f"[{code}]" in result.err
    assert hello.scheduler.ids() == before


@pytest.mark.real("git")
def test_a_check_that_only_warns_stops_nothing(hello):
    result = hello.push("hello", app_json({"path": "/missing", "warn": True, "attempts": 1})
                        | {"paas.yml": "processes: {}"})  # fmt: skip
    assert result.status == 0
    hello.scheduler.tell("web", Behaviour(answers={"/missing": 404}))
    result = hello.push("hello", {"file": "2"})
    assert result.status == 0
    assert "It answered with status 404." in result.err


@pytest.mark.real("git")
def test_an_answer_of_400_to_the_default_check_is_warned_about(hello):
    hello.scheduler.tell("web", Behaviour(answer=400))
    result = hello.push("hello", {"file": "2"})
    assert result.status == 0
    assert "!     web.1 answers 400 (Bad Request) to 'Host: hello.localhost'." in result.err
    assert "add 'hello.localhost' to its allowed hosts" in result.err


@pytest.mark.real("git")
def test_paas_yml_goes_before_app_json_and_survives_changes_of_the_configuration(hello):
    paas_yml = "processes: {web: {port: 7000, healthcheck: {path: /yml}}, worker: {healthcheck: {command: ./ready}}}"
    hello.scheduler.tell("web", Behaviour(answers={"/json": 404}))
    hello.scheduler.tell("worker", Behaviour(commands={"./ready": 0}, looks=4))
    assert hello.push("hello", {"paas.yml": paas_yml} | app_json({"path": "/json"})).status == 0
    assert started(hello, "web.1").port == 7000
    assert hello.run("ps:scale hello worker=1").status == 0
    assert hello.run("config:set hello A=1").status == 0
    assert started(hello, "web.1").port == 7000
    assert hello.run("checks:report hello --checks-process-web").out == "enabled: startup check GET /yml\n"
    assert hello.run("releases:rollback hello").status == 0
    assert hello.run("checks:report hello --checks-process-worker").out == "enabled: startup check ./ready\n"


@pytest.mark.real("git")
def test_a_mistake_in_a_file_rejects_the_push_before_anything_is_built(hello):
    built = len(hello.builder.sources)
    result = hello.push("hello", {"paas.yml": "processes: {web: {healthcheck: {path: health}}}"})
    assert result.status == 1
    assert "paas.yml: processes.web.healthcheck.path: must start with '/' [invalid-paas-yml]" in result.err
    assert len(hello.builder.sources) == built


@pytest.mark.real("git")
def test_app_json_may_be_elsewhere(hello):
    hello.run("app-json:set hello appjson-path deploy/app.json")
    result = hello.push("hello", {"app.json": "{", "deploy/app.json": '{"healthchecks": []}'})
    assert "deploy/app.json: healthchecks: must be names with values, not a list [invalid-app-json]" in result.err


@pytest.mark.real("git")
def test_the_healthcheck_of_the_image_is_run_at_once(hello):
    dockerfile = 'FROM scratch\nHEALTHCHECK CMD ./ready\nCMD ["/app"]\n'
    hello.scheduler.tell("web", Behaviour(answer=500, commands={"./ready": 0}))
    assert hello.push("hello", {"Dockerfile": dockerfile}).status == 0
    hello.scheduler.tell("web", Behaviour(commands={"./ready": 1}, health="unhealthy"))
    result = hello.push("hello", {"file": "2"})
    assert result.status == 1
    assert "web.1 did not pass the image's HEALTHCHECK" in result.err


# Commands


@pytest.mark.real("git")
def test_skipped_processes_are_not_checked_but_overlap(hello):
    assert hello.run("checks:skip hello web", caller=DEPLOYER) == (0, "", "-----> hello: web are not checked\n")
    hello.scheduler.tell("web", Behaviour(answer=500))
    assert hello.push("hello", {"file": "2"}).status == 0
    assert hello.scheduler.most["web.1"] == 2
    assert hello.run("checks:report hello --checks-skipped-list").out == "web\n"


@pytest.mark.real("git")
def test_disabled_processes_stop_before_new_ones_start(hello):
    assert hello.run("checks:disable hello") == (
        0,
        "",
        "-----> hello: all processes are not checked, and their old containers stop before new ones start\n",
    )
    hello.scheduler.tell("web", Behaviour(answer=500))
    result = hello.push("hello", {"file": "2"})
    assert result.status == 0
    assert hello.scheduler.most["web.1"] == 1
    assert hello.run("checks:report hello --checks-computed-disabled-list").out == "_all_\n"

    hello.run("checks:enable hello web")
    assert hello.run("checks:report hello --checks-disabled-list").out == "worker\n"
    assert hello.push("hello", {"file": "3"}).status == 1
    hello.run("checks:skip hello")
    assert hello.run("checks:report hello --checks-disabled-list").out == "none\n"
    assert hello.push("hello", {"file": "4"}).status == 0


def test_only_process_types_of_the_app_are_named(hello):
    assert hello.run("checks:disable hello clock") == (
        2,
        "",
        " !     hello has no process type 'clock'\n"
        " !     Its process types are: web, worker [no-such-process-type]\n",
    )
    assert hello.run("checks:disable hello", caller=VIEWER).status == 1


def test_process_types_may_stand_between_commas_before_the_first_deploy_too(server):
    server.run("apps:create fresh")
    assert server.run("checks:disable fresh web,worker clock").err == (
        "-----> fresh: web, worker, clock are not checked, and their old containers stop before new ones start\n"
    )
    assert server.run("checks:report fresh --checks-disabled-list").out == "clock,web,worker\n"
    server.run("checks:enable fresh worker,clock")
    assert server.run("checks:report fresh --checks-disabled-list").out == "web\n"


@pytest.mark.parametrize("types", ["web,", "We_b", "web;worker", "_all_", "none", ","])
def test_what_is_no_process_type_changes_no_list(server, types):
    server.run("apps:create fresh")
    server.run("checks:disable fresh web")
    assert server.run(f"checks:skip fresh '{types}'").status == 2
    assert server.run("checks:report fresh --checks-disabled-list").out == "web\n"
    assert server.run("checks:report fresh --checks-skipped-list").out == "\n"


def test_checks_are_run_against_what_runs(hello):
    hello.deployed("hello", app_json({"path": "/health"}, {"type": "liveness", "command": ["./alive"]}))
    hello.run("ps:scale hello worker=1")
    hello.clock.advance(60)
    started(hello, "web.1").behaviour = Behaviour(commands={"./alive": 0})
    assert hello.run("checks:run hello", caller=DEPLOYER) == (
        0,
        "web.1     startup check GET /health  passed\n"
        "web.1     liveness check ./alive     passed\n"
        "worker.1  startup check up for 1 s   passed\n",
        "",
    )
    started(hello, "web.1").behaviour = Behaviour(commands={"./alive": 3}, answers={"/health": 503})
    assert hello.run("checks:run hello web.1") == (
        1,
        "web.1  startup check GET /health  failed  it answered with status 503\n"
        "web.1  liveness check ./alive     failed  it exited with status 3 and printed './alive failed'\n",
        " !     2 of 2 checks failed [checks-failed]\n",
    )
    hello.scheduler.crash("worker.1")
    result = hello.run("checks:run hello worker --format json")
    assert (result.status, json.loads(result.out)[0]["detail"]) == (1, "its container is exited")
    assert hello.run("checks:run hello clock").err == (
        " !     hello has no running process 'clock'\n !     Running: web.1, worker.1 [no-such-process]\n"
    )


# Liveness

ALIVE = {"type": "liveness", "path": "/alive", "attempts": 2, "wait": 5}


@pytest.fixture
def watched(hello):
    """The app with a liveness check of web, looked at once."""
    hello.deployed("hello", app_json(ALIVE))
    hello.look_after()
    return hello


def liveness(server):
    return json.loads(server.run("ps:report hello --format json").out).get("liveness-web-1")


def test_a_container_that_fails_is_restarted_ever_more_rarely(watched):
    assert liveness(watched) == "passing"
    container, port = watched.scheduler.ids()["web.1"], started(watched, "web.1").published
    started(watched, "web.1").behaviour = Behaviour(answers={"/alive": 503})

    watched.look_after(5)
    assert liveness(watched) == "failed once (GET /alive: it answered with status 503)"
    assert watched.scheduler.calls["restart"] == 0
    watched.look_after(5)
    assert watched.scheduler.calls["restart"] == 1
    assert liveness(watched) == "passing, restarted once"
    assert (watched.scheduler.ids()["web.1"], started(watched, "web.1").published) == (container, port)

    watched.look_after(5)
    watched.look_after(5)
    assert watched.scheduler.calls["restart"] == 2
    for _ in range(3):
        watched.look_after(5)
    assert watched.scheduler.calls["restart"] == 2
    why = "GET /alive: it answered with status 503"
    assert liveness(watched) == f"failed 3 times, restarted 2 times, next try in 5s ({why})"
    watched.look_after(5)
    assert watched.scheduler.calls["restart"] == 3


def test_one_good_answer_counts_from_the_beginning_and_time_forgives(watched):
    web = started(watched, "web.1")
    for answer in (503, 200, 503, 200):
        web.behaviour = Behaviour(answers={"/alive": answer})
        watched.look_after(5)
    assert watched.scheduler.calls["restart"] == 0
    web.behaviour = Behaviour(answers={"/alive": 503})
    watched.look_after(5)
    watched.look_after(5)
    web.behaviour = Behaviour()
    watched.look_after(5)
    assert liveness(watched) == "passing, restarted once"
    watched.look_after(600)
    assert liveness(watched) == "passing"


def test_a_deploy_begins_anew_and_what_is_gone_is_forgotten(watched):
    started(watched, "web.1").behaviour = Behaviour(answers={"/alive": 503})
    watched.look_after(5)
    watched.deployed("hello", {"file": "2"})
    watched.look_after(5)
    watched.look_after(5)
    assert liveness(watched) == "passing"
    assert watched.scheduler.calls["restart"] == 0
    watched.run("ps:stop hello")
    watched.look_after(5)
    assert liveness(watched) is None


@pytest.mark.real("git")
def test_a_restart_waits_for_a_deploy_and_does_not_touch_what_it_replaced(watched):
    old = watched.scheduler.ids()["web.1"]
    started(watched, "web.1").behaviour = Behaviour(answers={"/alive": 503})
    watched.look_after(5)
    with watched.gates.hold("build") as gate:
        watched.commit("hello", {"file": "2"})
        push = watched.begin_push("hello")
        gate.wait_until_reached()
        watched.clock.advance(5)
        watched.liveness.tick()
        jobs = watched.ctx.jobs
        eventually(lambda: "liveness check of web.1 by paas" in jobs.under_way(watched.app()))
    assert push.wait().status == 0
    watched.quiet()
    assert watched.scheduler.calls["restart"] == 0
    assert old not in watched.scheduler.here


def test_a_container_that_does_not_run_is_left_alone(watched):
    watched.scheduler.crash("web.1")
    for _ in range(4):
        watched.look_after(5)
    assert watched.scheduler.calls["restart"] == 0


def test_unchecked_processes_are_not_looked_after(watched):
    watched.run("checks:skip hello web")
    started(watched, "web.1").behaviour = Behaviour(answers={"/alive": 503})
    for _ in range(4):
        watched.look_after(5)
    assert watched.scheduler.calls["restart"] == 0
    assert liveness(watched) is None


def test_what_the_engine_finds_unhealthy_is_restarted(hello):
    hello.scheduler.tell("web", Behaviour(commands={"./ready": 0}, health="healthy"))
    hello.deployed("hello", {"Dockerfile": 'FROM scratch\nHEALTHCHECK CMD ./ready\nCMD ["/app"]\n'})
    hello.look_after()
    assert liveness(hello) == "passing"
    started(hello, "web.1").behaviour = Behaviour(health="unhealthy")
    hello.look_after(5)
    assert hello.scheduler.calls["restart"] == 1


def test_apps_without_liveness_checks_cost_nothing(hello):
    looks = started(hello, "web.1").looks
    for _ in range(4):
        hello.look_after(60)
    assert started(hello, "web.1").looks == looks


# Processes that must not overlap

LONE = {"Procfile": PROCFILE, "paas.yml": "processes: {worker: {overlap: false}}"}


@pytest.fixture
def lone(hello):
    """The app with a worker that must not overlap, deployed so once."""
    hello.run("ps:scale hello worker=1")
    hello.deployed("hello", LONE)
    hello.scheduler.most.clear()
    return hello


@pytest.mark.real("git")
def test_the_old_worker_stops_before_the_new_one_starts(lone):
    before = lone.scheduler.ids()
    result = lone.push("hello", {"file": "2"})
    assert result.status == 0
    steps = ("Started web.1", "Stopped worker.1", "Started worker.1", "Switched the proxy")
    assert sorted(steps, key=result.err.index) == list(steps)
    assert (lone.scheduler.most["web.1"], lone.scheduler.most["worker.1"]) == (2, 1)
    assert not set(before.values()) & set(lone.scheduler.ids().values())


@pytest.mark.real("git")
@pytest.mark.parametrize("behaviour", [Behaviour(exits=1), Behaviour(refused="no such program")])
def test_the_old_worker_comes_back_if_the_new_one_fails(lone, behaviour):
    before = lone.scheduler.ids()
    lone.scheduler.tell("worker", behaviour)
    result = lone.push("hello", {"file": "2"})
    assert result.status == 1
    assert "-----> Restarted the previous worker.1" in result.err
    assert lone.scheduler.ids() == before
    assert started(lone, "worker.1").up
    assert lone.scheduler.most["worker.1"] == 1


@pytest.mark.real("git")
def test_the_old_worker_is_not_stopped_if_another_process_fails(lone):
    before = lone.scheduler.ids()
    lone.scheduler.tell("web", Behaviour(exits=1))
    assert lone.push("hello", {"file": "2"}).status == 1
    assert lone.scheduler.calls["halt"] == 1, "only once, in the deploy of before"
    assert lone.scheduler.ids() == before


@pytest.mark.real("git")
def test_the_old_worker_comes_back_if_the_proxy_refuses(lone):
    before = lone.scheduler.ids()
    lone.proxy.refusals.add("hello")
    result = lone.push("hello", {"file": "2"})
    lone.proxy.refusals.clear()
    assert result.status == 1
    assert lone.scheduler.ids() == before
    assert started(lone, "worker.1").up
    assert lone.scheduler.most["worker.1"] == 1


def test_more_workers_start_beside_those_that_stay(lone):
    before = lone.scheduler.ids()["worker.1"]
    assert lone.run("ps:scale hello worker=3").status == 0
    assert lone.scheduler.ids()["worker.1"] == before
    assert lone.run("ps:restart hello worker").status == 0
    assert all(lone.scheduler.most[f"worker.{index}"] == 1 for index in (1, 2, 3))


@pytest.mark.real("git")
@pytest.mark.parametrize("step", [Step.MAKE_WAY, Step.HEALTH])
def test_after_a_crash_in_between_one_worker_runs_again(lone, tmp_path, step):
    with lone.gates.hold("halt" if step is Step.MAKE_WAY else "inspect") as gate:
        lone.commit("hello", {"file": "2"})
        push = lone.begin_push("hello")
        gate.wait_until_reached()
        survivor = lone.killed(tmp_path / "survivor")
    push.wait()
    survivor.repair()
    try:
        survivor.look_after()
        assert survivor.scheduler.labels() == ["web.1", "worker.1"]
        assert survivor.scheduler.most["worker.1"] <= 1
        assert started(survivor, "worker.1").up
    finally:
        survivor.close()


@pytest.mark.real("git")
def test_web_that_must_not_overlap_is_down_for_that_time_only(hello):
    hello.deployed("hello", {"paas.yml": "processes: {web: {overlap: false}}"})
    hello.scheduler.most.clear()
    assert hello.push("hello", {"file": "2"}).status == 0
    assert hello.scheduler.most["web.1"] == 1
    before = hello.scheduler.ids()
    hello.scheduler.tell("web", Behaviour(answer=500))
    assert hello.push("hello", {"file": "3"}).status == 1
    assert hello.scheduler.ids() == before
    assert started(hello, "web.1").up
    assert hello.proxy.vhost("hello").upstreams == local(started(hello, "web.1").published)


def test_nginx_finishes_requests_as_long_as_the_app_with_the_longest_time_wants(hello):
    assert hello.proxy.options.drain_seconds == 3600
    hello.run("nginx:set --global worker-shutdown-timeout 1m")
    assert hello.proxy.options.drain_seconds == 60
    hello.run("checks:set hello wait-to-retire 5m")
    assert hello.proxy.options.drain_seconds == 300
    hello.run("checks:set --global wait-to-retire 10m")
    assert hello.proxy.options.drain_seconds == 600
    hello.run("checks:set --global wait-to-retire")
    hello.run("checks:set hello wait-to-retire")
    assert hello.proxy.options.drain_seconds == 60


def test_what_is_known_of_images_does_not_grow_with_deploys(hello):
    for number in range(3):
        hello.deployed("hello", {"file": f"{number}"})
        hello.look_after()
    assert len(hello.liveness._has_healthcheck) == 1
