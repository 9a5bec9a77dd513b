"""The harness's arithmetic: what a result says of a goal, and how measurements take turns."""

import pytest

from bench import report
from bench.run import measure
from bench.stats import Goal, summary
from bench.work import Figure, Measured, Size, Work


def test_a_summary_has_the_median_and_the_tenths():
    one = summary([5.0, 1.0, 2.0, 3.0, 4.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0])
    assert (one.n, one.median, one.p10, one.p90) == (11, 6, 2, 10)
    assert summary([3.0]) == type(one)(1, 3, 3, 3)


@pytest.mark.parametrize(
    ("goal", "ours", "floor", "met"),
    [
        (Goal("at most", 0.8), 0.8, 1.0, True),
        (Goal("at most", 0.8), 0.81, 1.0, False),
        (Goal("at least", 0.95), 95.0, 100.0, True),
        (Goal("at least", 0.95), 94.0, 100.0, False),
        (Goal("above", 0.04), 0.05, 0.02, True),
        (Goal("above", 0.04), 0.07, 0.02, False),
        (Goal("absolute", 2.0), 2.5, None, False),
        (Goal("absolute", 0.0), 0.0, None, True),
        (Goal("at most", 0.8), 0.5, None, None),
    ],
)
def test_a_goal_is_met_or_not_or_open(goal, ours, floor, met):
    assert goal.met(ours, floor) is met


class Turns(Work):
    """Writes down whose turn it was."""

    key, title, figures = "turns", "taking turns", (Figure("seconds", "time", goal=Goal("at most", 1.0)),)

    def set_up(self):
        self.seen = self.ground
        self.seen.append("set up")

    def ours(self):
        self.seen.append("ours")
        return {"seconds": 1.0}

    def floor(self):
        self.seen.append("floor")
        if self.seen.count("floor") > 3:
            raise OSError("the floor broke")
        return {"seconds": 2.0}

    def tear_down(self):
        self.seen.append("torn down")


def test_ours_and_the_floor_take_turns_after_a_warm_up_that_does_not_count():
    seen = []
    measured = measure(Turns(seen, Size()), Size(repeat=2), lambda text: None)
    assert seen == ["set up", *["ours", "floor"] * 3, "torn down"]
    assert (measured.values("ours", "seconds"), measured.values("floor", "seconds")) == ([1.0] * 2, [2.0] * 2)


def test_an_item_that_fails_is_torn_down_and_says_why():
    seen = []
    measured = measure(Turns(seen, Size()), Size(repeat=9), lambda text: None)
    assert (measured.error, seen[-1]) == ("OSError: the floor broke", "torn down")
    assert "could not be measured: OSError: the floor broke" in report.table([Turns], {"turns": measured})


def test_no_repetition_begins_after_the_time_is_up():
    measured = measure(Turns([], Size()), Size(repeat=9, seconds=-1), lambda text: None)
    assert measured.ours == []
    assert measured.notes == ["Ended after 0 of 9 repetitions: its time was up."]


def test_the_table_has_ratio_and_verdict():
    measured = Measured(ours=[{"seconds": 0.1}, {"seconds": 0.3}], floor=[{"seconds": 0.1}])
    assert report.table([Turns], {"turns": measured}).splitlines()[2] == (
        "| taking turns | – | ≤ 1.00 × | 200 ms (120 ms – 280 ms) | 100 ms | **2.00** | 2 | **no** |"
    )
