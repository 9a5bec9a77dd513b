"""Which servers a Dockerfile has the engine connect to."""

import pytest

from paas.core.builds import dockerfile, servers

ELSEWHERE = "10.0.0.1:5000/x"


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("FROM debian\nFROM me/app:1 AS a\nFROM scratch\nCOPY --from=a / /\nCOPY --from=0 / /\n", []),
        ("FROM 127.0.0.1:5000/x:1\n", ["127.0.0.1"]),
        ("from --platform=linux/amd64 localhost/x as a\nFROM a\n", ["localhost"]),
        ("ARG R=10.0.0.1\nFROM $R/x\n", ["10.0.0.1"]),
        ("ARG R=example.org\nFROM ${R}:5000/x\n", ["example.org"]),
        ("FROM ${R:-10.0.0.1}/x\n", ["10.0.0.1"]),
        ("FROM x\nCOPY --from=10.0.0.1:5000/x /a /b\n", ["10.0.0.1"]),
        ("FROM x\nRUN --mount=type=bind,from=10.0.0.1:5000/x,target=/y true\n", ["10.0.0.1"]),
        ("FROM x\nADD http://127.0.0.1:2696/admin /stolen\n", ["127.0.0.1"]),
        ("FROM x\nONBUILD ADD http://127.0.0.1/ /stolen\n", ["127.0.0.1"]),
        ("FROM x\nADD \\\n # why\n  https://user:x@[::1]/ /stolen\n", ["::1"]),
        ('FROM x\nADD ["a", "http://169.254.169.254/latest", "/x"]\n', ["169.254.169.254"]),
        ("FROM x\nENV U http://127.0.0.1/\nADD $U /x\n", ["127.0.0.1"]),
        ("FROM x\nADD http://$H/ /x\n", ["$h"]),
        ("FROM x\nADD git@10.0.0.1:x.git /x\nADD git://10.0.0.2/x.git /y\n", ["10.0.0.2", "10.0.0.1"]),
        ("# syntax=10.0.0.1:5000/frontend\nFROM x\n", ["10.0.0.1"]),
        ("# escape=`\nFROM x\nADD `\n http://127.0.0.1/ c:\\\n", ["127.0.0.1"]),
        ("FROM x\nRUN curl http://127.0.0.1/\nADD file /x\n", []),
    ],
)
def test_servers(text, hosts):
    found = [one.host for one in servers.references(text, {})]
    assert sorted(found) == sorted(hosts)


def test_a_build_argument_goes_before_its_default():
    text = "ARG R=example.org\nFROM $R/x\n"
    assert [one.host for one in servers.references(text, {"R": "10.0.0.1"})] == ["10.0.0.1"]
    assert [one.host for one in servers.references(text, {"Other": "10.0.0.1"})] == ["example.org"]


def test_the_line_is_that_of_the_instruction():
    [found] = servers.references("FROM x\n\nADD \\\n  http://10.0.0.1/y /y\n", {})
    assert (found.line, found.words, found.server) == (3, "ADD http://10.0.0.1/y", "10.0.0.1")


def test_instructions_behind_onbuild():
    assert dockerfile.split("onbuild  run x y") == ("RUN", "x y")
    assert dockerfile.split("ONBUILD") == ("-", "")


def test_variables_that_double_each_other_and_lines_without_end():
    doubled = "".join(f"ENV A{n}=$A{n - 1}$A{n - 1}\n" for n in range(1, 200))
    assert list(servers.references(f"FROM x\nENV A0=xxxxxxxx\n{doubled}ADD $A199 /x\n", {})) == []
    [found] = servers.references(f"FROM x\nADD {'$A ' * 10_000}/x\nRUN {'$A ' * 10_000}\n", {})
    assert (found.line, found.host) == (2, "$")
