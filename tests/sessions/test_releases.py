"""``releases*``: what was released, and going back."""

import json

from fakes import DEPLOYER, VIEWER, Behaviour
from paas.commands.invocation import Terminal

STEPS = "-----> Started web.1 in 0 ms\n-----> Healthy in 0 ms\n-----> Switched the proxy in 0 ms\n"


def test_releases_are_listed_newest_first(hello):
    hello.clock.advance(3600)
    hello.run("config:set hello A=1", caller=DEPLOYER)
    commit = hello.ctx.store.releases.current(hello.app()).commit[:10]
    assert hello.run("releases hello", caller=VIEWER) == (
        0,
        f"v2  current     2026-01-01T01:00:00Z  alice  config:set A  {commit}\n"
        f"v1  superseded  2026-01-01T00:00:00Z  admin  git push      {commit}\n",
        "",
    )
    assert hello.run("releases hello", terminal=Terminal(80, 24)).out.splitlines()[0].split("  ")[0] == "VERSION"
    newest = json.loads(hello.run("releases hello --format json").out)[0]
    assert newest == {
        "version": "v2",
        "state": "current",
        "created_at": "2026-01-01T01:00:00Z",
        "actor": "alice",
        "cause": "config:set A",
        "commit": commit,
    }


def test_an_app_without_releases_has_an_empty_list(server):
    server.run("apps:create hello")
    assert server.run("releases hello") == (0, "", "")
    assert server.run("releases:info hello") == (
        1,
        "",
        " !     hello has not been deployed yet\n !     Push to it first. [not-deployed]\n",
    )


def test_info_shows_what_a_release_is_made_of(hello):
    release = hello.ctx.store.releases.current(hello.app())
    hello.run("config:set hello TOKEN=secret")
    info = json.loads(hello.run("releases:info hello v2 --format json", caller=VIEWER).out)
    assert info == {
        "version": "v2",
        "state": "current",
        "created_at": "2026-01-01T00:00:00Z",
        "actor": "admin",
        "cause": "config:set TOKEN",
        "commit": release.commit,
        "image": release.image,
        "image_kept": True,
        "processes": {"web": "./web", "worker": "./work"},
        "config": ["TOKEN"],
        "container": {},
    }
    assert hello.run("releases:info hello").out == (
        "version     v2\n"
        "state       current\n"
        "created at  2026-01-01T00:00:00Z\n"
        "actor       admin\n"
        "cause       config:set TOKEN\n"
        f"commit      {release.commit}\n"
        f"image       {release.image}\n"
        "image kept  true\n"
        "processes   web=./web worker=./work\n"
        "config      TOKEN\n"
        "container\n"
    )
    assert hello.run("releases:info hello 1").out.startswith("version     v1\nstate       superseded\n")


def test_info_of_the_image_s_own_command(server):
    server.deployed("hello")
    assert "processes   web=(the image's CMD)\n" in server.run("releases:info hello").out


def test_a_release_that_is_not_there(hello):
    assert hello.run("releases:info hello v9") == (
        1,
        "",
        " !     hello has no release v9\n !     'releases hello' lists them. [no-such-release]\n",
    )
    assert hello.run("releases:rollback hello newest") == (
        2,
        "",
        " !     'newest' is not a release\n !     A release is written as v3 or 3. [invalid-release]\n",
    )


def test_rollback_goes_to_the_release_of_before(hello):
    hello.run("config:set hello A=1")
    assert hello.run("releases:rollback hello", caller=DEPLOYER) == (
        0,
        "",
        f"-----> Rolling hello back to v1\n{STEPS}-----> Released v3: http://hello.localhost:8080\n",
    )
    assert hello.run("releases hello").out.splitlines()[0].split()[4:7] == ["rollback", "to", "v1"]
    assert hello.config() == {}
    assert "A" not in hello.scheduler.running("web.1").environment


def test_rollback_to_a_named_release(hello):
    hello.deployed("hello", {"file": "2"})
    hello.deployed("hello", {"file": "3"})
    built = len(hello.builder.sources)
    first, _, _ = reversed(hello.ctx.store.releases.summaries(hello.app()))
    assert hello.run("releases:rollback hello v1").status == 0
    assert hello.ctx.store.releases.current(hello.app()).image == first.image
    assert hello.scheduler.running("web.1").container.image == first.image
    assert len(hello.builder.sources) == built


def test_there_may_be_nothing_to_go_back_to(hello):
    assert hello.run("releases:rollback hello") == (
        1,
        "",
        " !     hello has no earlier release to go back to [no-earlier-release]\n",
    )
    assert hello.run("releases:rollback hello", caller=VIEWER).status == 1


def test_a_release_that_failed_is_not_gone_back_to(hello):
    hello.scheduler.tell("web", Behaviour(exits=1))
    assert hello.run("config:set hello A=1").status == 1
    assert hello.run("releases hello").out.startswith("v2  failed ")
    assert hello.run("releases:rollback hello v2") == (
        1,
        "",
        " !     v2 never served: it is failed\n"
        " !     Choose another release from 'releases hello'. [release-failed]\n",
    )


def test_images_of_older_releases_are_dropped(hello):
    hello.run("settings:set keep-images 2")
    for number in range(3):
        hello.deployed("hello", {"file": str(number)})
    first = hello.ctx.store.releases.get(hello.app(), 1)
    assert [version for _, version in sorted(hello.scheduler.names)] == [3, 4]
    assert "image kept  false\n" in hello.run("releases:info hello v1").out
    assert hello.run("releases:rollback hello v1") == (
        1,
        "",
        " !     the image of v1 is gone\n"
        " !     The images of the last 2 releases are kept (keep-images).\n"
        f" !     Push the commit {first.commit[:10]} again. [image-gone]\n",
    )


