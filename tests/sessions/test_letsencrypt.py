"""``letsencrypt:*``: certificates that come by themselves, with an authority in memory and a clock that is set."""

import json

import pytest

from fakes import DEPLOYER, eventually
from paas.certs import orders as issuing
from paas.certs.clients import AcmeClients
from paas.core.certs.acme import DAY, PRODUCTION, STAGING
from paas.core.certs.certificate import CertificateSource
from paas.core.errors import IssuanceFailed
from paas.store.acme import AcmeRecords

HOST = "www.example.org"


@pytest.fixture
def shop(hello):
    """The app hello with a public domain, on a server whose account has an address."""
    hello.run("domains:set-global")
    hello.run("domains:clear-global")
    hello.run(f"domains:add hello {HOST}")
    hello.run("letsencrypt:set --global email ops@example.org")
    return hello


def _certificate(server, host=HOST, source=CertificateSource.ACME):
    app = server.ctx.store.apps.get("hello")
    return next((x for x in server.ctx.store.certificates.of(app) if (x.name, x.source) == (host, source)), None)


def _served(server, host=HOST):
    return next((one for one in server.proxy.vhost("hello").tls.credentials if host in one.hosts), None)


def test_without_an_address_nothing_is_asked_for(hello):
    hello.run(f"domains:add hello {HOST}")
    hello.issue(DAY)
    assert hello.acme.orders == []
    assert hello.proxy.vhost("hello").tls.thumbprint == ""
    refused = hello.run("letsencrypt:enable hello")
    assert refused.status == 1
    assert "letsencrypt:set --global email you@example.org [no-email]" in refused.err


def test_one_setting_is_enough(shop):
    assert shop.proxy.vhost("hello").tls.thumbprint
    shop.issue()
    assert shop.acme.orders == [(PRODUCTION, HOST)]
    assert _served(shop).trusted
    assert shop.run("urls hello").out == f"https://{HOST}:8443\n"
    assert shop.run("letsencrypt:list --quiet").out.split()[:3] == ["hello", HOST, "2026-04-01T00:00:00Z"]


def test_until_then_a_certificate_of_our_own_stands_in_and_nobody_is_sent_to_it(shop):
    shop.acme.refusals.append(IssuanceFailed("busy"))
    shop.issue()
    assert not _served(shop).trusted
    assert not any(door.upgrades for door in shop.proxy.vhost("hello").doors)
    assert shop.run("urls hello").out == f"http://{HOST}:8080\n"
    assert shop.run("certs:report hello --ssl-enabled").out == "false\n"
    shop.issue(300)
    assert _served(shop).trusted
    assert _certificate(shop, source=CertificateSource.PLACEHOLDER) is None


def test_a_host_that_leads_elsewhere_is_left_alone_and_looked_at_again(shop):
    shop.resolver.found[HOST] = frozenset({"203.0.113.9"})
    shop.issue()
    shop.issue(60)
    assert (shop.acme.orders, shop.resolver.asked) == ([], [HOST])
    said = shop.run("letsencrypt:enable hello")
    assert said.status == 1
    assert f"{HOST}: resolves to 203.0.113.9, not to this server" in said.err
    assert shop.run("settings:set public-addresses 203.0.113.9,203.0.113.10").status == 0
    shop.issue(600)
    assert shop.acme.orders == [(PRODUCTION, HOST)]


def test_names_that_no_authority_certifies_are_not_asked_for(shop):
    shop.run("domains:set hello a.localhost single b.internal 10.0.0.1 _ *.example.org")
    shop.issue()
    assert shop.acme.orders == []
    said = shop.run("letsencrypt:enable hello")
    assert said.status == 1
    assert "*.example.org: a wildcard is validated by DNS" in said.err
    assert "hello got no certificate for *.example.org\n" in said.err
    shop.run("domains:remove hello *.example.org")
    assert shop.run("letsencrypt:enable hello").status == 0


