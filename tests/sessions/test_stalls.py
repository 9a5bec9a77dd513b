"""A container that hangs or is paused is told, and not restarted."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from paas.core.health.stall import PAUSED, TOLD_AFTER, WAITING
from paas.health.stalls import Stalls

pytestmark = pytest.mark.real("git")


@pytest.fixture
def stalls(hello):
    """What looks at the app hello, which is deployed; called by hand."""
    hello.deployed("hello")
    return Stalls(hello.ctx)


def told(server):
    """What the app's log says of web.1, what ps:report does, and the codes of doctor."""
    lines = [line.partition("]: ")[2] for line in server.run("logs hello --source platform").out.splitlines()]
    said = [line for line in lines if "accept" in line.lower() or "paused" in line]
    report = json.loads(server.run("ps:report hello --format json").out).get("stalled-web-1", "")
    return said, report, "not-accepting" in server.run("doctor hello").out


def test_connections_that_nobody_accepts_are_told_once_and_so_is_the_end(hello, stalls):
    stalls.tick()
    hello.probe.unaccepted = {"0100007F:A000"}
    for _ in range(TOLD_AFTER):
        stalls.tick()
        assert told(hello) == ([], "", False)
    stalls.tick()
    text = WAITING[:1].upper() + WAITING[1:]
    assert told(hello) == ([text], WAITING, True)
    hello.probe.unaccepted = {"0100007F:A000", "0100007F:A001"}
    stalls.tick()
    assert told(hello)[0] == [text]
    hello.probe.unaccepted = set()
    stalls.tick()
    assert told(hello) == ([text, "Accepts connections again"], "", False)
    assert hello.scheduler.calls["restart"] == 0


def test_an_app_that_is_only_busy_is_no_news(hello, stalls):
    for number in range(10):
        # There are always some that wait, and never the same ones.
        hello.probe.unaccepted = {f"0100007F:A{number:03x}", f"0100007F:B{number:03x}"}
        stalls.tick()
    assert told(hello) == ([], "", False)


def test_a_paused_container_is_told(hello, stalls):
    web = hello.scheduler.running("web.1")
    web.container = replace(web.container, status="paused")
    for _ in range(TOLD_AFTER):
        stalls.tick()
    assert told(hello)[1:] == (PAUSED, True)
    web.container = replace(web.container, status="running")
    stalls.tick()
    assert told(hello)[1:] == ("", False)


def test_what_is_not_checked_is_not_looked_at(hello, stalls):
    hello.run("checks:disable hello web")
    hello.probe.unaccepted = {"0100007F:A000"}
    for _ in range(TOLD_AFTER + 1):
        stalls.tick()
    assert told(hello) == ([], "", False)
