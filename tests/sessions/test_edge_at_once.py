"""Changes of one edge that come at the same time: each is kept, and what is refused takes nothing else with it."""

import pytest

from fakes.gates import eventually
from paas.apps import lifecycle
from paas.core.edge.items import undone

CROWD = 20


def _kept(server, what):
    served = server.proxy.vhost("hello")
    found = {"headers": served.edge.headers, "domains": served.hosts, "access": served.edge.rules}
    return len(found[what])


@pytest.mark.parametrize(
    ("what", "line", "beside"),
    [
        ("headers", "headers:set hello X-N{} v", 0),
        ("domains", "domains:add hello d{}.example.net", 1),
        ("access", "access:deny hello 10.0.0.{}", 0),
    ],
)
def test_twenty_changes_at_once_are_all_kept_with_few_reloads(hello, what, line, beside):
    app, before = hello.app(), hello.proxy.reloads

    def recorded():
        store = hello.ctx.store
        kind = {"headers": "header", "access": "access"}.get(what)
        return len(store.edge.of(app, kind) if kind else store.apps.domains(app))

    with hello.gates.hold("publish") as gate:
        sessions = [hello.begin(line.format(number)) for number in range(CROWD)]
        gate.wait_until_reached()
        eventually(lambda: recorded() == CROWD, "every change to be recorded")
    assert [session.wait().err for session in sessions if session.wait().status] == []
    assert _kept(hello, what) == CROWD + beside
    assert hello.proxy.reloads - before <= 2


def test_what_is_refused_takes_back_only_itself(hello):
    hello.run("headers:set hello X-Old old")
    with hello.gates.hold("publish") as gate:
        refused = hello.begin("headers:set hello X-Old new")
        gate.wait_until_reached()
        hello.proxy.refusals.add("hello")
        kept = hello.begin("domains:add hello www.example.org")
        eventually(lambda: "www.example.org" in hello.ctx.store.apps.domains(hello.app()), "the domain")
    assert refused.wait().status == 1
    assert kept.wait().status == 1
    hello.proxy.refusals.clear()
    hello.run("headers:set hello X-New new")
    assert [(one.name, one.value) for one in hello.proxy.vhost("hello").edge.headers] == [
        ("X-Old", "old"), ("X-New", "new"),
    ]  # fmt: skip
    assert hello.proxy.vhost("hello").hosts == ("hello.localhost",)


def test_a_domain_that_another_app_took_meanwhile_is_not_taken_back_from_it(hello):
    hello.run("domains:add hello a.example.org b.example.org")
    hello.run("apps:create other")
    with hello.gates.hold("publish") as gate:
        refused = hello.begin("domains:remove hello a.example.org b.example.org")
        gate.wait_until_reached()
        hello.proxy.refusals.add("hello")
        hello.ctx.store.apps.set_domains(hello.app("other"), ["a.example.org"])
    assert refused.wait().status == 1
    assert hello.run("domains:report hello --domains-app-vhosts").out == "b.example.org\n"


@pytest.mark.parametrize(
    ("now", "before", "after", "expected"),
    [
        ("a b", "a", "a b", "a"),
        ("a b c", "a", "a b", "a c"),
        ("b", "a b", "b", "a b"),
        ("b c", "a b", "b", "a b c"),
        ("b a=1", "a b", "b a=1", "a b"),
        ("b a=2", "a b", "b a=1", "a=2 b"),
        ("a=1", "", "a", "a=1"),
        ("", "a", "a b", ""),
    ],
)
def test_undoing_a_change_leaves_what_others_did(now, before, after, expected):
    def texts(words):
        return {word.partition("=")[0]: word.partition("=")[2] for word in words.split()}

    result = undone(texts(now), texts(before), texts(after))
    assert list(result.items()) == list(texts(expected).items())


@pytest.mark.real("git")
def test_an_app_and_one_that_leads_to_it_are_destroyed_at_once(hello, monkeypatch):
    hello.deployed("api")
    assert hello.run("routes:add hello /api api:web").status == 0
    take_down = lifecycle._take_down

    def both(ctx, app):
        take_down(ctx, app)
        if app.name == "api":
            assert hello.begin("apps:destroy hello --force").wait().status == 0

    monkeypatch.setattr(lifecycle, "_take_down", both)
    assert hello.run("apps:destroy api --force").status == 0
    hello.quiet()
    assert hello.scheduler.networked() == set()
