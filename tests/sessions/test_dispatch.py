"""The grammar that all commands share: flags, formats, errors, rights."""

import json
import logging
import re

import pytest

from fakes import DEPLOYER, VIEWER, eventually
from paas.commands.declare import COMMANDS, Command
from paas.commands.invocation import Terminal
from paas.core.access.caller import Access
from paas.core.errors import Disconnected
from paas.dispatch import foreign_commands


@pytest.fixture
def command(monkeypatch):
    """Declares a command for one test."""

    def declare(name, handler, access=Access.VIEW):
        monkeypatch.setitem(COMMANDS, name, Command(name, access, handler, (), "", True, True))

    return declare


@pytest.mark.parametrize(
    "line",
    [
        "apps:list",
        "-- apps:list",
        "--quiet apps:list",
        "-- --quiet apps:list",
        "--trace apps:list",
        "apps:list --quiet",
        "--quiet --trace apps:list --format text",
        "apps:list --format=text",
        "--format text apps:list",
        "--format=text apps:list",
        "apps:list --",
    ],
)
def test_global_flags_may_stand_before_and_after_the_command(hello, line):
    assert hello.run(line) == (0, "hello\n", "")


@pytest.mark.parametrize(
    "line",
    [
        *("url --app hello", "url --app=hello", "--app hello url", "--app=hello url", "-- --app hello url"),
        *("--quiet --app hello url", "url hello"),
    ],
)
def test_the_flag_app_stands_for_the_first_argument(hello, line):
    assert hello.run(line) == (0, "http://hello.localhost:8080\n", "")


def test_the_flag_app_goes_before_all_other_arguments(hello):
    assert hello.run("config:set A=1 --app hello --no-restart").status == 0
    assert hello.config() == {"A": "1"}


@pytest.mark.parametrize(
    "line",
    [
        *("logs:drain list --app hello", "logs:drain --app hello list", "--app hello logs:drain list"),
        "logs:drain list hello",
    ],
)
def test_the_flag_app_goes_where_the_app_goes(hello, line):
    hello.run("apps:create other")
    hello.run("logs:drain add other syslog+tcp://logs.example.org:514")
    hello.run("logs:drain add hello syslog+tcp://logs.example.org:515")
    assert [row["app"] for row in json.loads(hello.run(f"{line} --format json").out)] == ["hello"]


@pytest.mark.parametrize(
    "line",
    [
        *("logs hello -n 2 -q", "logs hello -n2 -q", "logs -n2 hello -q", "logs hello -n=2 -q", "logs hello -qn2"),
        *("logs hello -qn 2", "-- logs -qn2 hello", "logs hello -qn2 -pnosuch --ps="),
    ],
)
def test_flags_of_one_letter_take_their_value_at_once_and_stand_together(hello, line):
    told = hello.run("logs hello -q").out.splitlines(keepends=True)
    assert hello.run(line) == (0, "".join(told[-2:]), "")


def test_a_word_for_the_command_itself_is_not_taken_apart(hello):
    hello.tasks.tell("ls -la", lambda program: program.out(b"listed\n") or 0)
    assert hello.run("run --app hello ls -la").out == hello.run("run hello ls -la").out == "listed\n"
    assert " !     logs has no flag -x\n" in hello.run("logs hello -qx").err


def test_a_flag_that_a_command_can_not_do_without(hello):
    assert hello.run("docker-options:list hello") == (
        2,
        "",
        " !     docker-options:list: --phase is missing\n"
        " !     Usage: docker-options:list --phase PHASE [--format text|json] APP [usage]\n",
    )


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (
            "proxy:build-config hello",
            " !     No build is necessary: domains, certificates and properties take effect at once.\n"
            " !     'help' lists the commands. [no-such-command]\n",
        ),
        (
            "letsencrypt:cron-job --add",
            " !     The server renews certificates automatically, at two thirds of their life.\n"
            " !     'help letsencrypt' lists the commands of letsencrypt. [no-such-command]\n",
        ),
        (
            "domains hello",
            " !     'domains:report APP' shows them.\n"
            " !     'help domains' lists the commands of domains. [no-such-command]\n",
        ),
        (
            "storage:mount hello /data",
            " !     There are no volumes yet: what containers write goes with them.\n"
            " !     'help' lists the commands. [no-such-command]\n",
        ),
    ],
)
def test_commands_of_other_platforms_are_answered_with_what_does_it_here(hello, line, complaint):
    assert hello.run(line) == (2, "", f" !     there is no command {line.split()[0]!r}\n{complaint}")


def test_what_is_said_of_other_platforms_names_commands_that_there_are():
    assert not foreign_commands.INSTEAD.keys() & COMMANDS.keys()
    assert not foreign_commands.NAMESPACES.keys() & {entry.namespace for entry in COMMANDS.values()}
    for text in (*foreign_commands.INSTEAD.values(), *foreign_commands.NAMESPACES.values()):
        for named in re.findall(r"(?:^|\s)'([a-z-]+(?::[a-z-]+)?)", text):
            assert named in COMMANDS or named == "paas" or named == "ssh", text


def test_lists_of_facts_are_tables(hello):
    hello.run("headers:set hello X-Long-Name one")
    hello.run("headers:set hello X-A two")
    rows = [line.split() for line in hello.run("headers:list hello", terminal=Terminal(80, 24)).out.splitlines()]
    assert rows[0] == ["HEADER", "VALUE"]
    assert sorted(rows[1:]) == [["X-A", "two"], ["X-Long-Name", "one"]]
    assert sorted(hello.run("headers:list hello").out.splitlines()) == ["X-A          two", "X-Long-Name  one"]


