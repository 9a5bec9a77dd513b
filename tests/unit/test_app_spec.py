"""What app.json and paas.yml say, and what is said about their mistakes."""

import json

import pytest

from paas.core.apps import spec as appspec
from paas.core.apps.spec import AppSpec, ProcessSpec
from paas.core.errors import InvalidValue
from paas.core.health.checks import Check
from paas.core.model import Process
from paas.system import yaml_file

AT = "app.json: healthchecks.web[0]"
"""The place of the one check that `healthcheck` makes."""


def yml(text):
    return appspec.from_paas_yml(yaml_file.parse(text, "paas.yml", "invalid-paas-yml"))


def healthcheck(**fields):
    return json.dumps({"healthchecks": {"web": [fields]}})


def refusal(read, text):
    with pytest.raises(InvalidValue) as caught:
        read(text)
    assert caught.value.code in ("invalid-app-json", "invalid-paas-yml")
    return ": ".join([caught.value.what, caught.value.why]).removesuffix(": ")


def test_app_json_gives_the_checks_of_each_process_type():
    text = json.dumps({
        "name": "hello",
        "scripts": {"dokku": {"predeploy": "true"}},
        "formation": {"web": {"quantity": 2}},
        "cron": [{"command": "true", "schedule": "@daily"}],
        "healthchecks": {
            "web": [
                {"type": "startup", "name": "web check", "path": "/health", "port": 9000, "content": "ok",
                 "attempts": 4, "timeout": 3, "wait": 2, "initialDelay": 1, "warn": True,
                 "scheme": "http", "onFailure": {"url": "x"}, "httpHeaders": [{"name": "X-Key", "value": "1"}]},
                {"type": "liveness", "command": ["python", "alive.py"]},
            ],
            "worker": [{"type": "readiness", "uptime": 3}, {"listening": True, "port": 7}],
        },
    })  # fmt: skip
    assert appspec.from_app_json(text).processes == {
        "web": ProcessSpec(checks=(
            Check("startup", "web check", "/health", 9000, "ok", (("X-Key", "1"),), (), False, 0, 4, 3, 2, 1, True),
            Check("liveness", command=("python", "alive.py")),
        )),
        "worker": ProcessSpec(checks=(Check("readiness", uptime=3), Check(listening=True, port=7))),
    }  # fmt: skip
    assert appspec.from_app_json("{}") == AppSpec()


def test_a_check_of_which_nothing_is_said_asks_for_the_root_page():
    assert appspec.from_app_json(healthcheck()).processes["web"].checks == (Check("startup", path="/"),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "app.json is not JSON: line 1, column 2: Expecting property name enclosed in double quotes."),
        ("[]", "app.json must be names with values, not a list"),
        ('{"healthchecks": []}', "app.json: healthchecks: must be names with values, not a list"),
        ('{"healthchecks": {"web": {}}}', "app.json: healthchecks.web: must be a list, not a mapping"),
        (healthcheck(path="health"), f"{AT}.path: must start with '/'"),
        (healthcheck(path="/a b"), f"{AT}.path: must not have spaces or "
         "non-ASCII characters: Percent-encode them, as in %20."),
        (healthcheck(path=3), f"{AT}.path: must be text, not 3"),
        (healthcheck(pathh="/"), f"{AT}.pathh: there is no such field: Did you mean path? There "
         "are: type, name, path, port, content, listening, uptime, attempts, timeout, wait, warn, command, "
         "httpHeaders, initialDelay, scheme, onFailure."),
        (healthcheck(type="start"), f"{AT}.type: must be one of startup, readiness, liveness, "
         "not 'start'"),
        (healthcheck(port=0), f"{AT}.port: must be a whole number from 1 to 65535, not 0"),
        (healthcheck(port=True), f"{AT}.port: must be a whole number from 1 to 65535, not True"),
        (healthcheck(attempts=0), f"{AT}.attempts: must be a whole number from 1 to 1000, not 0"),
        (healthcheck(timeout=0), f"{AT}.timeout: must be more than 0"),
        (healthcheck(wait=-1), f"{AT}.wait: must be seconds such as 5, or 500ms, 5s, 2m; at most "
         "an hour; not -1"),
        (healthcheck(command="true"), f"{AT}.command: must be a list, not text"),
        (healthcheck(command=[]), f"{AT}.command: must name at least a program"),
        (healthcheck(command=["a", 1]), f"{AT}.command[1]: must be text, not 1"),
        (healthcheck(warn="yes"), f"{AT}.warn: must be true or false, not 'yes'"),
        (healthcheck(scheme="https"), f"{AT}.scheme: must be http, not 'https': nginx connects "
         "to the app over HTTP, too."),
        (healthcheck(path="/", command=["a"]), f"{AT}: has both command and path: Write two "
         "checks."),
        (healthcheck(content="ok", command=["a"]), f"{AT}.content: can't be used with command"),
        (healthcheck(type="liveness", uptime=3), f"{AT}.uptime: can't be used with the "
         "type liveness"),
        (healthcheck(httpHeaders={"A": "b"}), f"{AT}.httpHeaders: must be a list, not a mapping"),
        (healthcheck(httpHeaders=[{"name": "A:", "value": "b"}]), f"{AT}.httpHeaders[0]: 'A:' is "
         "not a valid header name"),
        (healthcheck(httpHeaders=[{"name": "A", "value": "b\r\nC: d"}]),
         f"{AT}.httpHeaders[0]: has a character that is not allowed in a header"),
    ],
)  # fmt: skip
def test_mistakes_in_app_json_are_told_with_their_place(text, message):
    assert refusal(appspec.from_app_json, text) == message


