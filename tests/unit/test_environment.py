"""Configuration variables: read, checked, written out."""

import json
import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paas.core.apps import environment
from paas.core.errors import InvalidValue
from paas.core.model import Process
from paas.core.secret import Secret

KEYS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True).filter(lambda key: key not in environment.RESERVED)
VALUES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)
SETS = st.dictionaries(KEYS, VALUES, max_size=6)


@given(SETS, st.sampled_from(["exports", "envfile", "json"]))
def test_what_is_written_is_read_again(values, form):
    assert environment.parse_envfile(environment.render(values, form)) == values


@given(SETS)
def test_other_formats_hold_the_same(values):
    assert dict(word.split("=", 1) for word in shlex.split(environment.render(values, "shell"))) == values
    arguments = shlex.split(environment.render(values, "docker-args"))
    assert dict(word.removeprefix("--env=").split("=", 1) for word in arguments) == values
    rows = json.loads(environment.render(values, "json-list"))
    assert {row["name"]: row["value"] for row in rows} == values
    assert [row["name"] for row in rows] == sorted(values)


def test_a_real_shell_reads_the_exports():
    values = {"A": "it's \"5\" $HOME `x` \\", "B": "two\nlines", "C": ""}
    program = environment.render(values, "exports") + '\nprintf "%s|" "$A" "$B" "$C"'
    shown = subprocess.run(["sh", "-c", program], capture_output=True, text=True, check=True).stdout
    assert shown == "|".join(values.values()) + "|"


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text):
    try:
        values = environment.parse_envfile(text)
    except InvalidValue as error:
        assert error.what
    else:
        assert all(environment.check(key, value) for key, value in values.items())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1", {"A": "1"}),
        ("A=", {"A": ""}),
        ("A = 1", {"A": "1"}),
        ("  export  A=1  \n", {"A": "1"}),
        ("A=b=c", {"A": "b=c"}),
        ("A=1 # kept", {"A": "1 # kept"}),
        ("A='1' # comment", {"A": "1"}),
        ("# c\n\n  # d\nA=1", {"A": "1"}),
        ("A='two words'", {"A": "two words"}),
        ('A="say \\"hi\\""', {"A": 'say "hi"'}),
        ("A='it'\"'\"'s'", {"A": "it's"}),
        ("A=''", {"A": ""}),
        ("A='one\n\n  three'\nB=2", {"A": "one\n\n  three", "B": "2"}),
        ("A=1\nA=2", {"A": "2"}),
        ("A=$HOME/x y z", {"A": "$HOME/x y z"}),
        ("A=$'x y'", {"A": "x y"}),
        ("A=  'x y'", {"A": "x y"}),
        ("A=x\x1ey\x85z\u2028", {"A": "x\x1ey\x85z"}),
        ("A='x\x1ey\x85z\u2028'", {"A": "x\x1ey\x85z\u2028"}),
        ("A=https://x/?a=1&b=2#c", {"A": "https://x/?a=1&b=2#c"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ('A={"json": "yes"}', {"A": '{"json": "yes"}'}),
        ('{"A": 1, "B": 2.5, "C": "x y"}', {"A": "1", "B": "2.5", "C": "x y"}),
        ("{}", {}),
        ("", {}),
    ],
)
def test_an_env_file(text, expected):
    assert environment.parse_envfile(text) == expected


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("A", "line 1: 'A' is not KEY=VALUE"),
        ("A=1\n=2", "line 2: '=2' is not KEY=VALUE"),
        ("1A=x", "'1A' is not a name for a configuration variable"),
        ("A-B=x", "'A-B' is not a name for a configuration variable"),
        ("DYNO=web.1", "DYNO is set by the platform"),
        ("A='open", "line 1: a quote is not closed"),
        ('B=1\nA="open\nC=3', "line 2: a quote is not closed"),
        ("A=x\0y", "the value of A has a NUL byte, which no environment can hold"),
        ('{"A": null}', "A: a value must be a string or a number"),
        ('{"A": [1]}', "A: a value must be a string or a number"),
        ('{"A": true}', "A: a value must be a string or a number"),
        ('{"1A": "x"}', "'1A' is not a name for a configuration variable"),
        ('{"A": ' + "[" * 200_000, "the JSON is broken: maximum recursion depth exceeded"),
        ("{", "the JSON is broken: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
    ],
)
def test_a_file_that_is_wrong(text, what):
    with pytest.raises(InvalidValue) as raised:
        environment.parse_envfile(text)
    assert raised.value.what.startswith(what)


def test_a_value_has_the_length_that_the_kernel_takes():
    longest = "x" * (environment.MAX_VARIABLE - 2)
    assert environment.check("A", longest) == ("A", longest)
    with pytest.raises(InvalidValue, match="A has 131072 bytes with its name, more than a variable can have"):
        environment.check("A", longest + "x")
    with pytest.raises(InvalidValue, match="AB has 131072 bytes with its name"):
        environment.check("AB", longest)
    with pytest.raises(InvalidValue):
        environment.check("A", "é" * (environment.MAX_VARIABLE // 2))


def test_all_variables_together_have_the_length_that_the_kernel_takes():
    most = {f"V{number:03}": Secret("x" * (10_000 - 4 - 2 - 8)) for number in range(environment.MAX_ALL // 10_000)}
    environment.check_all(most)
    with pytest.raises(InvalidValue) as raised:
        environment.check_all({**most, "W": Secret("x" * 10_000)})
    assert raised.value.code == "too-many-variables"
    # Each takes a pointer, too.
    with pytest.raises(InvalidValue):
        environment.check_all({f"V{number:06}": Secret("") for number in range(environment.MAX_ALL // 16)})


def test_values_in_base64():
    assert environment.decode("A", "YSBiCg==") == ("A", "a b\n")
    for broken in ("YSBiCg", "/w==", "a b"):
        with pytest.raises(InvalidValue) as raised:
            environment.decode("A", broken)
        assert raised.value.code == "invalid-encoding"


def test_what_a_process_gets():
    config = {"A": Secret("1"), "PORT": Secret("9"), "GIT_REV": Secret("mine")}
    web = environment.for_process(config, "hello", Process("web", None, 9), 2, 7, "c0ffee", "GIT_REV")
    assert web == {
        "A": "1",
        "PORT": "9",
        "DYNO": "web.2",
        "PAAS_APP": "hello",
        "PAAS_RELEASE": "v7",
        "PAAS_PROCESS_TYPE": "web",
        "GIT_REV": "c0ffee",
    }
    worker = environment.for_process(config, "hello", Process("worker", "w"), 1, 7, "", "GIT_REV")
    assert (worker["GIT_REV"], worker["PORT"]) == ("mine", "9")


def test_a_secret_does_not_print_itself():
    secret = Secret("hunter2")
    shown = f"{secret} {secret!r} {[secret]} " + str({"a": secret}) + json.dumps({"a": str(secret)})
    assert "hunter2" not in shown
    assert secret.reveal() == "hunter2"
    assert secret == Secret("hunter2") != Secret("other")
    assert secret != "hunter2"
    assert hash(secret) == hash(Secret("hunter2"))
    assert environment.masked({"B": 1, "A": 2}) == "A B"