def test_rollback_can_keep_the_configuration(hello):
    hello.deployed("hello", {"Procfile": "web: ./other\n"})
    hello.run("config:set hello A=1 PORT=7000")
    result = hello.run("releases:rollback hello v1 --keep-config")
    assert result.status == 0
    assert "       The configuration stays as it is.\n" in result.err
    assert hello.config() == {"A": "1", "PORT": "7000"}
    web = hello.scheduler.running("web.1")
    assert (web.command, web.port, web.environment["A"]) == ("./web", 7000, "1")
    assert hello.run("releases:rollback hello v1").status == 0
    assert hello.config() == {}


def test_what_differs_between_two_releases(hello):
    hello.run("config:set hello A=secret B=2")
    hello.run("config:set hello A=other")
    assert hello.run("releases:diff hello v2 v3", caller=VIEWER) == (
        0, "config A  changed  ********  ********\n", "",
    )  # fmt: skip
    lines = hello.run("releases:diff hello v1").out.splitlines()
    assert [line.split() for line in lines] == [["config", key, "added", "********"] for key in "AB"]
    assert hello.run("releases:diff hello v3 v3").err == "       v3 and v3 are alike.\n"
    found = json.loads(hello.run("releases:diff hello v1 v2 --format json").out)
    assert found[0] == {"what": "config A", "change": "added", "before": "", "after": "********"}
    assert hello.run("releases:diff hello v1 v9").status == 1


def test_global_variables_that_go_back_for_now_are_told(hello):
    hello.run("config:set --global SHARED=1")
    hello.run("config:set hello A=1")
    hello.run("config:set --global SHARED=2")
    hello.run("config:set hello A=2")
    version = [line.split()[0] for line in hello.run("releases hello").out.splitlines()]
    result = hello.run(f"releases:rollback hello {version[-2]}")
    assert result.status == 0, result.err
    assert "These global variables had other values in" in result.err and "SHARED" in result.err


def memory_of(server, name="web.1"):
    return server.scheduler.running(name).limits.memory


def test_a_rollback_brings_the_settings_of_containers_back(hello):
    assert hello.run("docker-options:add hello deploy --memory 256m").status == 0
    assert hello.run("ps:set hello stop-timeout-seconds 10").status == 0
    assert hello.run("ps:restart hello").status == 0
    assert memory_of(hello) == 256 << 20
    hello.run("docker-options:add hello deploy --memory 300m")
    hello.run("docker-options:add hello run --cpus 2")
    hello.run("ps:set hello stop-timeout-seconds 20")
    assert hello.run("ps:restart hello").status == 0
    assert memory_of(hello) == 300 << 20

    found = json.loads(hello.run("releases:diff hello v2 v3 --format json").out)
    assert [(row["what"], row["change"], row["before"], row["after"]) for row in found] == [
        ("docker-options deploy", "changed", "--memory=256m", "--memory=300m"),
        ("docker-options run", "added", "", "--cpus=2"),
        ("ps stop-timeout-seconds", "changed", "10", "20"),
    ]
    info = json.loads(hello.run("releases:info hello --format json").out)
    assert info["container"]["docker-options deploy"] == "--memory=300m"

    assert hello.run("releases:rollback hello v2").status == 0
    running = hello.scheduler.running("web.1").limits
    assert (running.memory, running.stop_timeout) == (256 << 20, 10)
    # What the next release starts from went back, too.
    assert hello.run("docker-options:list hello --phase deploy").out == "--memory=256m\n"
    assert hello.run("docker-options:list hello --phase run").out == ""
    assert hello.ctx.store.properties.of(hello.app()).value("ps", "stop-timeout-seconds") == 10
    assert hello.run("releases:diff hello v2").out == ""


def test_a_rollback_with_keep_config_keeps_the_settings_of_containers(hello):
    hello.run("docker-options:add hello deploy --memory 256m")
    hello.run("ps:restart hello")
    assert hello.run("releases:rollback hello v1 --keep-config").status == 0
    assert memory_of(hello) == 256 << 20


def test_all_containers_of_a_release_have_the_same_settings(hello):
    before = memory_of(hello)
    hello.run("docker-options:add hello deploy --memory 256m")
    assert hello.run("ps:scale hello web=2").status == 0
    assert memory_of(hello, "web.2") == before
    assert hello.run("ps:restart hello").status == 0
    assert (memory_of(hello), memory_of(hello, "web.2")) == (256 << 20, 256 << 20)


def test_a_failed_rollback_leaves_the_settings_as_they_were(hello):
    hello.run("docker-options:add hello deploy --memory 256m")
    hello.run("ps:restart hello")
    hello.scheduler.tell("web", Behaviour(exits=1))
    assert hello.run("releases:rollback hello v1").status != 0
    assert hello.run("docker-options:list hello --phase deploy").out == "--memory=256m\n"
    assert memory_of(hello) == 256 << 20


def test_a_release_from_before_takes_what_is_set_when_its_containers_start(hello):
    hello.ctx.store._database.execute("UPDATE releases SET container = NULL")
    hello.run("docker-options:add hello deploy --memory 256m")
    assert hello.run("ps:restart hello").status == 0
    assert memory_of(hello) == 256 << 20
    assert hello.ctx.store.releases.current(hello.app()).version == 1
    hello.run("config:set hello A=1")
    hello.run("docker-options:add hello deploy --memory 300m")
    hello.run("ps:restart hello")
    # It says nothing of its containers, so the settings of now stay.
    assert hello.run("releases:rollback hello v1").status == 0
    assert memory_of(hello) == 300 << 20
    assert "docker-options" not in hello.run("releases:diff hello v1 v4").out
