"""Errors, log lines, labels, callers: what is small."""

import pytest

from paas.core import errors
from paas.core.access.caller import Access
from paas.core.containers import container
from paas.core.logs import line as logline
from paas.core.logs.line import LogLine, Style
from paas.core.model import App, Process, Release, Replica
from paas.core.releases.rollout import Candidate
from paas.core.runs import oneoff
from paas.jobs.output import Output


def every_error(kind=errors.PaasError):
    yield kind
    for child in kind.__subclasses__():
        yield from every_error(child)


@pytest.mark.parametrize("kind", sorted(set(every_error()), key=lambda kind: kind.__name__))
def test_every_error_has_a_code_and_a_status_that_is_not_success(kind):
    assert kind.code and kind.code.replace("-", "").isalnum() and kind.code.islower()
    # 127 is what shells say of a command that is not there.
    assert 1 <= kind.status <= 125 or (kind, kind.status) == (errors.CommandNotFound, 127)


def test_an_error_tells_what_why_and_what_to_do_with_its_code_last():
    error = errors.UsageError("what", why="why\nmore", fix="do this")
    assert error.lines() == ["what", "why", "more", "do this [usage]"]
    assert errors.PaasError("what").lines() == ["what [failed]"]
    assert errors.PaasError("what", code="special").code == "special"
    assert (str(error), errors.NoSuchApp("x").status, error.status) == ("what", 20, 2)


def test_roles_include_those_below():
    assert Access.VIEW < Access.DEPLOY < Access.ADMIN


def test_a_line_as_the_engine_gives_it():
    line = logline.parse(b"2026-01-01T00:00:00.000000001Z GET / \xff 200\r\n", "web.1")
    assert line == LogLine("2026-01-01T00:00:00.000000001Z", "app", "web.1", b"GET / \xff 200")
    head = b"2026-01-01T00:00:00.000000001Z app[web.1]:"
    assert logline.render(line, Style()) == head + b" GET / \xff 200\n"
    assert logline.render(line, Style(colour=True, plain=True)) == b"GET / \xff 200\n"
    coloured = logline.render(line, Style(colour=True))
    assert coloured.startswith(b"\x1b[") and head + b"\x1b[0m GET" in coloured
    assert logline.parse(b"", "web.1") == LogLine("", "app", "web.1", b"")


def test_lines_sort_by_time():
    times = ["2026-01-01T00:00:00.12Z", "2026-01-01T00:00:00.123Z", "2026-01-01T00:00:01Z"]
    assert sorted(map(logline.fixed, reversed(times))) == [f"{time[:-1]:.<20}".ljust(29, "0") + "Z" for time in times]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [("", True), ("web", True), ("web.1", True), ("web.2", False), ("we", False), ("worker", False)],
)
def test_whose_line_it_is(wanted, expected):
    assert logline.matches("web.1", wanted) is expected


ESCAPES = "\x1b]0;PWNED\x07\x1b[2J\x1b[31mred\x1b[0m\rover\x9b2K\x08"
"""A title, a cleared screen, colours, a line written over: what a build step may print (``RUN printf …``)."""


@pytest.mark.parametrize("say", ["step", "title", "detail", "warning"])
def test_what_is_said_reaches_no_further_into_a_terminal_than_text_and_colours(say):
    said = []
    getattr(Output(said.append, said.append), say)(ESCAPES)
    shown = b"".join(said)
    assert b"\x1b[31mred\x1b[0m" in shown
    assert b"PWNED" not in shown
    assert b"\x1b[2J" not in shown
    assert not {7, 8, 13, 0x9B} & set(shown)


def test_an_error_that_quotes_others_reaches_no_further_either():
    said = []
    Output(said.append, said.append).error(errors.BuildFailed("failed", why=f"it said {ESCAPES}\nmore"))
    assert b"PWNED" not in b"".join(said)
    assert b"\x1b[2J" not in b"".join(said)


def test_a_container_without_our_labels_is_none_of_ours():
    labels = {
        "paas.app-id": "7",
        "paas.process": "web",
        "paas.index": "1",
        "paas.slot": "0",
        "paas.release": "3",
    }
    found = container.from_labels("id", "name", labels, "running", "image")
    assert (found.app_id, found.label, found.slot, found.release, found.status) == (7, "web.1", 0, 3, "running")
    assert container.from_labels("id", "name", labels | {"paas.index": "x"}, "running", "image") is None
    for key in labels:
        assert container.from_labels("id", "name", {k: v for k, v in labels.items() if k != key}, "x", "i") is None


PRETENDING = {
    "paas.app": "hello",
    "paas.app-id": "1",
    "paas.process": "web",
    "paas.index": "1",
    "paas.slot": "1",
    "paas.release": "3",
    "paas.role": "sandbox",
    "paas.run": "7",
    "paas.sandbox": "ada",
}
"""What an image may say in its LABEL instructions: the engine gives them to its containers, too."""


def test_an_image_s_labels_make_no_sandbox_and_no_run_a_process_of_an_app():
    run = oneoff.Run(5, 2, 3, "run", "", "ls", "ada", 4, True, oneoff.RunStatus.RUNNING, 0, 0)
    app = App(2, "other", 0.0, "ada")
    for own in (oneoff.labels_of_sandbox("bob", "4f2c91"), oneoff.labels_of(app, run, "4f2c91")):
        seen = PRETENDING | own
        assert container.from_labels("id", "name", seen, "running", "image") is None
        task = oneoff.task("id", "name", seen, "running")
        assert (task.run, task.sandbox) == (oneoff.task("id", "name", own, "running").run, own["paas.sandbox"])
    # Even of the sandboxes that were there before theirs were completed.
    assert container.from_labels("id", "name", PRETENDING, "running", "image") is None


def test_an_image_s_labels_make_no_process_a_sandbox():
    candidate = Candidate(Replica("worker", 1, 0, 4), Process("worker", "work", None))
    release = Release("image", "commit", (candidate.process,), {}, {}, "ada", "git push", version=4)
    seen = PRETENDING | container.labels_of(App(2, "other", 0.0, "ada"), candidate, release, "4f2c91")
    found = container.from_labels("id", "name", seen, "running", "image")
    assert (found.app_id, found.label, found.release) == (2, "worker.1", 4)
    assert oneoff.task("id", "name", seen, "running") is None


def test_a_container_that_only_lends_its_files_is_no_process():
    own = container.complete({"paas.instance": "4f2c91", "paas.app-id": "2"})
    assert container.from_labels("id", "name", PRETENDING | own, "created", "image") is None
    assert oneoff.task("id", "name", PRETENDING | own, "created") is None
