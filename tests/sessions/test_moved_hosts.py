"""Certificates belong to hosts: a domain that moves from app to app, or is nobody's for a while, keeps its own."""

from __future__ import annotations

import pytest

from paas.core.certs.acme import DAY
from paas.core.certs.certificate import CertificateSource
from paas.core.errors import IssuanceFailed
from paas.edge import dashboard, former_hosts

HOST = "shop.example.net"


@pytest.fixture
def shop(hello):
    """The apps hello and other; hello has a domain with a certificate of the authority."""
    for line in (
        "domains:clear-global",
        "apps:create other",
        f"domains:add hello {HOST}",
        "letsencrypt:set --global email ops@example.org",
    ):
        assert hello.run(line).status == 0, line
    hello.issue()
    assert shown(hello) == ["hello"]
    return hello


def shown(server, host=HOST):
    """By whom the host is served with a certificate that browsers take."""
    return [
        vhost.app
        for vhost in server.proxy.served.values()
        for door in vhost.doors
        if host in door.hosts and door.credential and door.credential.trusted
    ]


def owners(server, host=HOST):
    """Whose the host's certificates are in the database."""
    names = {app.id: app.name for app in server.ctx.store.apps.all()}
    found = server.ctx.store.certificates.all()
    return [names.get(one.app_id) for one in found if (one.name, one.source) == (host, CertificateSource.ACME)]


def test_a_domain_takes_its_certificate_along_while_the_authority_is_down(shop):
    shop.acme.refusals += [IssuanceFailed("nobody answers")] * 5
    shop.run(f"domains:remove hello {HOST}")
    assert shown(shop) == [former_hosts.NAME]
    shop.run(f"domains:add other {HOST}")
    assert shown(shop) == ["other"]
    assert f"https://{HOST}:8443" in shop.run("urls other").out
    shop.issue(DAY)
    assert (shown(shop), owners(shop), len(shop.acme.orders)) == (["other"], ["other"], 1)
    assert "acme, until" in shop.run("certs:report other").out

    # It is renewed where it is now.
    shop.acme.refusals.clear()
    shop.issue(70 * DAY)
    assert (shown(shop), owners(shop), len(shop.acme.orders)) == (["other"], ["other"], 2)

    # And back.
    for line in (f"domains:remove other {HOST}", f"domains:add hello {HOST}"):
        assert shop.run(line).status == 0
    shop.issue()
    assert (shown(shop), owners(shop), len(shop.acme.orders)) == (["hello"], ["hello"], 2)


def test_what_becomes_of_the_first_app_does_not_matter(shop):
    for line in (f"domains:remove hello {HOST}", f"domains:add other {HOST}", "apps:destroy hello --force"):
        assert shop.run(line).status == 0
        assert shown(shop), line
    shop.issue()
    assert (owners(shop), len(shop.acme.orders)) == (["other"], 1)


def test_an_app_that_is_destroyed_leaves_its_hosts_certificate(shop):
    assert shop.run("apps:destroy hello --force").status == 0
    assert shown(shop) == [former_hosts.NAME]
    assert shop.run(f"domains:add other {HOST}").status == 0
    assert shown(shop) == ["other"]
    shop.issue()
    assert (owners(shop), len(shop.acme.orders)) == (["other"], 1)


def test_nobody_is_sent_to_a_host_that_nobody_has(shop):
    shop.run(f"domains:remove hello {HOST}")
    [door] = shop.proxy.served[former_hosts.KEY].doors
    assert (door.hosts, bool(door.credential), door.upgrades) == ((HOST,), True, False)
    # Somebody's wildcard covers it now.
    shop.run("domains:add other *.example.net")
    assert shown(shop) == []
    shop.run("domains:remove other *.example.net")
    assert shown(shop) == [former_hosts.NAME]
    # Once it would have been renewed it is forgotten.
    shop.issue(70 * DAY)
    assert (shown(shop), owners(shop)) == ([], [])


def test_a_redirect_moves_alike(shop):
    for line in (f"domains:remove hello {HOST}", f"redirect:add other {HOST} example.org"):
        assert shop.run(line).status == 0
    assert shown(shop) == ["other"]
    shop.run(f"redirect:remove other {HOST}")
    assert shown(shop) == [former_hosts.NAME]


def test_the_dashboard_takes_over_and_gives_back(shop):
    for line in (f"domains:remove hello {HOST}", f"settings:set dashboard-domain {HOST}"):
        assert shop.run(line).status == 0
    assert shown(shop) == [dashboard.NAME]
    shop.issue()
    assert (owners(shop), len(shop.acme.orders)) == ([None], 1)
    for line in ("settings:set dashboard-domain none", f"domains:add other {HOST}"):
        assert shop.run(line).status == 0
        assert shown(shop), line
    shop.issue()
    assert (shown(shop), owners(shop), len(shop.acme.orders)) == (["other"], ["other"], 1)


def test_a_renamed_app_leaves_its_old_name_with_a_certificate(shop):
    shop.run("domains:add-global apps.example.net")
    shop.issue()
    assert shown(shop, "hello.apps.example.net") == ["hello"]
    shop.run("apps:rename hello hi")
    assert shown(shop, "hello.apps.example.net") == [former_hosts.NAME]
    shop.run("apps:create hello")
    shop.quiet()
    # nginx takes the app's file first; what is left of the host elsewhere goes with the next look.
    assert "hello" in shown(shop, "hello.apps.example.net")
    shop.issue()
    assert shown(shop, "hello.apps.example.net") == ["hello"]


def test_a_wildcard_that_moves_leaves_no_host_below_it_without(shop):
    shop.run("letsencrypt:set --global dns-provider zone")
    shop.run("domains:add hello *.wild.example")
    shop.issue()
    shop.run("domains:add hello www.wild.example")
    shop.issue()
    before = len(shop.acme.orders)
    for line in ("domains:remove hello *.wild.example", "domains:add other *.wild.example"):
        assert shop.run(line).status == 0
        assert shown(shop, "www.wild.example") == ["hello"]
    assert shown(shop, "*.wild.example") == ["other"]
    shop.issue()
    assert shop.acme.orders[before:] == [(shop.acme.orders[0][0], "www.wild.example")]
    shop.issue(70 * DAY)
    assert shown(shop, "www.wild.example") == ["hello"]
    assert shown(shop, "*.wild.example") == ["other"]


def test_a_certificate_that_was_removed_or_revoked_does_not_come_back(shop):
    for line in (f"domains:remove hello {HOST}", f"domains:add other {HOST}"):
        shop.run(line)
    assert shop.run("letsencrypt:revoke other").status == 0
    assert len(shop.acme.revoked) == 1
    assert (shown(shop), owners(shop)) == ([], [])
    for line in (f"domains:remove other {HOST}", f"domains:add hello {HOST}"):
        shop.run(line)
    assert shown(shop) == []


def test_a_key_that_somebody_added_stays_with_its_app(shop):
    shop.run("letsencrypt:disable hello")
    assert shop.run(f"certs:generate hello {HOST}").status == 0
    assert shown(shop) == ["hello"]
    for line in (f"domains:remove hello {HOST}", f"domains:add other {HOST}"):
        assert shop.run(line).status == 0
        assert shown(shop) == []
