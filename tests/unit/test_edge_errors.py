"""Why a request has the code that it has: what nginx's log of errors says, and which of its workers were ended."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from fakes.requests import request_line
from paas.core.logs import codes
from paas.core.logs.requests import AccessLog
from paas.edge import errors as edge_errors
from paas.edge.errors import EdgeErrors

REST = ', client: 127.0.0.1, server: a.example, request: "{}", upstream: "http://127.0.0.1:1/", host: "a.example"'
END = 1767225600.0


def stamp(moment: float) -> str:
    return time.strftime("%Y/%m/%d %H:%M:%S", time.localtime(moment))


def error(words: str, *, worker: int = 12, connection: int = 345, request: str = "GET / HTTP/1.1") -> str:
    return f"{stamp(END)} [error] {worker}#{worker}: *{connection} {words}{REST.format(request)}\n"


def state(words: str, moment: float, worker: int = 12) -> str:
    return f"{stamp(moment)} [notice] {worker}#{worker}: {words}\n"


def code(errors: EdgeErrors, **said: object) -> str:
    row = {"msec": f"{END:.3f}", "method": "GET", "path": "/", "protocol": "HTTP/1.1", "completion": "",
           "request_id": "1767225600000-12-345-1", "upstream": "127.0.0.1:1", "upstream_connect_seconds": "0.000",
           "upstream_header_seconds": "0.001"}  # fmt: skip
    [line] = AccessLog(causes=errors.cause).decode(request_line(**{**row, **said}).encode())
    return line.code


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "error.log"


@pytest.fixture
def errors(log: Path) -> EdgeErrors:
    return EdgeErrors(log, lambda: 3600)


UNANSWERED = {"status": "502", "upstream_header_seconds": "-", "completion": "OK"}


@pytest.mark.parametrize(
    ("words", "said", "expected"),
    [
        ("upstream sent too big header while reading response header from upstream", UNANSWERED, "E11"),
        ("upstream sent invalid header while reading response header from upstream", UNANSWERED, "H17"),
        ("writev() failed (104: Connection reset by peer) while sending request to upstream", UNANSWERED, "E10"),
        ("writev() failed (32: Broken pipe) while sending request to upstream", UNANSWERED, "E10"),
        ("upstream prematurely closed connection while reading response header from upstream", UNANSWERED, "H13"),
        ("recv() failed (104: Connection reset) while reading response header from upstream", UNANSWERED, "H13"),
        ("connect() failed (111: Connection refused) while connecting to upstream",
         {**UNANSWERED, "upstream_connect_seconds": "-"}, "H10"),
        ("upstream timed out (110: Connection timed out) while reading response header from upstream",
         {**UNANSWERED, "status": "504"}, "H12"),
        ("upstream timed out (110: Connection timed out) while reading upstream", {}, "H15"),
        ("upstream timed out (110: Connection timed out) while proxying upgraded connection", {"status": "101"}, "H15"),
        ("upstream prematurely closed connection while reading upstream", {}, "H18"),
        ('pwrite() "/x" failed (28: No space left on device)', {"status": "500", "upstream_header_seconds": ""}, "E15"),
        ('pwritev() "/x" failed (28: No space left on device) while reading upstream', {}, "E15"),
        ('open() "/x/1" failed (13: Permission denied)', {"status": "500", "upstream_header_seconds": ""}, "E15"),
        ("something that is not known", {}, "H27"),
    ],
)  # fmt: skip
def test_the_code_is_that_of_the_error(
    log: Path, errors: EdgeErrors, words: str, said: dict[str, str], expected: str
) -> None:
    log.write_text(error("another", connection=346) + error(words) + error("another", worker=13))
    assert code(errors, **said) == expected


def test_a_body_that_nobody_read_is_told_from_a_crash(log: Path, errors: EdgeErrors) -> None:
    words = "recv() failed (104: Connection reset by peer) while reading response header from upstream"
    log.write_text(error(words, request="POST /up HTTP/1.1"))
    assert code(errors, **UNANSWERED, method="POST", path="/up") == "E10"


def test_an_error_is_of_one_request_of_its_connection(log: Path, errors: EdgeErrors) -> None:
    log.write_text(error("upstream timed out (110: x) while reading upstream", request='GET /a"b HTTP/2.0'))
    assert code(errors, path='/a"b', protocol="HTTP/2.0") == "H15"
    assert code(errors, path="/b", protocol="HTTP/2.0") == "H27"


def test_a_whole_answer_and_a_strange_id_need_no_error(log: Path, errors: EdgeErrors) -> None:
    log.write_text(error("upstream timed out (110: x) while reading upstream"))
    assert code(errors, completion="OK") == ""
    assert code(errors, request_id="x") == "H27"
    assert code(errors, completion="", status="408") == "H28"
    assert code(errors, completion="OK", status="103") == "E14"
    assert code(errors, completion="OK", status="101") == ""


@pytest.mark.parametrize(
    ("waited", "after", "expected"),
    [(3600, 0.0, "H24"), (3600, -0.4, "H24"), (3600, -60, "H27"), (1800, 0.0, "H27")],
)
def test_what_was_open_when_the_time_of_its_worker_was_up_was_cut(
    log: Path, errors: EdgeErrors, waited: float, after: float, expected: str
) -> None:
    log.write_text(state("gracefully shutting down", END - waited) + state("exiting", END - after))
    assert code(errors) == expected
    assert code(errors, status="000") == expected
    assert code(errors, request_id="1-13-345-1") == "H27"


def test_the_log_is_read_on_over_its_rotation(log: Path, errors: EdgeErrors) -> None:
    assert code(errors) == "H27"
    words = "upstream timed out (110: x) while reading upstream"
    log.write_text(error(words, connection=1))
    assert code(errors, request_id="1-12-1-1") == "H15"
    with log.open("a") as file:
        file.write(error(words, connection=2))
    log.rename(log.with_name("error.log.1"))
    log.write_text(error(words, connection=3)[:-5])
    assert code(errors, request_id="1-12-2-1") == "H15"
    assert code(errors, request_id="1-12-3-1") == "H27"
    with log.open("a") as file:
        file.write(error(words)[-5:])
    assert code(errors, request_id="1-12-3-1") == "H15"


def test_memory_for_errors_has_a_bound(log: Path, errors: EdgeErrors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_errors, "MOST", 10)
    log.write_text("".join(error("upstream sent too big header", connection=number) for number in range(30)))
    assert code(errors, **UNANSWERED, request_id="1-12-29-1") == "E11"
    assert code(errors, **UNANSWERED, request_id="1-12-1-1") == "H13"
    assert len(errors._said) == 10


def test_lines_of_before_are_whole_requests() -> None:
    row = json.loads(request_line(status="200"))[:-1]
    [line] = AccessLog().decode(json.dumps(row, separators=(",", ":")).encode() + b"\n")
    assert line.code == ""
    assert (line.fields or {})["completion"] == "OK"


def test_each_code_that_an_error_gives_has_a_name() -> None:
    assert {given for given, _ in codes._ERRORS} <= codes.CODES.keys()
