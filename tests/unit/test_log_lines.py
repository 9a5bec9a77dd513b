"""What lines are made of: codes, times, queries, terminals, and the forms in which drains send them."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paas.core.containers import container
from paas.core.errors import InvalidValue
from paas.core.jobs.log import job_lines
from paas.core.logs import codes, drain, query, syslog
from paas.core.logs import frames as logframes
from paas.core.logs import line as logline
from paas.core.logs.drain import LogPosition, Resume
from paas.core.logs.line import LogLine
from paas.core.model import Deployment, DeploymentStatus
from paas.core.secret import Secret
from paas.system import pattern

LINE = LogLine("2026-01-01T00:00:00.123456789Z", "app", "web.1", "grüße".encode(), 3, "hello")


@pytest.mark.parametrize(
    ("status", "upstream", "connected", "answered", "code"),
    [
        ("200", "127.0.0.1:1", "0.000", "0.001", ""),
        ("502", "127.0.0.1:1", "-", "-", "H10"),
        ("502", "unix:/run/web.sock", "-", "-", "H10"),
        ("502", "app-1", "-", "-", "H99"),
        ("502", "127.0.0.1:1, app-1", "0.001, -", "-, -", "H99"),
        ("502", "127.0.0.1:1, 127.0.0.1:2", "0.001, -", "-, -", "H10"),
        ("502", "127.0.0.1:1, 127.0.0.1:2", "-, 0.001", "-, -", "H13"),
        ("502", "127.0.0.1:1", "0.000", "-", "H13"),
        ("502", "127.0.0.1:1", "0.000", "0.010", ""),
        ("504", "127.0.0.1:1", "0.000", "-", "H12"),
        ("504", "127.0.0.1:1", "-", "-", "H19"),
        ("503", "", "", "", "H14"),
        ("503", "127.0.0.1:1", "0.000", "0.001", ""),
        ("499", "127.0.0.1:1", "0.000", "-", "H27"),
        ("500", "127.0.0.1:1", "0.000", "0.001", ""),
    ],
)
def test_the_code_of_a_request(status, upstream, connected, answered, code):
    assert codes.of_request(status, upstream, connected, answered) == code


def test_the_code_of_an_end():
    assert codes.of_end(0, False, again=True) == ("", "Process exited with status 0, restarting it")
    assert codes.of_end(137, False, again=True)[1].endswith(
        "Process exited with status 137 (signal 9), restarting it"
    )
    assert codes.of_end(0, False, again=False) == ("", "Process exited with status 0")
    assert codes.of_end(137, True, again=False) == (
        "R15", "Error R15 (Memory quota vastly exceeded): the kernel killed the process",
    )  # fmt: skip
    assert codes.of_end(137, True, again=True)[1].endswith("the kernel killed the process, restarting it")
    assert codes.of_start("not-listening") == "H20"
    assert codes.of_start("build-failed") == ""


@given(st.binary(max_size=60))
def test_nothing_on_a_terminal_does_more_than_colour(text):
    shown = logline.printable(text)
    rest = logline._ESCAPES.sub(lambda match: b"" if match[1] else b"!", shown)
    assert b"!" not in rest.replace(b"!", b"") and b"\x1b" not in rest
    assert not any(byte < 32 and byte != 9 for byte in rest)


def test_text_that_is_harmless_stays():
    assert logline.printable("grüße\t✓".encode()) == "grüße\t✓".encode()
    assert logline.printable(b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\") == b"link"
    assert logline.printable("\u009b2Jc1".encode()) == b"2Jc1"


@given(st.text(st.characters(exclude_categories=("Cs",))), st.integers(0, 99))
def test_a_line_survives_its_json(text, release):
    line = LINE._replace(text=text.encode(), release=release, fields={"status": "200"}, code="H10")
    assert b"\n" not in logline.as_json(line)[:-1]
    assert logline.from_json(logline.as_json(line)) == line


def test_bytes_that_are_no_text_are_replaced_in_json():
    assert json.loads(logline.as_json(LINE._replace(text=b"\xff\x00")))["text"] == "\ufffd\x00"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10m", "2025-12-31T23:50:00.000000000Z"),
        ("1.5h", "2025-12-31T22:30:00.000000000Z"),
        ("2026-01-31", "2026-01-31T00:00:00.000000000Z"),
        ("2026-03-29T03:30:00+02:00", "2026-03-29T01:30:00.000000000Z"),
        ("2026-01-31 12:00", "2026-01-31T12:00:00.000000000Z"),
        ("2026-01-31T12:00:00.123456Z", "2026-01-31T12:00:00.123456000Z"),
    ],
)
def test_a_moment(text, expected):
    assert query.moment("--since", text, 1_767_225_600.0) == expected


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "12:00", "-5m"])
def test_no_moment(text):
    with pytest.raises(InvalidValue):
        query.moment("--since", text, 0.0)


def test_a_pattern_that_would_take_for_ever_takes_no_time():
    finds = pattern.finder("(a+)+$")
    assert not finds(b"a" * 5000 + b"!")
    assert pattern.finder("gr.{2}ße")("grüße".encode())
    with pytest.raises(InvalidValue, match="not a regular expression"):
        pattern.finder("(")


TIME = b"2026-01-01T00:00:00.000000000Z "


def test_frames_of_a_long_line_are_joined():
    frames = [(1, TIME + b"one\n"), (1, TIME + b"two, "), (1, TIME + b"and more\n"), (1, TIME + b"end")]
    assert list(logframes.joined(frames)) == [TIME + b"one\n", TIME + b"two, and more\n", TIME + b"end"]
    many = [(1, TIME + b"x" * 16_384)] * 200
    assert all(len(line) < logframes.LONGEST + 20_000 for line in logframes.joined(many))


def test_a_long_line_is_not_mixed_with_what_another_stream_said_meanwhile():
    frames = [(1, TIME + b"two, "), (2, TIME + b"error\n"), (1, TIME + b"and more\n")]
    assert list(logframes.joined(frames)) == [TIME + b"error\n", TIME + b"two, and more\n"]


def test_frames_are_told_apart_by_their_stream():
    data = io.BytesIO(b"\1\0\0\0\0\0\0\3one" + b"\2\0\0\0\0\0\0\0" + b"\2\0\0\0\0\0\0\5error" + b"\1\0\0")
    assert list(logframes.frames(data.read)) == [(1, b"one"), (2, b"error")]
    assert list(logframes.lines([b"a\r\nb", b"\r\n", b"c"])) == [(0, b"a\r\n"), (0, b"b\r\n"), (0, b"c")]


def test_lines_are_all_there_are_if_they_are_fewer_parts_than_were_asked_for():
    assert logframes.complete([TIME + b"x\n"] * 9, 10) and not logframes.complete([TIME + b"x\n"] * 10, 10)
    assert not logframes.complete([TIME + b"x" * 40_000, TIME + b"x\n"], 4)


def test_a_syslog_message():
    assert syslog.message(LINE) == (
        "<190>1 2026-01-01T00:00:00.123456Z hello app web.1 - - grüße".encode()
    )
    odd = LINE._replace(process="we b", code="H10", app="")
    assert syslog.message(odd).startswith(b"<187>1 2026-01-01T00:00:00.123456Z - app we_b - - ")


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_frames_begin_with_their_length(texts):
    data = syslog.framed([LINE._replace(text=text) for text in texts])
    found = []
    while data:
        length, _, rest = data.partition(b" ")
        found.append(rest[: int(length)].partition(b" - - ")[2])
        data = rest[int(length) :]
    assert found == texts


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("syslog+tcp://logs.example:514", "syslog+tcp://logs.example:514"),
        ("https://token@logs.example", "https://********@logs.example"),
        ("https://[::1]:8080/a?b", "https://[::1]:8080/********"),
    ],
)
def test_a_url_for_people(url, masked):
    assert drain.masked(Secret(url)) == masked


def test_the_parts_of_a_url():
    target = drain.target("https://us%40er:p%3Aw@logs.example/in?key=1")
    assert (target.host, target.port, target.tls, target.path) == ("logs.example", 443, True, "/in?key=1")
    assert target.headers == {"Authorization": "Basic dXNAZXI6cDp3"}
    assert drain.target("syslog+tls://logs.example").port == 6514
    assert drain.target("https://logs.example/tök?a=%20&b=ü").path == "/t%C3%B6k?a=%20&b=%C3%BC"
    with pytest.raises(InvalidValue, match="its host name is invalid"):
        drain.target(f"https://{'x' * 70}.example/")


def second(number: int) -> str:
    return f"2026-01-01T00:00:{number:02}.000000000Z"


def test_what_is_no_time_is_no_place():
    place = LogPosition(f"{second(3)}#2")
    place.seen(LINE._replace(time="20%"))
    assert place.text == f"{second(3)}#2"
    for broken in ("20%#1", "#", "20%", f"{second(3)}#x"):
        assert LogPosition(broken).text == "" and Resume(broken).takes(LINE)
        assert query.seconds(broken.partition("#")[0][:9]) == 0.0
    assert query.seconds("2026-02-31T00:00:00.000000000Z") == 0.0


@given(st.lists(st.integers(0, 6), max_size=30).map(sorted), st.data())
def test_after_a_restart_reading_goes_on_where_it_was(times, data):
    lines = [LINE._replace(time=second(time), text=str(number).encode()) for number, time in enumerate(times)]
    read = data.draw(st.integers(0, len(lines)))
    place = LogPosition()
    for line in lines[:read]:
        place.seen(line)
    resume = Resume(place.text)
    # It begins some way before the place, but with all lines of that time.
    start = data.draw(st.integers(0, next((at for at, line in enumerate(lines) if line.time == lines[read - 1].time), 0)
                                  if read else 0))  # fmt: skip
    assert [line for line in lines[start:] if resume.takes(line)] == lines[read:]


def test_what_was_rotated_away_does_not_hold_up_the_rest():
    resume = Resume(f"{second(3)}#2")
    assert [time for time in (5, 6) if resume.takes(LINE._replace(time=second(time)))] == [5, 6]


def test_the_lines_of_a_job_have_their_times():
    it = Deployment(1, 1, "push", "ada", "git push", DeploymentStatus.FAILED, "", 10.0, 30.0, version=2)
    lines = job_lines(b"a\nb\nc\nfailed\n", "0 11.0 build\n2 12.0 build\n4 13.0 health\n6 30.0 \n", it, "hello")
    assert [(line.text, line.source, line.time[17:19]) for line in lines] == [
        (b"a", "build", "11"), (b"b", "build", "12"), (b"c", "deploy", "13"), (b"failed", "deploy", "30"),
    ]  # fmt: skip


def test_what_the_engine_tells_of_ends():
    attributes = {"paas.app-id": "7", "paas.process": "web", "paas.index": "1", "paas.slot": "0", "paas.release": "3"}

    def event(action, **more):
        return {"Action": action, "Actor": {"ID": "c1", "Attributes": {**attributes, **more}}}

    strange = {"Action": "die", "Actor": {"ID": "c2", "Attributes": {"exitCode": "1"}}}
    found = list(container.endings([event("oom"), event("die", exitCode="137"), strange, event("destroy")]))
    assert [(one.label, one.exit_code, one.out_of_memory, one.removed) for one in found] == [
        ("web.1", 137, True, False), ("web.1", 0, False, True),
    ]  # fmt: skip
