"""``nginx:set --global trusted-proxies``: whose word counts, and who is refused that."""

from __future__ import annotations

import pytest

from fakes import DEPLOYER
from paas.core.edge.trusted_proxies import TrustedProxies


def trust(server, value, key=""):
    return server.run(["nginx:set", "--global", "trusted-proxies" + key, *([value] if value else [])])


def test_proxies_are_known_at_once(hello):
    assert hello.proxy.options.trusted is None
    assert trust(hello, "10.0.0.5, 2001:db8::/32").status == 0
    assert hello.proxy.options.trusted == TrustedProxies(("10.0.0.5", "2001:db8::/32"))
    trust(hello, "proxy-protocol", "-protocol")
    trust(hello, "none", "-headers")
    found = hello.proxy.options.trusted
    assert (found.proxy_protocol, found.headers) == (True, frozenset())
    trust(hello, "")
    assert hello.proxy.options.trusted is None


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0", "0.0.0.0/1,128.0.0.0/1", "10.0.0.5,::/8"])
def test_a_network_of_everybody_is_refused_unless_it_is_meant(hello, network):
    refused = trust(hello, network)
    assert refused.status == 2
    for words in ("could claim any address", "rate limits", "use 'all'"):
        assert words in " ".join(refused.err.split())
    assert hello.proxy.options.trusted is None
    assert trust(hello, "all").status == 0
    assert hello.proxy.options.trusted.everyone


@pytest.mark.parametrize("value", ["10.0.0.1/8", "example.org", "all,10.0.0.1", "10.0.0.5;"])
def test_what_is_no_list_of_networks_is_refused(hello, value):
    assert trust(hello, value).status == 2
    assert hello.proxy.options.trusted is None


def test_only_administrators_say_whom_to_trust(hello):
    assert hello.run("nginx:set --global trusted-proxies 10.0.0.5", caller=DEPLOYER).status == 1


def test_headers_are_believed_of_proxies_alone():
    trusted = TrustedProxies(("10.0.0.5",), headers=frozenset({"host"}))
    assert (trusted.believes("host"), trusted.believes("proto")) == (True, False)
    assert not TrustedProxies(("10.0.0.5",), "proxy-protocol").believes("proto"), "visitors write all headers then"


def test_doctor_speaks_what_nginx_expects(hello):
    trust(hello, "proxy-protocol", "-protocol")
    trust(hello, "10.0.0.5")
    hello.probe.expected = b"PROXY UNKNOWN\r\n"
    assert "nginx answers requests" in hello.run("doctor").out
    hello.probe.expected = b""
    assert "nginx-silent" in hello.run("doctor").out
