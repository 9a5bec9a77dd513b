import pytest

from paas.web import views


def profile(*spans, ms=1000.0):
    return {"ms": ms, "spans": [dict(zip(("name", "depth", "began_ms", "ms"), span, strict=True)) for span in spans]}


def test_bars_are_where_and_as_long_as_their_spans():
    drawn = views.waterfall(profile(("build", 0, 0.0, 750.0), ("docker build", 1, 250.0, 500.0)))

    assert [(bar.x, bar.width, bar.y, bar.share) for bar in drawn.bars] == [
        (0.0, 750.0, 0, "75 %"), (250.0, 500.0, views.ROW, "50 %")
    ]  # fmt: skip
    assert drawn.total == "1.00 s"
    assert [words for _, words in drawn.marks] == ["0 ms", "250 ms", "500 ms", "750 ms", "1.00 s"]


def test_what_took_no_time_can_still_be_seen():
    assert views.waterfall(profile(("turn", 0, 0.0, 0.0), ms=0.0)).bars[0].width == views.NARROWEST
    assert views.waterfall(profile()).bars == ()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (0.0, "0.00 s"), (9.5, "9.50 s"), (42.0, "42 s"), (125.0, "2 min 5 s"), (7300.0, "2 h 1 min")],
)
def test_lengths_of_time_are_words(seconds, words):
    assert views.seconds(seconds) == words


def test_containers_stand_with_their_process_and_web_comes_first():
    found = views.by_process({"clock": 1, "web": 2}, [{"process": "web.1"}, {"process": "old.1"}])

    assert [(one["type"], one["wanted"], len(one["containers"])) for one in found] == [
        ("web", 2, 1), ("clock", 1, 0), ("old", 0, 1)
    ]  # fmt: skip
