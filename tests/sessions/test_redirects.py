"""``redirect:*``: hosts that lead elsewhere."""

import json

import pytest

from fakes import VIEWER
from paas.core.edge.tls import ServerBlock


def _doors(server):
    return [door for door in server.proxy.vhost("hello").doors if door.redirect]


def test_www_leads_to_the_apex_and_is_not_served_itself(hello):
    hello.run("domains:add hello www.example.org example.org")
    added = hello.run("redirect:add hello www.example.org example.org")
    assert added == (0, "", "-----> www.example.org redirects to example.org (301)\n")
    [door] = _doors(hello)
    assert (door.hosts, door.redirect.target, door.redirect.code) == (("www.example.org",), "example.org", 301)
    assert hello.proxy.vhost("hello").doors[0] == ServerBlock(("example.org", "hello.localhost"))
    assert hello.run("urls hello").out == "http://example.org:8080\nhttp://hello.localhost:8080\n"
    assert hello.run("redirect:remove hello www.example.org") == (0, "", "")
    assert _doors(hello) == []


def test_redirects_are_listed_and_replaced(hello):
    hello.run("redirect:add hello OLD.example.org https://example.org:444/shop/ --code 308")
    hello.run("redirect:add hello old.example.org https://example.org/new --code 302")
    listed = json.loads(hello.run("redirect:list hello --format json", caller=VIEWER).out)
    assert listed == [{"source": "old.example.org", "target": "https://example.org/new", "code": 302}]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a.example.org a.example.org", "a.example.org can't be redirected to itself"),
        ("a.example.org https://a.example.org/x", "a.example.org can't be redirected to itself"),
        ("a.example.org ftp://b.example.org", "is not a redirect target"),
        ("a.example.org 'https://b.example.org/;}'", "is not a redirect target"),
        ("a.example.org 'https://b.example.org/$uri'", "is not a redirect target"),
        ("a.example.org https://u:p@b.example.org", "is not a redirect target"),
        ("a.example.org *.example.org", "is not a redirect target"),
        ("_ b.example.org", "'_' can't be redirected"),
        ("a.example.org b.example.org --code 200", "'200' is not a redirect code"),
        ("x.example.org first.example.org", "first.example.org is redirected itself, to second.example.org"),
        ("second.example.org x.example.org", "first.example.org is redirected to second.example.org"),
    ],
)
def test_what_makes_no_sense_is_refused(hello, line, words):
    hello.run("redirect:add hello first.example.org second.example.org")
    refused = hello.run(f"redirect:add hello {line}")
    assert refused.status == 2
    assert words in refused.err
    assert len(_doors(hello)) == 1


def test_a_way_that_comes_back_is_refused_across_apps_and_patterns(hello):
    hello.run("apps:create other")
    hello.run("apps:create third")
    assert hello.run("redirect:add hello a.test https://b.test/x").status == 0
    assert hello.run("redirect:add other b.test c.test").status == 0
    refused = hello.run("redirect:add third c.test a.test")
    assert refused.status == 2
    assert "The loop is: a.test to b.test to c.test to a.test" in refused.err
    assert "[redirect-loop]" in refused.err
    assert hello.run("redirect:add third c.test d.test").status == 0

    refused = hello.run("redirect:add hello *.example.org www.example.org")
    assert "Add www.example.org to the domains of an app first. [redirect-loop]" in refused.err
    hello.run("domains:add other www.example.org")
    assert hello.run("redirect:add hello *.example.org www.example.org").status == 0
    assert hello.run("redirect:add hello *.deep.example.org x.deep.example.org").status == 2
    assert hello.run("redirect:add third shop.example.org hello.localhost").status == 0
    for line in ("domains:remove other www.example.org", "domains:clear other"):
        assert "www.example.org can't be removed: *.example.org redirects to it" in hello.run(line).err
    assert "www.example.org" in hello.proxy.vhost("other").hosts
    hello.run("redirect:remove hello *.example.org")
    assert hello.run("domains:remove other www.example.org").status == 0


def test_a_host_belongs_to_one_app(hello):
    hello.run("apps:create other")
    hello.run("domains:add other www.example.org")
    refused = hello.run("redirect:add hello www.example.org example.org")
    assert "the domain www.example.org belongs to the app 'other'" in refused.err
    hello.run("redirect:add hello old.example.org example.org")
    refused = hello.run("domains:add other old.example.org")
    assert refused.err == (
        " !     the domain old.example.org belongs to the app 'hello'\n"
        " !     The app redirects it.\n"
        " !     Run 'redirect:remove hello old.example.org' first. [domain-taken]\n"
    )
    assert hello.run("redirect:remove hello none.example.org").err == (
        " !     hello does not redirect none.example.org\n"
        " !     It redirects: old.example.org [no-such-redirect]\n"
    )


def test_a_redirect_that_the_proxy_refuses_is_not_kept(hello):
    hello.proxy.refusals.add("hello")
    assert hello.run("redirect:add hello www.example.org example.org").status == 1
    hello.proxy.refusals.clear()
    assert hello.run("redirect:list hello --quiet").out == ""
