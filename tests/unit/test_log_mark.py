"""The place in a log up to which somebody has read: whatever the order in which lines come, none is lost or twice."""

import random

import pytest

from paas.core.errors import InvalidValue
from paas.core.logs import line as logline
from paas.core.logs import mark as logmark
from paas.core.logs.line import LogLine
from paas.core.logs.mark import Mark, Progress, Read, Skip
from paas.core.logs.query import rfc3339

NOW = 1_767_225_600.0


def line(second, text=""):
    return LogLine(rfc3339(NOW + second), "app", "web.1", str(text).encode())


def test_a_mark_is_a_text_that_goes_into_an_address_and_a_header():
    mark = Mark(rfc3339(NOW), {"0123456789ab": Read(3, rfc3339(NOW + 1.5)), "router-12": Read(1, rfc3339(NOW))})

    assert logmark.parse(mark.text) == mark
    assert mark.text == (
        "1.20260101000000000000000_0123456789ab.3.20260101000001500000000_router-12.1.20260101000000000000000"
    )
    assert logmark.parse(Mark(rfc3339(NOW)).text) == Mark(rfc3339(NOW))


@pytest.mark.parametrize("text", ["", "1", "x", "2.20260101000000000000000", "1.2026", "1.20260101000000000000000_a.b",
                                  "1.20260101000000000000000_a.1.2 ", "1.20260101000000000000000\n"])  # fmt: skip
def test_what_is_no_mark_is_refused(text):
    with pytest.raises(InvalidValue):
        logmark.parse(text)


def history(random_numbers):
    """Three logs with their lines: (when it can be read, key, line). Those of a request come late, and out of order."""
    found, number = [], 0
    for key, late in (("web", 0.0), ("worker", 0.0), ("router", 1.5)):
        for _ in range(120):
            second = round(random_numbers.uniform(0, 60), 1)
            number += 1
            found.append((second + random_numbers.uniform(0, late), key, line(second, number)))
    return sorted(found, key=lambda one: one[0])


class Reader:
    """Reads every log in its order, up to what can be read by then, from a mark on."""

    def __init__(self, told, mark):
        self._told, self._mark = told, mark
        self._skips = {key: mark.skip(key) for _, key, _ in told}
        self._progress = Progress(mark)
        self._read = 0
        self.got = []

    def until(self, second, most=10**9):
        """Takes up to ``most`` lines; the mark is that of the last one."""
        while self._read < len(self._told) and self._told[self._read][0] <= second and most:
            _, key, found = self._told[self._read]
            self._read += 1
            if self._skips[key].takes(found):
                most -= 1
                self._progress.seen(key, found.time)
                self.got.append(found.text)
        if most:
            self._progress.caught_up(NOW + second)
        return logmark.parse(self._progress.text)


@pytest.mark.parametrize("seed", range(20))
def test_a_stream_that_is_cut_anywhere_goes_on_without_loss_or_repetition(seed):
    random_numbers = random.Random(seed)
    told, mark, got, second = history(random_numbers), Mark(rfc3339(NOW)), [], 0.0
    while second < 65:
        reader = Reader(told, mark)
        for _ in range(random_numbers.randrange(1, 40)):
            second += random_numbers.uniform(0, 1)
            mark = reader.until(second, random_numbers.choice([3, 10**9]))
        got += reader.got
    last = Reader(told, mark)
    last.until(70)
    got += last.got

    assert sorted(got) == sorted(found.text for _, _, found in told)


def test_the_mark_stays_short():
    progress = Progress(Mark(rfc3339(NOW)))
    for second in range(1000):
        progress.seen(f"container-{second // 10}", rfc3339(NOW + second))
        progress.caught_up(NOW + second + 0.5)

    assert len(progress.text) < 200


def test_lines_that_are_not_there_any_more_leave_a_gap():
    skip = Skip(rfc3339(NOW), Read(3, rfc3339(NOW + 3)))
    # Rotated away: the log begins after what was read.
    assert [skip.takes(line(second)) for second in (8, 9)] == [True, True]
    assert skip.gap == line(8)

    skip = Skip(rfc3339(NOW), Read(2, rfc3339(NOW + 3)))
    # Of the two that were read the newest is none of these.
    assert [skip.takes(line(second)) for second in (1, 2, 4)] == [False, False, True]
    assert skip.gap == line(4)

    whole = Skip(rfc3339(NOW), Read(2, rfc3339(NOW + 3)))
    assert [whole.takes(line(second)) for second in (-1, 1, 3, 2.5, 4)] == [False, False, False, True, True]
    assert whole.gap is None


def test_a_long_line_is_cut_where_a_character_ends_and_says_its_length():
    assert logline.shortened("ä".encode() * 100, 5) == "ää … [200 bytes]".encode()
    assert logline.Style(plain=True, cut=4).show(line(0, "12345")) == "1234 … [5 bytes]\n".encode()
    assert logline.Style(plain=True, cut=5).show(line(0, "12345")) == b"12345\n"
