"""``config:*``: configuration variables."""

import json

import pytest

from fakes import DEPLOYER, VIEWER

RELEASED = (
    "-----> Started web.1 in 0 ms\n-----> Healthy in 0 ms\n-----> Switched the proxy in 0 ms\n"
    "-----> Released v{}: http://hello.localhost:8080\n"
)
FIRST = "       Saved. Takes effect at the first deploy.\n"
RECORDED = "       Saved. Takes effect at the next release ('ps:restart hello').\n"
GLOBAL = "       Saved. Takes effect for each app at its next release ('ps:restart --all' does it now).\n"


@pytest.fixture
def configured(hello):
    hello.run("config:set --no-restart hello A=1 'B=two words' C= 'D=it is 5 o'\"'\"'clock' E='x\ny'")
    return hello


def test_variables_are_set_and_released(hello):
    assert hello.run("config:set hello GREETING='hello world' EMPTY=", caller=DEPLOYER) == (0, "", RELEASED.format(2))
    environment = hello.scheduler.running("web.1").environment
    assert (environment["GREETING"], environment["EMPTY"]) == ("hello world", "")
    assert hello.run("config hello") == (0, "EMPTY:     \nGREETING:  hello world\n", "")
    assert hello.run("config:show hello --format json").out == '{\n  "EMPTY": "",\n  "GREETING": "hello world"\n}\n'
    assert hello.run("config:get hello GREETING") == (0, "hello world\n", "")
    assert hello.run("releases hello").out.splitlines()[0].split()[4:6] == ["config:set", "EMPTY"]


def test_what_an_app_that_does_not_run_is_told_says_when_it_counts(hello):
    hello.run("apps:create new")
    assert hello.run("config:set new A=1") == (0, "", FIRST)
    hello.run("ps:stop hello")
    told = "       Saved. Takes effect at the next start ('ps:start hello').\n"
    assert hello.run("config:set hello A=1") == (0, "", told)
    assert hello.run("config:unset hello A") == (0, "", told)
    assert hello.run("config:set hello A=2").err == told
    hello.run("ps:start hello")
    assert hello.scheduler.running("web.1").environment["A"] == "2"


def test_the_platform_sets_variables_of_its_own(hello):
    commit = hello.ctx.store.releases.current(hello.app()).commit
    assert dict(hello.scheduler.running("web.1").environment) == {
        "DYNO": "web.1",
        "GIT_REV": commit,
        "PAAS_APP": "hello",
        "PAAS_PROCESS_TYPE": "web",
        "PAAS_RELEASE": "v1",
        "PORT": "5000",
    }
    hello.run("ps:scale hello worker=1")
    assert "PORT" not in hello.scheduler.running("worker.1").environment


def test_get_quotes_for_a_shell_and_fails_for_what_is_not_set(configured):
    assert configured.run("config:get hello D") == (0, "it is 5 o'clock\n", "")
    assert configured.run("config:get --quoted hello D") == (0, "'it is 5 o'\"'\"'clock'\n", "")
    assert configured.run("config:get hello B --format json").out == '"two words"\n'
    assert configured.run("config:get hello NOPE") == (
        1,
        "",
        " !     NOPE is not set\n !     'config:keys' lists the variables. [no-such-variable]\n",
    )


def test_names_may_be_seen_by_those_who_may_not_see_values(configured):
    assert configured.run("config:keys hello", caller=VIEWER) == (0, "A\nB\nC\nD\nE\n", "")
    assert json.loads(configured.run("config:keys hello --format json").out) == ["A", "B", "C", "D", "E"]
    for command in ("config", "config:show", "config:export", "config:clear"):
        refused = configured.run(f"{command} hello", caller=VIEWER)
        assert refused.status == 1
        assert refused.err.startswith(f" !     victor may not run {command}\n")
    assert configured.run("config:get hello A", caller=VIEWER).out == ""
    assert configured.run("config:set hello A=2", caller=VIEWER).status == 1
    assert configured.run("config:unset hello A", caller=VIEWER).status == 1
    assert configured.run("config:import hello", stdin="A=2", caller=VIEWER).status == 1
    assert configured.config()["A"] == "1"


