"""Texts of a commit, whatever editor wrote them; and names of its files in a Dockerfile."""

from __future__ import annotations

import pytest

from paas.core.builds import copy_source
from paas.core.errors import InvalidValue
from paas.core.git import text as committext

MARK = b"\xef\xbb\xbf"


@pytest.mark.parametrize("data", [b"web: x\n", MARK + b"web: x\n", b"web: x\r\n", MARK + b"web: x\r\n"])
def test_marks_and_ends_of_lines_make_no_difference(data):
    assert committext.strict("Procfile", data, "invalid-procfile") == "web: x\n"
    assert committext.lenient(data) == "web: x\n"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_named(encoding):
    data = ("web: x" if encoding == "utf-16" else "\ufeffweb: x").encode(encoding)
    with pytest.raises(InvalidValue) as caught:
        committext.strict("Procfile", data, "invalid-procfile")
    assert caught.value.what == "Procfile is UTF-16 text"
    assert caught.value.code == "invalid-procfile"
    assert committext.lenient(data) == "web: x"


def test_other_encodings_are_named_by_line_and_byte():
    with pytest.raises(InvalidValue) as caught:
        committext.strict("app.json", b'{\n"name": "caf\xe9"}', "invalid-app-json")
    assert caught.value.what == "app.json is not UTF-8 text"
    assert caught.value.why.startswith("Line 2 has the byte 0xe9")
    assert committext.lenient(b"caf\xe9") == "caf\ufffd"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a/plain-1.0_x.txt", "a/plain-1.0_x.txt"),
        ("What's new.txt", r"What\'s new.txt"),
        ("price$USD.txt", r"price\$USD.txt"),
        ('say "hi".txt', r"say \"hi\".txt"),
        ("back\\slash.txt", r"back[\\\\]slash.txt"),
        ("download[1]?*.txt", "download[[]1][?][*].txt"),
        ("to\u00a0do.txt", "to\u00a0do.txt"),
    ],
)
def test_a_path_stands_for_itself_in_copy(path, text):
    assert copy_source.literal(path) == text


def test_what_copy_cannot_name_is_left_out():
    assert copy_source.literals(["two\nlines.txt", "latin\ufffd.txt", "a.txt"]) == ["a.txt"]