def _recorded_before_it_is_served(server, monkeypatch, *names):
    """Somebody adds domains while the issuer is at work: recorded, and its reload not done yet."""
    stand_ins = issuing.make_stand_ins

    def add(ctx, app):
        made = stand_ins(ctx, app)
        if app is not None:
            with ctx.store.transaction():
                ctx.store.apps.set_domains(app, names)
        return made

    monkeypatch.setattr(issuing, "make_stand_ins", add)


def test_a_host_is_served_before_the_authority_is_asked_for_it(shop, monkeypatch):
    served = []
    issue = shop.acme.issue
    _recorded_before_it_is_served(shop, monkeypatch, HOST, "new.example.org")

    def look(*asked):
        served.append(shop.proxy.vhost("hello").hosts)
        return issue(*asked)

    monkeypatch.setattr(shop.acme, "issue", look)
    shop.issue()
    assert [host for _, host in shop.acme.orders] == [HOST, "new.example.org"]
    assert all("new.example.org" in hosts for hosts in served)


def test_what_can_not_be_served_keeps_no_served_host_from_its_certificate(shop, monkeypatch, caplog):
    _recorded_before_it_is_served(shop, monkeypatch, HOST, "new.example.org")
    shop.proxy.refusals.add("hello")
    shop.issue()
    assert (PRODUCTION, HOST) in shop.acme.orders
    assert "New hosts of hello are not served: " in caplog.text


def test_wildcards_are_proven_by_a_hook_program(shop):
    shop.run("domains:set hello *.example.org")
    shop.run("letsencrypt:set --global dns-provider zone")
    shop.issue()
    assert shop.acme.orders == [(PRODUCTION, "*.example.org")]
    assert shop.hooks.records == {}
    assert _served(shop, "*.example.org").trusted
    shop.run("domains:add hello deep.example.org")
    shop.issue()
    assert len(shop.acme.orders) == 1
    assert _served(shop, "deep.example.org").hosts == ("*.example.org", "deep.example.org")


def test_over_a_year_each_certificate_is_renewed_at_two_thirds_of_its_life(shop):
    orders = []
    for day in range(366):
        shop.issue(DAY if day else 0)
        if len(shop.acme.orders) > len(orders):
            orders.append(day)
            shop.acme.orders[len(orders):] = []
    assert orders == [0, 60, 120, 180, 240, 300, 360]
    assert len(shop.acme.keys) == 1


def test_failures_are_rarer_and_rarer_and_rehearsed_before_they_count(shop):
    shop.acme.reachable = lambda name: False
    for _ in range(24 * 12):
        shop.issue(300)
    servers = [server for server, _ in shop.acme.orders]
    assert servers == [PRODUCTION] * 3 + [STAGING] * 4
    listed = json.loads(shop.run("letsencrypt:list --format json").out)
    assert listed[0]["state"].startswith("failed 7x, next 2026-01-02T")
    assert f"could not validate the domain: {HOST}: no route" in listed[0]["state"]

    shop.acme.reachable = lambda name: True
    shop.issue(DAY)
    assert [server for server, _ in shop.acme.orders][-2:] == [STAGING, PRODUCTION]
    assert _served(shop).trusted
    assert shop.ctx.store.table(AcmeRecords).attempts(shop.ctx.store.apps.get("hello")) == []


def test_what_the_authority_asks_to_wait_is_waited(shop):
    shop.acme.refusals.append(IssuanceFailed("too many", retry_after=5 * 3600, refused=True))
    shop.issue()
    shop.issue(4 * 3600)
    assert len(shop.acme.orders) == 1
    shop.issue(3600)
    assert len(shop.acme.orders) == 2


def test_a_renewal_that_fails_leaves_what_serves(shop):
    shop.issue()
    before = _served(shop)
    shop.acme.reachable = lambda name: False
    shop.issue(61 * DAY)
    assert _served(shop) == before
    assert len(shop.acme.orders) == 2


def test_one_host_that_fails_does_not_keep_the_others_from_theirs(shop):
    shop.run("domains:set hello bad.example.org good.example.org")
    shop.acme.reachable = lambda name: name.startswith("good")
    said = shop.run("letsencrypt:enable hello", caller=DEPLOYER)
    assert said.status == 1
    assert "-----> good.example.org: has a certificate" in said.err
    assert "hello got no certificate for bad.example.org" in said.err
    assert _served(shop, "good.example.org").trusted
    assert not _served(shop, "bad.example.org").trusted


