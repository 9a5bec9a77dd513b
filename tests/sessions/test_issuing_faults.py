"""Certificates that come by themselves while something is in the way: changes at the same time, authorities that speak
nonsense, addresses that only seem to lead here."""

import pytest

from fakes import eventually
from paas.core.certs.acme import DAY, PRODUCTION, STAGING
from paas.core.certs.certificate import CertificateSource
from paas.core.errors import IssuanceFailed, disk_full
from paas.edge import tls
from paas.store.acme import AcmeRecords

HOSTS = ("a.example.org", "b.example.org", "c.example.org")


@pytest.fixture
def shop(hello):
    """The app hello with three public domains, on a server whose account has an address."""
    hello.run("domains:clear-global")
    hello.run(["domains:add", "hello", *HOSTS])
    hello.run("letsencrypt:set --global email ops@example.org")
    return hello


def certificates(server, source=CertificateSource.ACME):
    app = server.ctx.store.apps.get("hello")
    return [one.name for one in server.ctx.store.certificates.of(app) if one.source is source]


def during_the_first_order(server, line):
    """Types the line while the authority is asked for the first time, and returns the command; by then the app
    gets no more certificates."""
    issue, begun = server.acme.issue, []

    def slow(account, request, prove=None):
        if not begun:
            begun.append(server.begin(line))
            eventually(lambda: not tls.acme_enabled(server.ctx, server.app()), "the command")
        return issue(account, request, prove)

    server.acme.issue = slow
    server.issuer.tick()
    return begun[0]


def test_what_is_disabled_while_an_order_is_under_way_gets_no_more(shop):
    assert during_the_first_order(shop, "letsencrypt:disable hello").wait().status == 0
    shop.quiet()
    assert len(shop.acme.orders) == 1
    assert certificates(shop) + certificates(shop, CertificateSource.PLACEHOLDER) == []
    assert shop.proxy.vhost("hello").tls.credentials == ()
    shop.issue(DAY)
    assert len(shop.acme.orders) == 1


def test_an_app_that_is_taken_out_by_a_property_gets_no_more_orders(shop):
    assert during_the_first_order(shop, "letsencrypt:set hello enabled false").wait().status == 0
    assert len(shop.acme.orders) == 1


def test_a_fault_that_nobody_expected_is_put_off_and_stops_no_other_app(shop):
    shop.run("apps:create zeta")
    shop.run("domains:add zeta z.example.org")
    issue, asked = shop.acme.issue, []

    def broken(account, request, prove=None):
        asked.append(1)
        if len(asked) <= 3:
            raise KeyError("newNonce")
        return issue(account, request, prove)

    shop.acme.issue = broken
    shop.issue()
    assert shop.acme.orders == [(PRODUCTION, "z.example.org")]
    shop.issue(60)
    assert len(asked) == 4
    assert "failed 1x" in shop.run("letsencrypt:list").out
    shop.issue(300)
    assert sorted(certificates(shop)) == list(HOSTS)


def test_a_certificate_is_revoked_by_who_issued_it(shop):
    shop.run("letsencrypt:set --global server staging")
    shop.issue()
    shop.run("letsencrypt:set --global server production")
    asked = []
    shop.acme.revoke = lambda account, chain: asked.append(account.server)
    assert shop.run("letsencrypt:revoke hello").status == 0
    assert asked == [STAGING] * 3


def test_certificates_of_hosts_that_are_gone_are_not_reported_and_go(shop):
    shop.issue()
    shop.run("domains:remove hello c.example.org")
    assert "c.example.org" not in shop.run("certs:report hello").out
    shop.run("domains:add hello c.example.org")
    shop.issue()
    assert len(shop.acme.orders) == 3
    shop.run("domains:remove hello c.example.org")
    shop.issue(61 * DAY)
    assert sorted(certificates(shop)) == ["a.example.org", "b.example.org"]

    shop.run("domains:disable hello")
    shop.issue(61 * DAY)
    assert len(certificates(shop)) == 2


def test_stand_ins_share_a_reload_and_so_do_certificates_that_come_together(shop):
    for number in range(4):
        shop.run(f"apps:create app-{number}")
        shop.run(f"domains:add app-{number} one-{number}.example.org two-{number}.example.org")
    before = shop.proxy.reloads
    shop.issue()
    assert len(shop.acme.orders) == 11
    assert shop.proxy.reloads - before == 2
    assert all(one.trusted for app in range(4) for one in shop.proxy.vhost(f"app-{app}").tls.credentials)


def test_a_certificate_does_not_wait_long_for_others(shop):
    issue, before = shop.acme.issue, []

    def slow(account, request, prove=None):
        before.append(shop.proxy.reloads)
        shop.clock.advance(4)
        return issue(account, request, prove)

    shop.issuer.tick()
    shop.run("domains:set hello d.example.org e.example.org f.example.org")
    shop.acme.issue = slow
    shop.issuer.tick()
    # The first waits for the second, not for the third, which comes eight seconds later.
    assert [count - before[0] for count in [*before, shop.proxy.reloads]] == [0, 0, 0, 1]


