"""Logs in files: whatever is written, rotated and packed, each line is read once, from either end."""

from __future__ import annotations

import heapq
import json
import re
import shutil
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.requests import request_line
from paas.core.logs import edge, json_file, query
from paas.core.logs.json_file import LONGEST, JsonLog
from paas.core.logs.line import LogLine
from paas.core.logs.requests import FIELDS, AccessLog
from paas.system import log_files, pattern, segments
from paas.system.log_files import LogFiles
from paas.system.segments import Packed

FORM = JsonLog("app", "web.1", 3, "hello")
PART = 16_384


def at(number):
    return query.rfc3339(1_767_225_600 + number)


def entry(number, text, stream="stdout"):
    """What the engine writes for a line, in parts if it is long."""
    text += "\n"
    parts = [text[start : start + PART] for start in range(0, len(text), PART)]
    # As the engine does it, without zeros at the end of the fraction.
    time = at(number).replace(".000000000Z", "Z")
    rows = [{"log": part, "stream": stream, "time": time} for part in parts]
    return "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows).encode()


def texts(lines):
    return [line.text.decode() for line in lines]


text_ = st.text(st.characters(exclude_characters="\n\r", exclude_categories=("Cs",)), max_size=30)
lines_ = st.lists(text_, max_size=30)


@given(lines_)
def test_what_is_written_is_read_from_both_ends(tmp_path_factory, written):
    path = tmp_path_factory.mktemp("log") / "x.log"
    path.write_bytes(b"".join(entry(number, text) for number, text in enumerate(written)))
    files = LogFiles(path, FORM)
    assert texts(files.backward()) == written[::-1]
    assert files.read() == []
    files.seek("")
    assert texts(files.read()) == written
    files.close()


@given(st.lists(st.one_of(lines_, st.just("rotate"), st.just("read")), max_size=20), st.integers(1, 400))
def test_what_grows_and_rotates_is_read_once(tmp_path_factory, steps, limit):
    path = tmp_path_factory.mktemp("log") / "x.log"
    path.touch()
    files = LogFiles(path, FORM)
    written, read, number, unread = [], [], 0, 0

    def read_all():
        while lines := files.read(limit):
            read.extend(texts(lines))

    for step in steps:
        if step == "read":
            read_all()
            unread = 0
        elif step == "rotate":
            # Three files are kept: what is not read by then is gone.
            if unread == 2:
                read_all()
                unread = 0
            rotate(path)
            unread += 1
        else:
            with path.open("ab") as file:
                for text in step:
                    file.write(entry(number, text))
                    number += 1
            written += step
    read_all()
    assert read == written
    assert files.overtaken == 0
    files.close()


def rotate(path):
    second, third = path.with_name("x.log.1"), path.with_name("x.log.2")
    if second.exists():
        second.replace(third)
    path.replace(second)
    path.touch()


def test_lines_that_were_rotated_away_unread_are_noticed(tmp_path):
    path = tmp_path / "x.log"
    path.write_bytes(entry(0, "read"))
    files = LogFiles(path, FORM)
    for number in range(1, 5):
        rotate(path)
        path.write_bytes(entry(number, f"round {number}"))
    (tmp_path / "x.log.1").unlink()
    (tmp_path / "x.log.2").unlink()
    assert texts(files.read()) == ["round 4"]
    assert files.overtaken == 1
    files.close()


def test_a_removed_log_is_read_to_its_end(tmp_path):
    path = tmp_path / "x.log"
    path.write_bytes(entry(0, "one"))
    files = LogFiles(path, FORM)
    with path.open("ab") as file:
        path.unlink()
        file.write(entry(1, "last words"))
        file.flush()
        assert texts(files.read()) == ["last words"]
        assert files.read() == []
    files.close()


def test_long_lines_are_joined_and_very_long_ones_come_in_pieces(tmp_path):
    path = tmp_path / "x.log"
    path.write_bytes(entry(0, "a") + entry(1, "L" * 1_000_000) + entry(2, "H" * (LONGEST + PART)) + entry(3, "z"))
    files = LogFiles(path, FORM)
    files.seek("")
    found = []
    while lines := files.read(100_000):
        found += lines
    assert [(line.text[:1], len(line.text)) for line in found] == [
        (b"a", 1), (b"L", 1_000_000), (b"H", LONGEST), (b"H", PART), (b"z", 1),
    ]  # fmt: skip
    backwards = [(line.text[:1], len(line.text)) for line in files.backward()]
    assert backwards[0] == (b"z", 1)
    assert sum(size for letter, size in backwards if letter == b"L") == 1_000_000
    files.close()


