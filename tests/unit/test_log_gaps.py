"""Logs as the engine's API tells them while they grow: what comes twice, and what is left out."""

from contextlib import contextmanager

import pytest

from fakes import eventually
from paas.core.logs import gaps
from paas.core.logs import line as logline
from paas.core.logs.gaps import Steps
from paas.core.logs.line import LogLine
from paas.logs.container_log import EngineSource, form_of


def line(milliseconds, text="x"):
    return LogLine(f"2026-01-01T00:00:{milliseconds / 1000:012.9f}Z", "app", "web.1", text.encode())


def test_a_line_that_comes_again_is_known_again():
    steps = Steps()
    for at in (1, 2, 3):
        steps.took(line(at))
    assert steps.repeats(line(2)) and not steps.repeats(line(2, "other")) and not steps.repeats(line(4))


def test_what_is_remembered_has_a_bound(monkeypatch):
    monkeypatch.setattr(gaps, "REMEMBERED", 10)
    steps = Steps()
    for at in range(100):
        steps.took(line(at))
    assert len(steps._known) == len(steps._order) == 10


def test_only_a_pause_of_a_busy_log_is_looked_into():
    busy, idle = Steps(), Steps()
    for at in range(gaps.BUSY_LINES):
        busy.took(line(at))
    for at in range(20):
        idle.took(line(at * 1000))
    assert busy.skips(line(2000)) and not busy.skips(line(1100)) and not idle.skips(line(25_000))


@pytest.mark.parametrize("kept", [0, 1500])
def test_what_the_engine_leaves_out_is_read_again_and_what_is_gone_is_told(hello, monkeypatch, kept):
    """The engine tells some lines twice and leaves out others, of which it has those from ``kept`` on."""
    [container] = hello.scheduler.containers(hello.app())
    lines = [line(at * 2, str(at)) for at in range(3000)]
    raw = [f"{one.time} {one.text.decode()}\n".encode() for one in lines]

    @contextmanager
    def follow(container_id, tail, since, opened):
        yield iter([b"".join(raw[:1100]), b"".join(raw[1000:1200]), b"".join(raw[2000:])])

    @contextmanager
    def read_log(container_id, since):
        # The last that was told is number 1199.
        yield iter(raw[max(kept, 1199) :])

    monkeypatch.setattr(hello.scheduler, "follow", follow)
    monkeypatch.setattr(hello.scheduler, "read_log", read_log)
    form, now = form_of(container, hello.app()), hello.clock.now()
    source = EngineSource(hello.scheduler, now, container.id, form, lambda: None)
    found: list[LogLine] = []
    eventually(lambda: found.extend(source.read()) or source.ended())
    texts = [one.text for one in found if one.text != logline.GAP]
    assert texts == [str(at).encode() for at in range(3000) if not 1200 <= at < kept]
    assert source.gaps == (1 if kept else 0) == [one.text for one in found].count(logline.GAP)
