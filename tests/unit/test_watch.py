"""What ends without being asked to comes back."""

from __future__ import annotations

import threading

from fakes import Behaviour, Server
from paas.core import backoff
from paas.server.watch import SETTLE_SECONDS, Watcher


def test_pauses_grow_to_a_minute():
    assert [backoff.seconds(failures) for failures in (0, 1, 2, 3, 7, 50)] == [0, 1, 2, 4, 60, 60]


def _settle(server: Server, watcher: Watcher) -> None:
    """Ticks until the repair that was begun is through and was looked at."""
    watcher.tick()
    for case in list(watcher._cases.values()):
        if case.job is not None:
            assert case.job.done.wait(60)
    watcher.tick()


def _pass(server: Server) -> None:
    """Time passes, until what was seen counts."""
    server.ctx.clock.wait(threading.Event(), SETTLE_SECONDS)


def test_a_container_that_was_removed_by_hand_comes_back(hello: Server):
    app = hello.ctx.store.apps.get("hello")
    watcher = Watcher(hello.ctx)
    before = hello.scheduler.ids()["web.1"]
    hello.scheduler.vanish("web.1")

    watcher.look_at(app.id)
    _settle(hello, watcher)

    assert hello.scheduler.ids()["web.1"] != before
    assert watcher._cases != {}
    _pass(hello)
    watcher.tick()
    assert watcher._cases == {}


def test_an_end_that_the_list_of_containers_shows_late_is_seen(hello: Server):
    app = hello.ctx.store.apps.get("hello")
    watcher = Watcher(hello.ctx)
    before = hello.scheduler.ids()["web.1"]

    watcher.look_at(app.id)
    watcher.tick()
    hello.scheduler.vanish("web.1")
    _settle(hello, watcher)

    assert hello.scheduler.ids()["web.1"] != before


def test_what_does_not_hold_is_tried_again_after_growing_pauses(hello: Server):
    app = hello.ctx.store.apps.get("hello")
    watcher = Watcher(hello.ctx)
    hello.scheduler.vanish("web.1")
    hello.scheduler.tell("web", Behaviour(exits=1))

    watcher.look_at(app.id)
    _settle(hello, watcher)

    (case,) = watcher._cases.values()
    assert (case.failures, case.job) == (1, None)
    assert case.due > hello.ctx.clock.monotonic()


def test_an_app_that_is_gone_is_forgotten(hello: Server):
    watcher = Watcher(hello.ctx)
    watcher.look_at(4711)
    watcher.tick()
    assert watcher._cases == {}