def test_parts_of_two_streams_are_not_mixed():
    form = FORM.fresh()
    out = json_file.encode(at(0), b"first ")
    error = entry(1, "complaint", "stderr")
    rest = entry(2, "half")
    assert texts(form.decode(out + error + rest)) == ["complaint", "first half"]


def test_what_is_damaged_is_passed_over_and_the_rest_is_read():
    block = entry(0, "one") + b'{"log":"torn\n' + b"\x00\x00\x00\n" + entry(1, "two")
    assert texts(FORM.fresh().decode(block)) == ["one", "two"]


@given(lines_, st.integers(0, 30))
def test_reading_from_a_moment_on_leaves_nothing_out(tmp_path_factory, written, since):
    path = tmp_path_factory.mktemp("log") / "x.log"
    half = len(written) // 2
    path.with_name("x.log.1").write_bytes(b"".join(entry(number, text) for number, text in enumerate(written[:half])))
    path.write_bytes(b"".join(entry(half + number, text) for number, text in enumerate(written[half:])))
    files = LogFiles(path, FORM)
    files.seek(at(since))
    found = []
    while lines := files.read():
        found += lines
    assert [line.text.decode() for line in found if line.time >= at(since)] == written[since:]
    files.close()


def test_reading_from_a_moment_on_in_a_large_file_does_not_begin_at_its_beginning(tmp_path):
    path = tmp_path / "x.log"
    path.write_bytes(b"".join(entry(number, f"line {number}" + "x" * 200) for number in range(20_000)))
    files = LogFiles(path, FORM)
    files.seek(at(15_000))
    first = files.read()[0]
    assert at(10_000) < first.time <= at(15_000)
    files.close()


@given(lines_)
def test_a_packed_log_is_the_same(tmp_path_factory, written):
    folder = tmp_path_factory.mktemp("log")
    (folder / "x.log").write_bytes(b"".join(entry(number, text) for number, text in enumerate(written)))
    parts = segments.pack(segments.contents(folder / "x.log"), folder / "x.gz", FORM)
    log = Packed(folder / "x.gz", parts, FORM)
    assert texts(log.forward()) == written
    assert texts(log.backward()) == written[::-1]


@pytest.fixture(scope="module")
def few_segments(tmp_path_factory):
    """A log of a few segments: the path, the segments, the lines."""
    folder = tmp_path_factory.mktemp("packed")
    written = [f"line {number} " + "x" * 400 for number in range(8_000)]
    (folder / "x.log").write_bytes(b"".join(entry(number, text) for number, text in enumerate(written)))
    parts = segments.pack(segments.contents(folder / "x.log"), folder / "x.gz", FORM)
    assert len(parts) > 3
    return folder / "x.gz", parts, written


@pytest.fixture
def packed(few_segments, tmp_path):
    """A copy of it."""
    path, parts, written = few_segments
    return Path(shutil.copy(path, tmp_path)), parts, written


def test_of_a_packed_log_only_what_is_needed_is_unpacked(packed):
    path, parts, written = packed
    log = Packed(path, parts, FORM)
    assert texts(log.forward()) == written
    assert len(list(log.forward(at(7_999)))) < 8_000 * 2 // 3
    assert next(log.backward()).text.decode() == written[-1]


def test_the_oldest_segments_of_a_log_that_is_too_large_go(packed):
    path, parts, written = packed
    kept = segments.trim(path, parts, parts[-1].size + parts[-2].size)
    assert len(kept) == 2
    assert path.stat().st_size == parts[-1].size + parts[-2].size
    left = texts(Packed(path, kept, FORM).forward())
    assert left == written[-len(left) :]
    assert segments.trim(path, kept, 1 << 30) == kept


def test_a_log_that_was_damaged_says_so(packed):
    path, parts, _ = packed
    path.write_bytes(path.read_bytes()[: parts[0].size])
    lines = list(Packed(path, parts, FORM).backward())
    assert lines[0].source == "platform" and b"can't be read" in lines[0].text
    assert lines[-1].text.startswith(b"line 0 ")


def test_the_files_of_a_log_are_the_oldest_first(tmp_path):
    for name in ("x.log", "x.log.1", "x.log.2", "x.log.4", "y.log"):
        (tmp_path / name).touch()
    names = [path.name for path in log_files.rotated(tmp_path / "x.log")]
    assert names == ["x.log.2", "x.log.1", "x.log"]


def request(**said):
    return request_line(**said).encode()