def refused_from_the_next_order_on(server, monkeypatch, *apps):
    """nginx takes up nothing of the apps, from the time on when the authority has issued something."""
    issue = server.acme.issue

    def issued(*asked):
        server.proxy.refusals |= set(apps)
        return issue(*asked)

    monkeypatch.setattr(server.acme, "issue", issued)


def names_and_chains(server, app):
    return {(name, one.chain) for one in server.proxy.vhost(app).tls.credentials for name in one.hosts}


@pytest.mark.parametrize("others", [(), ("zeta",), ("zeta", "eta")])
def test_a_certificate_that_nginx_did_not_take_up_is_served_later(shop, monkeypatch, caplog, others):
    for name in others:
        shop.run(f"apps:create {name}")
        shop.run(f"domains:add {name} {name}.example.org")
    shop.issue()
    before = {name: names_and_chains(shop, name) for name in ("hello", *others)}
    refused_from_the_next_order_on(shop, monkeypatch, "hello", *others[1:])
    shop.issue(61 * DAY)
    assert "New certificates are not served" in caplog.text
    assert names_and_chains(shop, "hello") == before["hello"]
    monkeypatch.undo()
    shop.proxy.refusals.clear()
    count = len(shop.acme.orders)
    shop.issue(60)
    assert len(shop.acme.orders) == count
    for name, old in before.items():
        assert not names_and_chains(shop, name) & old
    reloads = shop.proxy.reloads
    shop.issue(60)
    assert shop.proxy.reloads == reloads


def test_without_room_for_what_comes_the_authority_is_not_asked(shop, monkeypatch):
    def full(*args, **kwargs):
        raise disk_full("the database")

    for name in ("note", "add_order"):
        monkeypatch.setattr(shop.ctx.store.table(AcmeRecords), name, full)
    monkeypatch.setattr(shop.ctx.store.certificates, "put", full)
    for _ in range(6):
        shop.issue(60)
    assert shop.acme.orders == []
    monkeypatch.undo()
    shop.issue(60)
    assert sorted(certificates(shop)) == list(HOSTS)


def test_an_order_counts_although_the_server_is_killed_before_it_is_through(shop, monkeypatch):
    class Killed(BaseException):
        pass

    def killed(*asked):
        raise Killed

    monkeypatch.setattr(shop.acme, "issue", killed)
    with pytest.raises(Killed):
        shop.issuer.tick()
    assert [(one.host, one.issued) for one in shop.ctx.store.table(AcmeRecords).orders()] == [(HOSTS[0], True)]


def test_an_order_that_came_to_nothing_does_not_count_unless_it_was_refused(shop):
    shop.acme.refusals += [IssuanceFailed("no answer"), IssuanceFailed("no proof", refused=True)]
    shop.issue()
    orders = shop.ctx.store.table(AcmeRecords).orders()
    assert [(one.host, one.issued) for one in orders] == [(HOSTS[1], False), (HOSTS[2], True)]


def test_a_clock_that_was_ahead_keeps_no_host_from_its_certificate(shop):
    shop.clock.advance(400 * DAY)
    shop.resolver.found[HOSTS[0]] = None
    shop.acme.refusals += [IssuanceFailed("the authority is not trusted")] * 2
    shop.issue()
    assert certificates(shop) == []
    shop.resolver.found.clear()
    shop.clock.set_back(400 * DAY)
    shop.issue(600)
    assert sorted(certificates(shop)) == list(HOSTS)


@pytest.mark.parametrize(
    ("found", "bind", "leads"),
    [
        ("127.0.0.1", "", False),
        ("172.17.0.1", "", False),
        ("fe80::1", "::", False),
        ("2001:db8::1", "", False),
        ("2001:db8::1", "::", True),
        ("2001:db8::1", "2001:db8::1", True),
        ("192.0.2.1", "", True),
        ("203.0.113.7", "", True),
    ],
)
def test_what_leads_here_is_what_the_world_reaches(shop, found, bind, leads):
    shop.host.own = frozenset({"127.0.0.1", "172.17.0.1", "192.0.2.1", "fe80::1", "2001:db8::1"})
    shop.host.inner = frozenset({"172.17.0.1"})
    shop.run("settings:set public-addresses 203.0.113.7")
    shop.run(["nginx:set", "--global", "bind-address-ipv6", *([bind] if bind else [])])
    shop.resolver.default = frozenset({found})
    shop.issue()
    assert bool(shop.acme.orders) is leads
    shop.host.names = dict.fromkeys(HOSTS, frozenset({found}))
    assert ("a.example.org (hello) resolves to this host" in shop.run("doctor hello").out) is leads
    if not leads:
        said = shop.run("letsencrypt:enable hello").err
        missing = "bind-address-ipv6 ::" if found == "2001:db8::1" else "setting public-addresses"
        assert missing in said