def test_paas_yml_describes_processes():
    found = yml(
        "processes:\n"
        "  web:\n"
        "    port: 7000\n"
        "    healthcheck: {path: /health, headers: {X-Key: 1}, timeout: 500ms, initial-delay: 2s}\n"
        "  worker:\n"
        "    command: python worker.py\n"
        "    overlap: no\n"
        "    healthchecks:\n"
        "      - command: test -f ready && true\n"
        "      - {type: liveness, command: [python, alive.py]}\n"
        "  clock:\n"
    )
    assert found.processes == {
        "web": ProcessSpec(
            port=7000,
            checks=(Check(path="/health", headers=(("X-Key", "1"),), timeout=0.5, initial_delay=2),),
        ),
        "worker": ProcessSpec(
            "python worker.py",
            overlap=False,
            checks=(
                Check(command=("/bin/sh", "-c", "test -f ready && true")),
                Check("liveness", command=("python", "alive.py")),
            ),
        ),
        "clock": ProcessSpec(),
    }
    assert yml("") == AppSpec()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: *b", "paas.yml is not YAML: line 1, column 4: found undefined alias."),
        ("processes: {}\nprocesses: {}", "paas.yml is not YAML: line 2, column 1: 'processes' appears twice."),
        ("- web", "paas.yml must be names with values, not a list"),
        ("process: {}", "paas.yml: process: there is no such field: Did you mean processes? There are: processes, "
         "cron, edge, build, static, domains."),
        ("processes: [web]", "paas.yml: processes: must be names with values, not a list"),
        ("processes: {1: {}}", "paas.yml: processes: has the name 1, which is a number: Put it in quotes."),
        ("processes: {Web: {}}", "paas.yml: processes.Web: is not a name for a process type: A process type has 1 to "
         "32 of the characters a-z, 0-9 and '-', and starts and ends with a letter or digit."),
        ("processes: {web: {comand: x}}", "paas.yml: processes.web.comand: there is no such field: Did you mean "
         "command? There are: command, port, protocol, overlap, healthcheck, healthchecks."),
        ("processes: {web: {overlap: maybe}}", "paas.yml: processes.web.overlap: must be true or false, not 'maybe'"),
        ("processes: {web: {healthcheck: {path: x}}}", "paas.yml: processes.web.healthcheck.path: must start with '/'"),
        ("processes: {web: {healthchecks: [{}, {port: x}]}}", "paas.yml: processes.web.healthchecks[1].port: must be a "
         "whole number from 1 to 65535, not 'x'"),
        ("processes: {web: {healthcheck: {}, healthchecks: []}}", "paas.yml: processes.web: has both healthcheck and "
         "healthchecks: Write healthcheck for one, or a list."),
        ("processes: {web: {healthcheck: {timeout: soon}}}", "paas.yml: processes.web.healthcheck.timeout: must be "
         "seconds such as 5, or 500ms, 5s, 2m; at most an hour; not 'soon'"),
        ("processes: {web: {healthcheck: {headers: {A: [b]}}}}", "paas.yml: processes.web.healthcheck.headers.A: must "
         "be text, not a list"),
    ],
)  # fmt: skip
def test_mistakes_in_paas_yml_are_told_with_their_place(text, message):
    assert refusal(yml, text) == message


def test_yaml_that_makes_objects_is_refused():
    with pytest.raises(InvalidValue):
        yaml_file.parse("!!python/object/apply:os.system [true]", "paas.yml", "invalid-paas-yml")


def test_paas_yml_goes_before_app_json_and_the_procfile():
    own = yml("processes: {web: {command: b, healthcheck: {path: /yml}}, clock: {command: tick}}")
    given = appspec.from_app_json(json.dumps({
        "healthchecks": {"web": [{"path": "/json"}], "worker": [{"uptime": 2}], "gone": [{}]}
    }))  # fmt: skip
    merged = appspec.merge({"web": "a", "worker": "w"}, given, own)
    assert merged.commands == {"web": "b", "worker": "w", "clock": "tick"}
    assert merged.processes["web"].checks == (Check(path="/yml"),)
    assert merged.processes["worker"].checks == (Check(uptime=2),)


