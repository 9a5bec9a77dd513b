"""``help``, ``--help`` and ``NAMESPACE:help``."""

import pytest

from fakes import VIEWER
from paas.commands.declare import COMMANDS

LIST = "Usage: apps:list [--format text|json]\n\nList the apps.\n"


def test_help_shows_every_command_that_is_not_hidden(server):
    result = server.run("help", caller=VIEWER)
    assert result.status == 0
    assert result.out.startswith("Usage: paas COMMAND …, or ssh -p PORT paas@HOST COMMAND …\n")
    listed = [line.split()[0] for line in result.out.splitlines() if line.startswith("  ")]
    assert sorted(listed) == sorted(name for name, command in COMMANDS.items() if not command.hidden)
    for line in ("", "--help", "-h", "help --quiet"):
        assert server.run(line) == result


def test_help_of_one_command(server):
    for line in ("help apps:list", "apps:list --help", "apps:list -h nonsense", "--help"):
        assert server.run(line).status == 0
    assert server.run("help apps:list").out == LIST
    assert server.run("apps:list --help").out == LIST
    assert server.run("ps:set --help").out == (
        "Usage: ps:set APP|--global KEY [VALUE]\n\n"
        "Set a property of an app, or with --global for all apps; an empty value unsets it.\n\n"
        "The properties are:\n\n"
        "  procfile-path: where the Procfile is, relative to the build folder (default: Procfile)\n"
        "  stop-timeout-seconds: seconds from SIGTERM to SIGKILL when a container is stopped (default: 30)\n\n"
        "With --global it needs the role admin.\n"
    )


def test_help_needs_no_right_and_no_arguments(server):
    shown = server.run("ssh-keys:add --help", caller=VIEWER).out
    assert shown.startswith("Usage: ssh-keys:add [--role ROLE] NAME [-]\n")


@pytest.mark.parametrize("line", ["help domains", "domains:help", "domains:help --quiet"])
def test_help_of_a_namespace(server, line):
    names = [row.split()[0] for row in server.run(line).out.splitlines()]
    assert names == sorted(name for name in COMMANDS if name.startswith("domains:"))


def test_help_of_a_command_that_is_a_namespace_too(server):
    text = server.run("help config").out
    assert text.startswith("Usage: config [--merged] [--format text|json] APP|--global\n")
    assert "\n  config:export  Print all variables" in text


def test_there_may_be_no_such_topic(server):
    assert server.run("help nope") == (
        1,
        "",
        " !     there is no help on 'nope'\n !     'help' lists the commands. [no-such-topic]\n",
    )
