"""Spans: recorded across threads, and drawn."""

import threading

from paas.core.jobs.trace import Span, complete, length, waterfall
from paas.system.spans import Recorder, carried, recorder, recording, span


class Ticking:
    """Each look at the clock is a second later."""

    def __init__(self) -> None:
        self.seconds = -1.0

    def __call__(self) -> float:
        self.seconds += 1
        return self.seconds


def test_spans_nest_and_end_when_the_inside_fails():
    one = Recorder(Ticking())
    with recording(one):
        try:
            with span("outer"), span("inner"):
                raise OSError
        except OSError:
            pass
        with span("next"):
            pass
    assert one.spans() == [Span("outer", 0, 1, 3), Span("inner", 1, 2, 1), Span("next", 0, 5, 1)]


def test_without_a_recorder_nothing_is_recorded():
    with span("lonely"):
        assert recorder() is None


def test_another_thread_records_only_what_was_carried_there():
    one = Recorder(Ticking())

    def work() -> None:
        with span("inner"):
            pass

    with recording(one), span("outer"):
        for target in (work, carried(work)):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()
    assert [(found.name, found.depth) for found in one.spans()] == [("outer", 0), ("inner", 1)]


def test_what_passed_between_steps_is_a_row_of_its_own():
    spans = [Span("one", 0, 0.25, 0.25), Span("inner", 1, 0.3, 0.1), Span("two", 0, 0.75, 0.25)]
    rows = complete(spans)
    assert [(row.name, row.began, row.seconds) for row in rows if row.depth == 0] == [
        ("(before)", 0, 0.25), ("one", 0.25, 0.25), ("(between)", 0.5, 0.25), ("two", 0.75, 0.25),
    ]  # fmt: skip
    assert sum(row.seconds for row in rows if row.depth == 0) == length(spans) == 1


def test_the_waterfall_shows_where_each_span_lies():
    lines = waterfall([Span("one", 0, 0, 0.5), Span("call", 1, 0.25, 0.25), Span("two", 0, 0.5, 0.5)])
    assert lines == [
        "one        500.0 ms  " + "█" * 24,
        "  call     250.0 ms  " + " " * 12 + "█" * 12,
        "two        500.0 ms  " + " " * 24 + "█" * 24,
    ]
    assert waterfall([]) == []
    assert waterfall([Span("quick", 0, 0, 0)]) == ["quick       0.0 ms"]
