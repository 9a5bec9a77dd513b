"""``docker-options:*``: what is taken, what is refused, and where it goes."""

import json

import pytest

from fakes import DEPLOYER, VIEWER


def listed(server, phase):
    return server.run(f"docker-options:list hello --phase {phase}").out.split("\n")[:-1]


def test_options_of_builds_reach_the_build_as_they_are(hello):
    done = hello.run("docker-options:add hello build --build-arg VERSION=1.2 --target web", caller=DEPLOYER)
    assert done == (0, "", "       Saved. Takes effect at the next release ('ps:rebuild hello').\n")
    # Dokku's users write an option as one word.
    hello.run(["docker-options:add", "hello", "build", "--build-arg TEXT=$(id)`id`;$HOME"])
    assert listed(hello, "build") == ["--build-arg=VERSION=1.2", "--target=web", "--build-arg=TEXT=$(id)`id`;$HOME"]
    assert hello.run("ps:rebuild hello").status == 0
    assert hello.builder.sources[-1].options == tuple(listed(hello, "build"))


def test_another_value_takes_the_place_of_the_one_before(hello):
    hello.run("docker-options:add hello build --build-arg A=1 --build-arg B=1 --target one")
    hello.run("docker-options:add hello build --build-arg A=2 --target two")
    assert listed(hello, "build") == ["--build-arg=B=1", "--build-arg=A=2", "--target=two"]


def test_options_of_containers_count_from_the_next_start_on(hello):
    add = "docker-options:add hello deploy"
    hello.run(f"{add} -m 256m --cpus 1.5 --tmpfs /run/cache:size=64m --ulimit nofile=1024:2048")
    hello.run(f"{add} --add-host db:192.0.2.1 --read-only --stop-signal SIGQUIT --dns 192.0.2.9")
    assert hello.run("ps:restart hello").status == 0
    limits = hello.scheduler.running("web.1").limits
    assert limits.memory == 256 << 20
    options = limits.options
    assert (options.cpus, options.read_only, options.stop_signal, options.dns) == (1.5, True, "SIGQUIT", ("192.0.2.9",))
    assert options.tmpfs == {"/run/cache": "size=64m"}
    assert options.ulimits == {"nofile": (1024, 2048)}
    assert options.hosts == {"db": "192.0.2.1"}


def test_an_app_can_not_have_more_memory_than_the_server_gives(hello):
    hello.run("docker-options:add hello deploy --memory 2g")
    hello.run("settings:set memory-limit 512m")
    hello.run("ps:restart hello")
    assert hello.scheduler.running("web.1").limits.memory == 512 << 20


def test_one_off_runs_have_options_of_their_own(hello):
    hello.tasks.tell("env", lambda program: 0)
    done = hello.run("docker-options:add hello run --memory 64m --tmpfs /scratch")
    assert done.err == "       Saved. Takes effect at the next run.\n"
    assert hello.run("run hello env").status == 0
    spec = hello.tasks.specs[-1]
    assert (spec.memory, spec.options.tmpfs) == (64 << 20, {"/scratch": f"size={64 << 20}"})
    hello.run("ps:restart hello")
    assert hello.scheduler.running("web.1").limits.memory == 1 << 30, "what suits the machine"
    hello.run("settings:set memory-limit 0")
    hello.run("ps:restart hello")
    assert hello.scheduler.running("web.1").limits.memory == 0


def test_they_are_removed_one_by_one_and_all_at_once(hello):
    hello.run("docker-options:add hello build,deploy --label team=a --add-host db:192.0.2.1")
    assert hello.run("docker-options:remove hello build '--label team=a'").status == 0
    assert (listed(hello, "build"), len(listed(hello, "deploy"))) == (["--add-host=db:192.0.2.1"], 2)
    missing = hello.run("docker-options:remove hello build --label=team=a")
    assert (missing.status, "[no-such-option]" in missing.err) == (1, True)
    assert hello.run("docker-options:clear hello build").status == 0
    assert (listed(hello, "build"), len(listed(hello, "deploy"))) == ([], 2)
    assert hello.run("docker-options:clear hello").status == 0
    assert listed(hello, "deploy") == []


def test_a_clone_has_them_too(hello):
    hello.run("docker-options:add hello build,deploy --label team=a")
    assert hello.run("apps:clone hello other").status == 0
    assert hello.run("docker-options:list other --phase deploy").out == "--label=team=a\n"


def test_the_report_has_them_by_phase(hello):
    hello.run("docker-options:add hello build --target web")
    facts = json.loads(hello.run("docker-options:report hello --format json", caller=VIEWER).out)
    assert facts == {"build": "--target=web", "deploy": "", "run": ""}
    assert hello.run("docker-options:report hello --docker-options-build").out == "--target=web\n"
    assert "hello docker-options information" in hello.run("docker-options:report").out


@pytest.mark.parametrize(
    ("phase", "option", "why"),
    [
        ("deploy", "--privileged", "reach beyond its own containers"),
        ("deploy", "-v /:/host", "reach files of the server"),
        ("deploy", "--volume=/etc:/etc", "reach files of the server"),
        ("deploy", "--mount type=bind,source=/,target=/x", "reach files of the server"),
        ("deploy", "--cap-add SYS_ADMIN", "reach beyond its own containers"),
        ("deploy", "--device /dev/sda", "reach beyond its own containers"),
        ("deploy", "--security-opt seccomp=unconfined", "reach beyond its own containers"),
        ("deploy", "--pid host", "reach beyond its own containers"),
        ("deploy", "--network host", "Taken are:"),
        ("deploy", "-p 80:80", "through its domains"),
        ("deploy", "--env A=1", "config:set"),
        ("deploy", "--restart always", "The platform sees to that."),
        ("deploy", "--label paas.app-id=7", "not below paas."),
        ("deploy", "--memory 1k", "a size from 6m"),
        ("deploy", "--memory", "a size from 6m"),
        ("deploy", "--cpus 0", "a number such as 1.5"),
        ("deploy", "--tmpfs /proc", "a path"),
        ("deploy", "--tmpfs /x:uid=0", "a path"),
        ("deploy", "--sysctl kernel.msgmax=1", "net."),
        ("deploy", "--ulimit nofile=x", "nofile"),
        ("deploy", "--read-only=false", ""),
        ("deploy", "--build-arg A=1", "Taken are:"),
        ("build", "--build-arg SECRET", "stay readable in the image's history"),
        ("build", "--build-arg no_proxy=x", "Proxies of builds are settings."),
        ("build", "--build-arg 1A=x", "letters, digits"),
        ("build", "--secret id=x,src=/etc/shadow", "read files of the server"),
        ("build", "--ssh default", "read files of the server"),
        ("build", "--network host", "none or default"),
        ("build", "--target ../x", "the name of a stage"),
        ("build", "-f /etc/passwd", "Taken are:"),
        ("build", "--output=/etc", "Taken are:"),
        ("build", "--no-cache=1", ""),
        ("build", "'--target \"x'", ""),
        ("build", "word", "Taken are:"),
        ("build", "", "Taken are:"),
    ],
)
def test_what_is_not_taken_is_refused_with_the_reason(hello, phase, option, why):
    result = hello.run(f"docker-options:add hello {phase} {option}")
    assert result.status == 2
    assert "[invalid-option]" in result.err, result.err
    assert why in result.err or not option
    assert listed(hello, phase) == []


def test_phases_that_there_are_not(hello):
    assert "[invalid-phase]" in hello.run("docker-options:add hello start --memory 1g").err
    assert hello.run("docker-options:list hello --phase build,deploy").status == 2
