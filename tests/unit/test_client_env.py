import pytest

from paas.commands.invocation import Terminal
from paas.control import client_env


def test_a_believable_terminal_is_taken_as_it_is():
    assert client_env.terminal(132, 50, "xterm-256color") == Terminal(132, 50, "xterm-256color")


@pytest.mark.parametrize(("columns", "rows"), [(0, 0), (2**32 - 1, 2**32 - 1), (-1, 10_001)])
def test_an_unbelievable_size_becomes_80_by_24(columns, rows):
    assert client_env.terminal(columns, rows, "vt100") == Terminal(80, 24, "vt100")


@pytest.mark.parametrize("kind", ["", "a b", "../../etc", "x" * 65, "xterm\n", "$(id)"])
def test_an_unbelievable_kind_becomes_dumb(kind):
    assert client_env.terminal(80, 24, kind).kind == "dumb"


def test_only_the_git_protocol_passes_and_only_when_it_is_one():
    assert client_env.environment({"GIT_PROTOCOL": "version=2", "LD_PRELOAD": "x", "PATH": "."}) == {
        "GIT_PROTOCOL": "version=2"
    }
    assert client_env.environment({"GIT_PROTOCOL": "version=2\n$(id)"}) == {}
    assert client_env.environment({"GIT_PROTOCOL": ""}) == {}
