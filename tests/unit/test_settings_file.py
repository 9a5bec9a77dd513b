"""The server's settings file: read when it changed, edited in place."""

import os

import pytest

from paas.core.errors import InvalidValue
from paas.system.settings_file import SettingsFile


@pytest.fixture
def path(tmp_path):
    return tmp_path / "paas.yml"


def test_without_a_file_the_defaults_hold(path):
    settings = SettingsFile(path, {})
    assert settings.value("keep-images") == 5
    assert not path.exists()


def test_a_change_of_the_file_counts_at_once(path):
    settings = SettingsFile(path, {"ssh-port": "22"})
    path.write_text("keep-images: 3\nssh-port: 2022\n")
    assert (settings.value("keep-images"), settings.value("ssh-port")) == (3, 22)
    path.write_text("keep-images: 10\n")
    assert settings.value("keep-images") == 10
    path.unlink()
    assert settings.value("keep-images") == 5


def test_what_is_written_is_for_the_server_alone(path):
    path.with_suffix(".new").write_text("left by a crash")
    path.with_suffix(".new").chmod(0o644)
    settings = SettingsFile(path, {})
    settings.set("build-http-proxy", "http://me:secret@proxy.example.org:3128")
    assert path.stat().st_mode & 0o777 == 0o600
    assert settings.value("build-http-proxy") == "http://me:secret@proxy.example.org:3128"


def test_two_changes_within_a_tick_of_the_clock_are_told_apart(path):
    settings = SettingsFile(path, {})
    settings.set("keep-images", "5")
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    assert settings.value("keep-images") == 5
    settings.set("keep-images", "6")
    os.utime(path, ns=times)
    assert settings.value("keep-images") == 6


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("keep-images: [1\n", "{path} is not YAML"),
        ("keep-images: many\n", "{path}: keep-images: 'many' is not a value for it"),
        ("nope: 1\n", "{path}: there is no setting 'nope'"),
        ("- a\n", "{path}: the file must be 'key: value' lines"),
        ("keep-images: !!python/object/apply:os.system [id]\n", "{path} is not YAML"),
    ],
)
def test_a_file_that_is_broken_is_named(path, text, what):
    path.write_text(text)
    with pytest.raises(InvalidValue) as raised:
        SettingsFile(path, {})
    assert raised.value.what == what.format(path=path)
    assert raised.value.code == "invalid-settings"


def test_a_file_that_was_broken_later_is_told_until_it_is_mended(path):
    path.write_text("keep-images: 3\n")
    settings = SettingsFile(path, {})
    path.write_text("keep-images: many\n")
    for _ in range(2):
        with pytest.raises(InvalidValue):
            settings.value("keep-images")
    path.write_text("keep-images: 4\n")
    assert settings.value("keep-images") == 4


COMMENTED = """\
# What we keep
keep-images: 3   # three is enough

domain: paas.example
# the end
"""


@pytest.mark.parametrize(
    ("before", "key", "value", "after"),
    [
        ("", "keep-images", "3", "keep-images: '3'\n"),
        (COMMENTED, "keep-images", "7", COMMENTED.replace("keep-images: 3   # three is enough", "keep-images: '7'")),
        (COMMENTED, "keep-images", "", COMMENTED.replace("keep-images: 3   # three is enough\n", "")),
        (COMMENTED, "memory-limit", "1g", COMMENTED + "memory-limit: 1g\n"),
        (COMMENTED, "memory-limit", "", COMMENTED),
        ("domain: a.example", "keep-images", "3", "domain: a.example\nkeep-images: '3'\n"),
        ("domain: >-\n  a.example\nkeep-images: 3\n", "domain", "b.example", "domain: b.example\nkeep-images: 3\n"),
        ("'keep-images': 3\n", "keep-images", "4", "keep-images: '4'\n"),
        ("# only a comment\n", "domain", "b.example", "# only a comment\ndomain: b.example\n"),
    ],
)
def test_setting_and_unsetting_leaves_the_rest_as_it_is(path, before, key, value, after):
    path.write_text(before)
    settings = SettingsFile(path, {})
    settings.set(key, value)
    assert path.read_text() == after
    assert settings.current().raw(key) == (value or settings.current().raw(key))
    assert list(path.parent.iterdir()) == [path]


def test_a_value_is_checked_before_anything_is_written(path):
    settings = SettingsFile(path, {})
    with pytest.raises(InvalidValue):
        settings.set("keep-images", "0")
    assert not path.exists()


@pytest.mark.parametrize(
    "text", ["{keep-images: 3, domain: a.example}\n", "keep-images: &n 3\nbuild-concurrency: *n\n"]
)
def test_what_can_not_be_edited_line_by_line_is_left_to_a_person(path, text):
    path.write_text(text)
    settings = SettingsFile(path, {})
    with pytest.raises(InvalidValue, match="is written in a way that settings:set can't edit"):
        settings.set("keep-images", "4")
    assert path.read_text() == text


def test_a_value_that_yaml_would_read_otherwise_is_quoted(path):
    settings = SettingsFile(path, {})
    settings.set("build-no-proxy", "on: #1, *")
    assert settings.value("build-no-proxy") == "on: #1, *"
    assert SettingsFile(path, {}).value("build-no-proxy") == "on: #1, *"


@pytest.mark.parametrize(("mode", "then"), [(0o644, 0o640), (0o600, 0o600), (0o666, 0o640), (0o400, 0o400)])
def test_a_file_that_was_written_by_hand_is_closed_to_others(tmp_path, mode, then):
    path = tmp_path / "paas.yml"
    SettingsFile(path, {}).protect()
    path.write_text("build-http-proxy: http://user:password@proxy.example\n")
    path.chmod(mode)
    SettingsFile(path, {}).protect()
    assert path.stat().st_mode & 0o777 == then
