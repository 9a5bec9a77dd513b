"""The Procfile and the command lines in it."""

import pytest

from paas.core.apps import procfile, spec
from paas.core.apps.spec import AppSpec
from paas.core.errors import InvalidValue
from paas.core.model import Process


def described(commands):
    return spec.merge(commands, AppSpec(), AppSpec())


def test_lines_are_read_in_order_without_comments_and_blank_lines():
    text = "# mine\n\nweb: bundle exec puma -p $PORT\r\n  worker :  ./work   \n\tclock-2:./tick:every\n"
    assert list(procfile.parse(text).items()) == [
        ("web", "bundle exec puma -p $PORT"),
        ("worker", "./work"),
        ("clock-2", "./tick:every"),
    ]
    assert procfile.parse("") == {}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("web\n", "Procfile:1: 'web' is not of the form 'type: command'"),
        ("web: x\nworker:\n", "Procfile:2: 'worker:' is not of the form 'type: command'"),
        (": x\n", "Procfile:1: ': x' is not of the form 'type: command'"),
        ("two words: x\n", "Procfile:1: 'two words: x' is not of the form 'type: command'"),
        ("web: x\n\nweb: y\n", "Procfile:3: process type 'web' appears twice"),
        ("Web: x\n", "'Web' is not a name for a process type"),
        ("web_1: x\n", "'web_1' is not a name for a process type"),
        (f"{'w' * 33}: x\n", f"'{'w' * 33}' is not a name for a process type"),
    ],
)
def test_a_line_that_is_wrong_is_named(text, what):
    with pytest.raises(InvalidValue) as raised:
        procfile.parse(text)
    assert raised.value.what == what


def test_the_path_is_part_of_the_complaint():
    with pytest.raises(InvalidValue, match="deploy/Procfile:1: "):
        procfile.parse("web\n", "deploy/Procfile")


@pytest.mark.parametrize(
    ("commands", "exposed", "configured", "expected"),
    [
        ({}, (), None, [Process("web", None, 5000)]),
        ({}, (8000,), None, [Process("web", None, 8000)]),
        ({}, (80, 443), None, [Process("web", None, 5000)]),
        ({}, (8000,), "9000", [Process("web", None, 9000)]),
        ({"web": "a", "worker": "b"}, (8000,), None, [Process("web", "a", 8000), Process("worker", "b", None)]),
        ({"release": "r", "web": "a"}, (), None, [Process("web", "a", 5000)]),
        ({"worker": "b"}, (), None, [Process("worker", "b", None)]),
    ],
)
def test_processes_and_the_port_of_web(commands, exposed, configured, expected):
    assert spec.processes(described(commands), exposed, configured) == tuple(expected)


@pytest.mark.parametrize("port", ["", "0", "65536", "-1", "80a", "1.5", "²"])
def test_a_configured_port_that_is_none(port):
    with pytest.raises(InvalidValue) as raised:
        spec.processes(described({}), (), port)
    assert raised.value.lines() == [
        f"PORT={port} is not a port",
        "The configuration variable PORT is the port the web process listens on, 1 to 65535.",
        "Run 'config:unset APP PORT' to have it chosen, or set a number. [invalid-port]",
    ]