def test_requests_of_other_apps_are_passed_over():
    block = request() + request(app="other", app_id="2", path='/["1767225600.000","hello","1",') + b"not json\n"
    block += b'["1767225600.000","hello","1","one","of another form"]\n' + request(msec="1767225600.25")
    lines = AccessLog("hello", 1).decode(block)
    assert [line.time for line in lines] == ["2026-01-01T00:00:00.000000000Z", "2026-01-01T00:00:00.250000000Z"]
    assert len(AccessLog().decode(block)) == 3


def test_requests_are_of_an_app_by_its_number():
    block = request(app_id="1", path="/old-namesake") + request(app="hi", app_id="2", path="/before-its-renaming")
    block += request(app_id="22", path='/of "2"') + request(app_id="1", host='","hello","2","')
    lines = AccessLog("hello", 2).decode(block)
    assert [(line.app, line.fields["path"]) for line in lines] == [("hello", "/before-its-renaming")]
    assert [edge.of_app(2)(line.decode()) for line in block.splitlines()] == [False, True, False, False]


def test_the_time_of_a_block_is_that_of_its_first_whole_line():
    whole = request(msec="1767225601.500", path="/[")
    assert AccessLog.time(whole[5:] + request(msec="1767225602.000")) == "2026-01-01T00:00:02.000000000Z"
    assert AccessLog.time(whole) == "2026-01-01T00:00:01.500000000Z"
    assert AccessLog.time(whole[:-1]) == AccessLog.time(b"") == ""


def test_a_request_has_its_fields_by_name():
    [line] = AccessLog().decode(request(path="/é", agent="one\ttwo", bytes=12, upstream="127.0.0.1:1, 127.0.0.1:2"))
    assert line.fields == {
        **dict.fromkeys(FIELDS, ""), "time": "2026-01-01T00:00:00.000000000Z", "msec": "1767225600.000", "app": "hello",
        "app_id": "1", "status": "200", "bytes": 12, "seconds": 0.0, "path": "/é", "agent": "one\ttwo",
        "upstream": "127.0.0.1:1, 127.0.0.1:2", "completion": "OK",
    }  # fmt: skip


def test_what_the_edge_says_of_a_request_is_its_code():
    [line] = AccessLog().decode(request(status="503", code="H80"))
    assert line.code == "H80" and b'at=error code=H80 desc="Maintenance mode"' in line.text


@given(st.lists(st.text("ab<\"\\\té", max_size=6), max_size=12), st.text("ab<\"é", min_size=1, max_size=2))
def test_blocks_that_are_left_out_have_nothing_that_is_wanted(written, wanted):
    block = b"".join(entry(number, text) for number, text in enumerate(written))
    find = pattern.finder(re.escape(wanted))
    form = JsonLog("app", "web.1", 3, "hello", find.anywhere)
    assert [line for line in texts(form.decode(block)) if find(line.encode())] == [
        text for text in written if wanted in text
    ]


def test_what_is_wanted_in_two_parts_of_a_line_is_found():
    find = pattern.finder("needle")
    form = JsonLog("app", "web.1", 3, "hello", find.anywhere)
    [line] = form.decode(entry(0, "x" * (PART - 3) + "needle" + "x" * PART))
    assert find(line.text)
    assert form.decode(entry(0, "nothing")) == []
    anchored = pattern.finder("^needle$")
    assert anchored(b"needle") and not anchored(b"a needle")
    assert texts(JsonLog("app", "web.1", 3, "hello", anchored.anywhere).decode(entry(0, "needle"))) == ["needle"]


def test_a_log_of_others_is_read_no_further_back_than_is_asked_for(tmp_path):
    """Of the requests of all apps only those that may be among the newest lines are looked at."""
    path = tmp_path / "access.log"
    first = 1_767_225_600
    other = {"app": "other", "app_id": "2", "path": "p" * 200}
    path.write_text("".join(request_line(msec=f"{first + number}.000", **other) for number in range(10_000)))
    files = LogFiles(path, AccessLog("mine", 1))
    markers = []
    for line in files.backward():
        markers.append(line.time)
        assert (line.source, line.text) == ("", b"")
    assert markers == sorted(markers, reverse=True)
    assert len(markers) > 5

    seen = []
    reading = LogFiles(path, AccessLog("mine", 1))

    def backward():
        for line in reading.backward():
            seen.append(line.time)
            yield line

    own = [LogLine(markers[1], "app", "web.1", b"%d" % number) for number in range(20)]
    merged = heapq.merge(own, backward(), key=lambda line: line.time, reverse=True)
    assert len(list(islice(filter(lambda line: line.source, merged), 10))) == 10
    assert len(seen) <= 3