def test_export_in_each_format(configured):
    def export(form):
        return configured.run(f"config:export hello --format {form}").out

    quoted = ["A=1", "B='two words'", "C=''", "D='it is 5 o'\"'\"'clock'", "E='x\ny'"]
    assert configured.run("config:export hello").out == export("exports")
    assert export("exports") == "".join(f"export {line}\n" for line in quoted)
    assert export("envfile") == "".join(f"{line}\n" for line in quoted)
    assert export("shell") == "A='1' B='two words' C='' D='it is 5 o'\"'\"'clock' E='x\ny'\n"
    assert export("docker-args") == (
        "--env=A=1 --env='B=two words' --env=C= --env='D=it is 5 o'\"'\"'clock' --env='E=x\ny'\n"
    )
    assert export("docker-args-keys") == "--env=A --env=B --env=C --env=D --env=E\n"
    assert export("pack-keys") == "--env A --env B --env C --env D --env E\n"
    assert export("pretty").startswith("A:  1\nB:  two words\nC:  \n")
    values = {"A": "1", "B": "two words", "C": "", "D": "it is 5 o'clock", "E": "x\ny"}
    assert json.loads(export("json")) == values
    assert json.loads(export("json-list")) == [{"name": key, "value": value} for key, value in values.items()]
    assert configured.run("config:export hello --format xml") == (
        2,
        "",
        " !     'xml' is not a format\n"
        " !     A format is one of exports, envfile, shell, json, json-list, pretty, docker-args,"
        " docker-args-keys, pack-keys. [invalid-value]\n",
    )


def test_what_was_exported_can_be_imported_elsewhere(configured):
    configured.run("apps:create other")
    for form in ("exports", "envfile", "json"):
        text = configured.run(f"config:export hello --format {form}").out
        assert configured.run("config:import --replace other -", stdin=text) == (0, "", FIRST)
        assert configured.config("other") == configured.config("hello")


def test_import_adds_or_replaces(hello):
    assert hello.run("config:import hello", stdin='# mine\nexport A="a b"\nB=1 # no comment\n').status == 0
    assert hello.config() == {"A": "a b", "B": "1 # no comment"}
    assert hello.run("config:import hello -", stdin='{"B": 2, "C": 3.5}').status == 0
    assert hello.config() == {"A": "a b", "B": "2", "C": "3.5"}
    assert hello.run("config:import --replace hello", stdin="D=4\n").status == 0
    assert hello.config() == {"D": "4"}
    assert hello.run("config:import hello", stdin="").err == "       Nothing changed.\n"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("A=1\nbroken line\n", "line 2: 'broken line' is not KEY=VALUE [invalid-envfile]"),
        ("A='open\nB=1\n", "line 1: a quote is not closed [invalid-envfile]"),
        ('{"A": ', "the JSON is broken: Expecting value: line 1 column 7 (char 6) [invalid-envfile]"),
        ('{"A": true}', "A: a value must be a string or a number [invalid-envfile]"),
        (b"A=\xff", "the input is not UTF-8 text"),
        ("A=" + "x" * (1 << 20), "the input is longer than 1048576 bytes [input-too-long]"),
        ("A=1\nDYNO=web.9\n", "DYNO is set by the platform"),
    ],
)
def test_a_file_that_is_broken_changes_nothing(hello, text, complaint):
    result = hello.run("config:import hello", stdin=text)
    assert result.status == 2
    assert result.err.splitlines()[0] == f" !     {complaint}"
    assert hello.config() == {}


def test_import_reads_no_files_of_the_server(hello):
    assert hello.run("config:import hello /etc/passwd", stdin="A=1") == (
        2,
        "",
        " !     config:import reads standard input\n !     Run: config:import APP - < FILE [usage]\n",
    )


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("config:set hello", "config:set: KEY=VALUE is missing"),
        ("config:set hello A", "'A' is not of the form KEY=VALUE"),
        ("config:set hello 1A=x", "'1A' is not a name for a configuration variable"),
        ("config:set hello DYNO=x", "DYNO is set by the platform"),
        ("config:set hello PORT=0", "PORT=0 is not a port"),
        ("config:set hello --encoded A=!", "the value of A is not base64 of UTF-8 text (Only base64 data is allowed)"),
        ("config:unset hello", "config:unset: KEY is missing"),
    ],
)
def test_a_change_that_can_not_be_is_refused_as_a_whole(hello, line, complaint):
    result = hello.run(line)
    assert result.status == 2
    assert result.err.splitlines()[0] == f" !     {complaint}"
    assert hello.config() == {}
    assert hello.run("releases hello").out.count("current") == 1


def test_values_can_be_given_in_base64(hello):
    assert hello.run("config:set --encoded hello A=YSBiCmM=").status == 0
    assert hello.run("config:get hello A").out == "a b\nc\n"


def test_the_port_of_the_web_process_follows_the_variable(hello):
    assert hello.run("config:set hello PORT=8000").status == 0
    assert hello.scheduler.running("web.1").port == 8000
    assert hello.scheduler.running("web.1").environment["PORT"] == "8000"


def test_unset_and_clear_release_the_change(configured):
    assert configured.run("config:unset hello A NOPE") == (0, "", RELEASED.format(2))
    assert configured.run("config:unset hello NOPE") == (0, "", "       Nothing changed.\n")
    assert configured.run("config:clear hello") == (0, "", RELEASED.format(3))
    assert configured.config() == {}


