"""Which addresses the server connects to on behalf of others."""

from __future__ import annotations

import pytest

from paas.core import egress, network_values
from paas.core.egress import Egress, EgressRefused
from paas.core.errors import InvalidValue

INTERNET = ["1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::8.8.8.8"]


@pytest.mark.parametrize("address", [*INTERNET, "::ffff:1.1.1.1", "2002:808:808::1"])
def test_addresses_of_the_internet_are_connected_to(address):
    assert Egress().refusal(address) == ""


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("127.0.0.1", "loopback"),
        ("127.255.3.4", "loopback"),
        ("0.0.0.0", "this host"),
        ("10.0.0.5", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "shared"),
        ("169.254.169.254", "metadata"),
        ("224.0.0.1", "multicast"),
        ("255.255.255.255", "reserved"),
        ("::", "this host"),
        ("::1", "loopback"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("fd00:ec2::254", "private"),
        ("ff02::1", "multicast"),
        ("100::1", "reserved"),
        # The same IPv4 addresses, written in IPv6.
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:a9fe:a9fe", "metadata"),
        ("::127.0.0.1", "reserved"),
        ("64:ff9b::10.0.0.1", "private"),
        ("64:ff9b:1::10.0.0.1", "reserved"),
        ("2002:7f00:1::", "loopback"),
        ("2001:0:7f00:1::", "loopback"),
        ("2001:0:4136:e378:8000:63bf:80ff:fffe", "loopback"),
    ],
)
def test_all_others_are_refused_however_they_are_written(address, kind):
    assert kind in Egress().refusal(address)


def test_what_is_no_address_is_an_error_and_not_let_through():
    with pytest.raises(ValueError, match="does not appear to be"):
        Egress().refusal("localhost")


def test_an_administrator_opens_networks():
    rules = Egress(egress.networks("127.0.0.0/8, fd00::/8 10.1.2.3"))
    assert [rules.refusal(one) for one in ("127.0.0.9", "::ffff:127.0.0.1", "fd12::1", "10.1.2.3")] == [""] * 4
    assert all(rules.refusal(one) for one in ("10.1.2.4", "::1", "192.168.0.1"))


def test_of_several_addresses_only_those_are_taken_that_may_be():
    assert Egress().check("h", ["127.0.0.1", "1.1.1.1", "::1"]) == ["1.1.1.1"]
    assert Egress().check("h", []) == []
    with pytest.raises(EgressRefused) as caught:
        Egress().check("metadata.internal", ["169.254.169.254"])
    assert caught.value.code == "egress-refused"
    assert "metadata.internal leads to 169.254.169.254" in caught.value.why
    assert "egress-allow 169.254.169.254/32" in caught.value.fix


@pytest.mark.parametrize("text", ["10.0.0.1/8", "localhost", "10.0.0.0/33"])
def test_a_value_of_the_setting_is_a_list_of_networks(text):
    with pytest.raises(InvalidValue):
        network_values.NETWORKS.read("egress-allow", text)