def test_a_process_without_a_command_is_refused_but_web_may_be_the_images_own():
    assert appspec.merge({}, AppSpec(), AppSpec()).processes == {"web": ProcessSpec()}
    merged = appspec.merge({}, AppSpec(), yml("processes: {worker: {command: w}, web: {overlap: false}}"))
    assert merged.processes["web"] == ProcessSpec(overlap=False)
    assert merged.commands == {"worker": "w"}

    with pytest.raises(InvalidValue, match=r"paas\.yml: processes\.clock: there is no such process"):
        appspec.merge({"web": "a"}, AppSpec(), yml("processes: {clock: {overlap: false}}"))
    with pytest.raises(InvalidValue, match=r"processes\.web: there is no such process"):
        appspec.merge({"worker": "a"}, AppSpec(), yml("processes: {web: {overlap: false}}"))


def test_ports_come_from_the_configuration_then_paas_yml_then_the_image():
    spec = appspec.merge({"web": "a", "api": "b", "release": "c"}, AppSpec(), yml("processes: {api: {port: 9000}}"))
    assert appspec.processes(spec, (), None) == (Process("web", "a", 5000), Process("api", "b", 9000, given_port=9000))
    assert appspec.processes(spec, (8000,), None)[0].port == 8000
    given = appspec.merge({}, AppSpec(), yml("processes: {web: {port: 7000}}"))
    (web,) = appspec.processes(given, (8000,), None)
    assert web == Process("web", None, 7000, given_port=7000)
    assert appspec.processes(given, (8000,), "6000")[0].port == 6000
    assert appspec.processes(appspec.of_release((web,)), (8000,), None) == (web,)


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("[" * 60000, 1, "nest"),
        ("[" * 101 + "]" * 101, 1, "nested more than 100 levels"),
        ("".join(f"{' ' * depth}a:\n" for depth in range(350)), 101, "nested more than 100 levels"),
        ("a: 1\nb: 2026-99-99", 2, "'2026-99-99' is no timestamp"),
        ("a: 1\nb: " + "9" * 5000, 2, "at most 100 characters"),
        ("a: 1\nb: 0x" + "f" * 5000, 2, "at most 100 characters"),
        ("a: 1\nb: 1" + ":1" * 5000, 2, "at most 100 characters"),
        ("a: 1\n? [b, c]\n: 1", 2, "a list or a mapping is no name"),
        ("a: 1\n? {b: c}\n: 1", 2, "a list or a mapping is no name"),
        ("a: 1\nb: !!int ''", 2, "is no int"),
        ("a: 1\nb: !!bool x", 2, "is no bool"),
        ("a: 1\nb: !!timestamp x", 2, "is no timestamp"),
        ("a: 1\nb: \x07", 2, "the character"),
        ("a: 1\nb: =", 2, "could not determine"),
        ("<<: 5", 1, "merging"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_yaml_that_is_broken_in_odd_ways_is_told_with_file_and_line(text, line, why):
    with pytest.raises(InvalidValue) as error:
        yaml_file.parse(text, "paas.yml", "invalid-paas-yml")
    assert error.value.what.startswith(f"paas.yml is not YAML: line {line}")
    assert why in error.value.why
    assert error.value.code == "invalid-paas-yml"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[" * 60000, "app.json is not JSON"),
        ('{"a":' * 12000, "app.json is not JSON"),
        ('{"a": ' + "9" * 5000 + "}", "app.json can't be read"),
        ('{"healthchecks": {"web": [{"timeout": ' + "9" * 400 + "}]}}", "healthchecks.web[0].timeout: must be seconds"),
        ('{"scripts": {"dokku": {"predeploy": "\\ud800"}}}', "scripts.dokku.predeploy: must be text"),
        ('{"scripts": {"\\ud800": ""}}', "scripts: has the name"),
    ],
    ids=lambda value: value[:20],
)
def test_json_that_is_broken_in_odd_ways_is_told_with_the_file(text, what):
    with pytest.raises(InvalidValue) as error:
        appspec.from_app_json(text)
    assert what in error.value.what
    assert error.value.code == "invalid-app-json"


def test_a_file_that_is_no_file_of_settings_is_not_parsed():
    for parse, name in ((appspec.from_app_json, "app.json"), (yml, "paas.yml")):
        with pytest.raises(InvalidValue, match=rf"{name} has 65537 characters, and may have 65536") as error:
            parse(" " * 65537)
        assert "Remove everything that is not a setting" in error.value.fix


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(["a0: &a0 {k: v}", *(f"a{n}: &a{n} {{<<: *a{n - 1}, k{n}: v}}" for n in range(1, 700))]),
        "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9))]),
    ],
    ids=["merged", "lists"],
)
def test_references_must_not_make_a_small_file_a_large_one(text):
    with pytest.raises(InvalidValue, match=r"paas\.yml is not YAML: line 1, column 1") as error:
        yaml_file.parse(text, "paas.yml", "invalid-paas-yml")
    assert "more than 200000 values" in error.value.why


def test_references_are_taken_as_they_are():
    assert yaml_file.parse("a: &a {b: 1}\nc: {<<: *a, d: [*a]}", "paas.yml", "x") == {
        "a": {"b": 1}, "c": {"b": 1, "d": [{"b": 1}]}
    }  # fmt: skip
    endless = yaml_file.parse("&a [*a]", "paas.yml", "x")
    assert endless[0] is endless