def test_enabling_again_does_nothing_unless_forced_and_limits_hold(shop):
    for _ in range(2):
        assert shop.run("letsencrypt:enable hello").status == 0
    assert len(shop.acme.orders) == 1
    for _ in range(3):
        assert shop.run("letsencrypt:enable hello --force").status == 0
    limited = shop.run("letsencrypt:enable hello --force")
    assert limited.status == 1
    assert f"the rate limits of the authority allow no order for {HOST} now" in limited.err
    assert len(shop.acme.orders) == 4


def test_disabling_removes_them_and_gets_no_more(shop):
    shop.issue()
    assert shop.run("letsencrypt:disable hello") == (0, "", "")
    assert shop.proxy.vhost("hello").tls.credentials == ()
    shop.issue(DAY)
    assert len(shop.acme.orders) == 1
    assert shop.run("letsencrypt:list --quiet").out == ""
    assert shop.run("letsencrypt:enable hello").status == 0
    assert _served(shop).trusted


def test_revoking_tells_the_authority(shop):
    shop.issue()
    chain = _served(shop).chain
    assert shop.run("letsencrypt:revoke hello").status == 0
    assert shop.acme.revoked == [chain]
    assert _served(shop) is None


def test_another_authority_issues_anew(shop):
    shop.run("letsencrypt:set --global server staging")
    shop.issue()
    shop.run("letsencrypt:set --global server production")
    shop.issue()
    assert [server for server, _ in shop.acme.orders] == [STAGING, PRODUCTION]


def test_renewing_by_hand_takes_what_is_due(shop):
    shop.issue()
    assert shop.run("letsencrypt:auto-renew hello") == (0, "", "")
    shop.clock.advance(70 * DAY)
    assert shop.run("letsencrypt:auto-renew") == (0, "", f"-----> {HOST}: renewed\n")


def test_a_certificate_that_somebody_added_stays(shop):
    shop.run("domains:add hello own.example.org")
    shop.run("certs:generate hello own.example.org")
    shop.issue()
    assert shop.acme.orders == [(PRODUCTION, HOST)]


def test_a_redirected_host_gets_a_certificate_too(shop):
    shop.run("redirect:add hello example.org www.example.org")
    shop.issue()
    assert {name for _, name in shop.acme.orders} == {HOST, "example.org"}
    doors = [door for door in shop.proxy.vhost("hello").doors if door.redirect]
    assert [(bool(door.credential), door.secure) for door in doors] == [(False, True), (True, True)]


def test_an_app_that_is_destroyed_in_the_meantime_is_no_fault(shop):
    issue = shop.acme.issue

    def late(account, request, prove=None):
        shop.run("apps:destroy hello --force")
        return issue(account, request, prove)

    shop.acme.issue = late
    shop.issue()
    assert shop.ctx.store.certificates.all() == []


def test_what_comes_in_the_background_while_one_waits_is_not_asked_for_again(shop):
    with shop.ctx.part(AcmeClients).turn:
        waiting = shop.begin("letsencrypt:enable hello")
        eventually(lambda: shop.resolver.asked, "the command looks where the host leads")
        one = issuing.candidates(shop.ctx, shop.ctx.store.apps.get("hello"))[0][0]
        issuing.obtain(shop.ctx, one)
    assert waiting.wait() == (0, "", f"-----> {HOST}: has a certificate\n")
    assert len(shop.acme.orders) == 1


def test_enabling_all_apps_gets_what_each_lacks_and_tells_of_those_that_fail(shop):
    shop.run("apps:create other")
    shop.run("domains:add other other.example.org")
    assert shop.run("letsencrypt:enable --all").status == 0
    assert [one.name for one in shop.ctx.store.certificates.of(shop.app("other"))] == ["other.example.org"]
    assert _served(shop).hosts == (HOST,)
    for line in ("letsencrypt:enable", "letsencrypt:enable hello --all"):
        assert shop.run(line) == (2, "", " !     letsencrypt:enable takes either an app or --all [usage]\n")