def test_a_command_that_there_is_not_gets_a_suggestion(hello):
    assert hello.run("app:list") == (
        2,
        "",
        " !     there is no command 'app:list'\n"
        " !     Did you mean apps:list or apps:exists or auth:list?\n"
        " !     'help' lists the commands. [no-such-command]\n",
    )
    assert hello.run("xyzzy").err == (
        " !     there is no command 'xyzzy'\n !     'help' lists the commands. [no-such-command]\n"
    )


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (
            "apps:list extra",
            " !     apps:list: unexpected argument 'extra'\n !     Usage: apps:list [--format text|json] [usage]\n",
        ),
        ("apps:info", " !     apps:info: APP is missing\n !     Usage: apps:info [--format text|json] APP [usage]\n"),
        (
            "config:set hello --no-retsart A=1",
            " !     config:set has no flag --no-retsart\n"
            " !     Did you mean --no-restart?\n"
            " !     Usage: config:set [--no-restart] [--encoded] APP|--global [KEY=VALUE…] [usage]\n",
        ),
        (
            "ps:stop --glob",
            " !     ps:stop has no flag --glob\n !     Usage: ps:stop [--all] [APP] [usage]\n",
        ),
        (
            "apps:create x --format json",
            " !     apps:create has no flag --format\n !     Usage: apps:create NAME [usage]\n",
        ),
        (
            "apps:destroy hello --force=yes",
            " !     --force takes no value\n !     Usage: apps:destroy [--force] APP [usage]\n",
        ),
        (
            "apps:list --format",
            " !     --format needs a value\n !     Usage: apps:list [--format text|json] [usage]\n",
        ),
        ("apps:list --format yaml", " !     --format takes text or json, not 'yaml' [usage]\n"),
        (
            "logs hello -x",
            " !     logs has no flag -x\n"
            " !     Usage: logs [-t|--tail] [-n|--num N] [-p|--ps PROCESS] [--since TIME] [--until TIME] [--grep RE]"
            " [--release VERSION] [--source SOURCE] [--format text|json] [-q|--plain] [--raw]"
                " [--color auto|always|never] [--cut SIZE] [--after PLACE] APP [usage]\n",
        ),
    ],
)
def test_a_line_that_the_command_does_not_take(hello, line, complaint):
    assert hello.run(line) == (2, "", complaint)
    assert hello.run("apps:list").out == "hello\n"


def test_after_two_dashes_nothing_is_a_flag(hello):
    assert hello.run("config:set hello --no-restart -- A=--force").status == 0
    assert hello.run("apps:info -- --format").err.startswith(" !     there is no app '--format'\n")


def test_a_name_with_a_dash_alone_is_an_argument(hello):
    assert hello.run("config:import hello - --no-restart", stdin="A=1").status == 0
    assert hello.config() == {"A": "1"}


def test_every_command_wants_the_role_that_it_declares_before_it_reads_its_arguments(server):
    for name, entry in COMMANDS.items():
        for caller in (VIEWER, DEPLOYER):
            if caller.access >= entry.access:
                continue
            role = entry.access.name.lower()
            assert server.run([name, "nope", "x"], caller=caller) == (
                1,
                "",
                f" !     {caller.name} may not run {name}\n"
                f" !     It needs the role {role}; this key has {caller.access.name.lower()}.\n"
                f" !     An administrator can add the key with another role: 'ssh-keys:add NAME --role {role}'. "
                "[forbidden]\n",
            )


def test_a_command_of_an_app_that_there_is_not_ends_with_20(hello):
    lines = ["apps:info", "ps", "ps:scale", "logs", "releases", "config", "domains:report", "git:report", "url", "urls"]
    for line in lines:
        result = hello.run(f"{line} nope")
        assert (result.status, result.out) == (20, ""), line
        assert result.err.startswith(" !     there is no app 'nope'\n")


def test_an_error_of_the_platform_s_own_is_logged_and_told_without_details(hello, command, caplog):
    def broken(ctx):
        raise RuntimeError("secret detail")

    command("broken", broken)
    assert hello.run("broken", may_break=True) == (
        1,
        "",
        " !     internal server error\n !     The server's log has the details. [internal]\n",
    )
    assert "secret detail" in caplog.text
    assert caplog.records[0].levelno == logging.ERROR
    assert hello.run("apps:list").status == 0


def test_who_goes_away_gets_no_error(hello, command):
    def talk(ctx):
        while True:
            ctx.out.result(b"more\n")

    def leave(ctx):
        raise Disconnected

    command("talk", talk)
    command("leave", leave)
    session = hello.begin("talk", stdin=None)
    eventually(lambda: session.out)
    session.hang_up()
    assert session.wait().status == 130
    assert hello.run("leave") == (130, "", "")


def test_json_is_indented_and_not_escaped(hello):
    hello.run("config:set --no-restart hello A=é")
    assert hello.run("config hello --format json").out == '{\n  "A": "é"\n}\n'


def test_text_has_no_blanks_at_the_ends_of_lines(hello):
    for line in ("ps", "releases", "apps:info", "ps:report", "git:report", "domains:report"):
        assert not re.search(r"[ \t]$", hello.run(f"{line} hello").out, re.MULTILINE), line