def test_a_change_without_restart_counts_from_the_next_release_on(hello):
    before = hello.scheduler.ids()
    assert hello.run("config:set --no-restart hello A=1") == (0, "", RECORDED)
    assert hello.run("config:unset --no-restart hello B") == (0, "", RECORDED)
    assert hello.scheduler.ids() == before
    assert hello.config() == {"A": "1"}
    assert hello.run("ps:restart hello") == (0, "", RELEASED.format(2))
    assert hello.scheduler.running("web.1").environment["A"] == "1"


def test_nothing_is_restarted_before_the_first_deploy(server):
    server.run("apps:create hello")
    assert server.run("config:set hello A=1") == (0, "", FIRST)
    server.deployed("hello")
    assert server.scheduler.running("web.1").environment["A"] == "1"


def test_global_variables_are_for_all_apps_and_give_way_to_their_own(hello):
    assert hello.run("config:set --global A=global G=global") == (0, "", GLOBAL)
    hello.run("config:set --no-restart hello A=own")
    assert hello.run("config --global").out == "A:  global\nG:  global\n"
    assert hello.run("config hello").out == "A:  own\n"
    assert hello.run("config:show --merged hello").out == "A:  own\nG:  global\n"
    assert hello.run("config:keys --merged hello").out == "A\nG\n"
    assert hello.run("config:export --merged --format shell hello").out == "A='own' G='global'\n"
    assert "G" not in hello.scheduler.running("web.1").environment

    hello.run("ps:restart --all")
    environment = hello.scheduler.running("web.1").environment
    assert (environment["A"], environment["G"]) == ("own", "global")
    assert hello.run("config:unset --global G") == (0, "", GLOBAL)
    assert hello.run("config:clear --global").status == 0
    assert hello.run("config:keys --global") == (0, "", "")


def test_values_are_in_no_log_and_not_readable_in_the_database(hello):
    hello.run("config:set hello TOKEN=hunter2hunter2")
    for path in [*hello.root.glob("paas.db*"), *(hello.root / "jobs").iterdir()]:
        assert b"hunter2" not in path.read_bytes()
    assert "hunter2" not in hello.run("releases hello").out + hello.run("releases:info hello").out


def test_global_variables_need_the_role_admin(hello):
    result = hello.run("config:set --global A=1", caller=DEPLOYER)
    assert result.status == 1
    assert "config:set for all apps needs the role admin" in result.err
    assert hello.ctx.store.config.all(None) == {}


def test_what_is_recorded_while_a_change_comes_up_is_not_lost(hello):
    with hello.gates.hold("inspect") as gate:
        slow = hello.begin("config:set hello A=1")
        gate.wait_until_reached()
        assert hello.run("config:set --no-restart hello B=2").status == 0
    assert slow.wait().status == 0
    hello.quiet()
    assert hello.config() == {"A": "1", "B": "2"}
    assert "B" not in hello.scheduler.running("web.1").environment


ODD = "a\r\nb\u2028c\x0cd\n\ne"


@pytest.mark.parametrize("form", ["exports", "envfile", "shell", "json"])
def test_every_value_survives_export_and_import(hello, form):
    values = {"A": ODD, "B": "x y", "C": "", "D": "it's"}
    hello.run("config:import --no-restart hello -", stdin=json.dumps(values))
    exported = hello.run(f"config:export --format {form} hello").out
    hello.run("config:clear --no-restart hello")
    assert hello.run("config:import --no-restart hello -", stdin=exported).status == 0
    assert hello.config() == values


def test_a_value_is_printed_as_it_is(hello):
    hello.run("config:import --no-restart hello -", stdin=json.dumps({"A": ODD, "C": ""}))
    assert hello.run("config:get hello A").out == f"{ODD}\n"
    assert hello.run("config:get hello C").out == "\n"


@pytest.mark.parametrize("line", ['A="x" y', "A='1' =2", "A=$'a\\nb'"])
def test_what_stands_after_a_value_in_quotes_is_not_lost(hello, line):
    result = hello.run("config:import --no-restart hello -", stdin=f"B=1\n{line}\n")
    assert result.status == 2
    assert "[invalid-envfile]" in result.err
    assert hello.config() == {}


@pytest.mark.parametrize("flag", ["", "--no-restart "])
def test_more_variables_than_a_process_can_be_given_are_refused(hello, flag):
    size = 100_000
    for number in range(18):
        assert hello.run(f"config:set --no-restart hello V{number}={'x' * size}").status == 0
    before = hello.config()
    refused = hello.run(f"config:set {flag}hello MORE={'x' * size}")
    assert refused.status == 2
    assert "more than a process can be given" in refused.err
    assert "[too-many-variables]" in refused.err
    assert hello.config() == before


def test_global_variables_count_for_the_limit(hello):
    for number in range(10):
        assert hello.run(f"config:set --global G{number}={'x' * 100_000}").status == 0
    for number in range(8):
        assert hello.run(f"config:set --no-restart hello V{number}={'x' * 100_000}").status == 0
    assert "[too-many-variables]" in hello.run(f"config:set --no-restart hello MORE={'x' * 100_000}").err
