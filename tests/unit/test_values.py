"""Kinds of values, and the tables of settings and properties that use them."""

import pytest

from paas.core import properties, settings
from paas.core import values as kinds
from paas.core.errors import InvalidValue, NotFound
from paas.core.properties import Properties
from paas.core.settings import Settings
from paas.dispatch import features

features.load()

HUGE = "9" * 400

GOOD = [
    (kinds.BOOLEAN, {"true": True, "on": True, "YES": True, "1": True, "false": False, "Off": False, "0": False}),
    (kinds.SIZE, {"0": 0, "512k": 512 << 10, "100m": 100 << 20, "2GiB": 2 << 30, "1.5 MB": 3 << 19, "1t": 1 << 40}),
    (kinds.DURATION, {"30": 30, "30s": 30, "1.5m": 90, "2h": 7200, "1d": 86400, "250ms": 0.25}),
    (kinds.size("1k", "1m"), {"1k": 1024, "1024k": 1 << 20}),
    (kinds.duration("1s", "1h"), {"1": 1, "60m": 3600}),
    (kinds.integer(1, 64), {"1": 1, "64": 64, "007": 7}),
    (kinds.PORT, {"0": 0, "65535": 65535}),
    (kinds.choice("a", "b"), {"a": "a"}),
    (kinds.RELATIVE_PATH, {"Dockerfile": "Dockerfile", "a/b c": "a/b c", ".x": ".x"}),
    (kinds.VARIABLE, {"A": "A", "": ""}),
    (kinds.BRANCH, {"main": "main"}),
    (kinds.PORT_RANGE, {"20000-29999": (20000, 29999), "1024-1025": (1024, 1025)}),
    (kinds.NETWORK, {"10.0.0.0/8": "10.0.0.0/8"}),
    (kinds.ADDRESS, {"127.0.0.1": "127.0.0.1", "::1": "::1"}),
    (kinds.HOST, {"localhost": "localhost", "a.example.org": "a.example.org"}),
]
BAD = [
    (kinds.BOOLEAN, ["", "maybe", "2", "tru"]),
    (kinds.SIZE, ["", "x", "10q", "-1", "1e3", "m", HUGE + "t"]),
    (kinds.DURATION, ["", "soon", "-1s", "1w", "1 2", "s"]),
    (kinds.size("1k", "1m"), ["1023", "2m", HUGE]),
    (kinds.duration("1s", "1h"), ["0", "999ms", "61m", HUGE, "inf", "nan"]),
    (kinds.integer(1, 64), ["", "0", "65", "-1", "1.0", "1_0", " 1", "٣", HUGE]),
    (kinds.PORT, ["65536", "-1", "x"]),
    (kinds.choice("a", "b"), ["", "c", "A"]),
    (kinds.RELATIVE_PATH, ["/a", "../a", "a/../b", "a//b", "a/", "a\nb", "x" * 256]),
    (kinds.VARIABLE, ["1A", "A B"]),
    (kinds.BRANCH, ["a..b", ""]),
    (kinds.PORT_RANGE, ["", "20000", "30000-20000", "80-90", "20000-20000", "1-2-3", "20000-70000", "+2000-3000"]),
    (kinds.NETWORK, ["", "10.0.0.1/8", "x", "10.0.0.0/33", "fd00::/8"]),
    (kinds.ADDRESS, ["", "localhost", "127.0.0.1:80"]),
    (kinds.HOST, ["", "-a", "a_b", "A", "a b", "http://a"]),
]


@pytest.mark.parametrize(("kind", "values"), GOOD, ids=[kind.rule for kind, _ in GOOD])
def test_values_that_a_kind_takes(kind, values):
    assert {text: kind.read("x", text) for text in values} == values


@pytest.mark.parametrize(("kind", "texts"), BAD, ids=[kind.rule for kind, _ in BAD])
def test_values_that_a_kind_refuses_with_its_rule(kind, texts):
    for text in texts:
        with pytest.raises(InvalidValue) as raised:
            kind.read("the-name", text)
        assert raised.value.what == f"the-name: {text[:80]!r} is not a value for it"
        assert raised.value.why


@pytest.mark.parametrize("row", settings.SETTINGS, ids=lambda row: row.key)
def test_the_default_of_each_setting_is_a_value_for_it(row):
    assert not row.default or row.kind.read(row.key, row.default) is not None
    assert Settings({}, {}).raw(row.key) == row.default
    assert row.help


@pytest.mark.parametrize("row", properties.PROPERTIES, ids=lambda row: row.name)
def test_the_default_of_each_property_is_a_value_for_it(row):
    assert not row.default or row.kind.read(row.name, row.default) is not None
    assert Properties({}, {}).raw(row.namespace, row.key) == row.default
    assert row.help


def test_names_are_there_once():
    for names in ([row.key for row in settings.SETTINGS], [row.name for row in properties.PROPERTIES]):
        assert len(set(names)) == len(names)
    with pytest.raises(NotFound, match="there is no setting 'nope'"):
        settings.find("nope")
    with pytest.raises(NotFound, match="git:set has no property 'nope'"):
        properties.find("git", "nope")


def test_a_setting_comes_from_flag_file_or_default():
    values = Settings({"keep-images": "3", "domain": ""}, {"ssh-port": "22"})
    assert [(values.value(key), values.source(key)) for key in ("ssh-port", "keep-images", "domain")] == [
        (22, "flag"),
        (3, "file"),
        ("localhost", "default"),
    ]
    assert values.value("build-http-proxy") is None


def test_a_property_comes_from_the_app_the_server_or_the_default():
    timeout = ("checks", "timeout")
    assert Properties({timeout: "1m"}, {timeout: "2m"}).value(*timeout) == 60
    assert Properties({}, {timeout: "2m"}).value(*timeout) == 120
    assert Properties({}, {}).value(*timeout) == 60
    assert Properties({}, {}).value("builder", "build-dir") is None
    assert Properties({}, {}).text("builder", "build-dir") == ""
    report = Properties({timeout: "1m"}, {timeout: "2m"}).report("checks")
    assert (report["timeout"], report["global-timeout"], report["computed-timeout"]) == ("1m", "2m", "1m")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (None, {}),
        ({}, {}),
        ({"keep-images": 3, "domain": None}, {"keep-images": "3", "domain": ""}),
        ({"listen": "127.0.0.1", "memory-limit": "1g"}, {"listen": "127.0.0.1", "memory-limit": "1g"}),
    ],
)
def test_a_file_of_settings(raw, expected):
    assert settings.check(raw, "/x/paas.yml") == expected


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (["a"], "/x/paas.yml: the file must be 'key: value' lines"),
        ("text", "/x/paas.yml: the file must be 'key: value' lines"),
        ({"nope": 1}, "/x/paas.yml: there is no setting 'nope'"),
        ({"keep-images": "many"}, "/x/paas.yml: keep-images: 'many' is not a value for it"),
        ({"keep-images": [1]}, "/x/paas.yml: keep-images: '[1]' is not a value for it"),
    ],
)
def test_a_file_of_settings_that_is_wrong(raw, what):
    with pytest.raises(InvalidValue) as raised:
        settings.check(raw, "/x/paas.yml")
    assert (raised.value.what, raised.value.code) == (what, "invalid-settings")
