"""Which connections that have not logged in may begin, wait, or have to go."""

import pytest

from paas.ssh.gate import Gate, Rules, source_of

OPENSSH, OTHER = b"SSH-2.0-OpenSSH_9.2p1", b"SSH-2.0-x"


class Visitor:
    def __init__(self, source="192.0.2.1", hello=OTHER, heard=0.0):
        self.source, self.hello, self.heard = source, hello, heard
        self.out = False

    def throw_out(self):
        self.out = True


def gate(chance=1.0, **rules):
    return Gate(Rules(**rules), lambda: chance)


def came(gate, now=0.0, **about):
    """One that has come, was not sent away, and has said its version."""
    visitor = Visitor(heard=now, **about)
    assert gate.arrive(visitor, now) is not visitor
    gate.ready(visitor, now)
    return visitor


def known(gate, source="192.0.2.1", hello=OPENSSH):
    """A client of that version has logged in from there."""
    visitor = came(gate, source=source, hello=hello)
    assert gate.begin(0.0) is visitor
    gate.logged_in(visitor, 0.0)
    gate.left(visitor, 0.0)


def begun(gate, now=0.0):
    """Those that may begin now."""
    return list(iter(lambda: gate.begin(now), None))


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_an_address_is_counted_as_its_network(address, source):
    assert source_of(address) == source


def test_with_nothing_in_the_way_everybody_begins_at_once():
    here = gate()
    visitors = [came(here, source=f"192.0.2.{number}") for number in range(10)]
    assert set(begun(here)) == set(visitors)
    assert not here.waits()


def test_six_hundred_of_one_source_leave_others_their_places():
    here = gate()
    for _ in range(600):
        came(here)
    assert len(begun(here)) <= Rules().per_source
    other = came(here, source="198.51.100.7")
    assert here.begin(0.0) is other


def test_whoever_is_known_begins_at_once_beside_six_hundred_of_the_same_source():
    here = gate()
    known(here)
    for _ in range(600):
        came(here)
    begun(here)
    friends = [came(here, hello=OPENSSH) for _ in range(20)]
    assert not any(here.pressed(friend, 0.0) for friend in friends)
    assert begun(here) == friends


def test_a_source_under_pressure_begins_at_a_pace():
    here = gate(handshakes=100)
    for _ in range(100):
        came(here)
    rules, count = Rules(), 0
    for step in range(100):
        now = step / 100
        for visitor in begun(here, now):
            here.left(visitor, now)
            came(here, now)
            count += 1
    assert count <= 1 / rules.pause + 1


def test_the_newest_of_a_flood_comes_first():
    here = gate(pressed=1)
    for _ in range(50):
        came(here)
    begun(here)
    late = came(here, 1.0)
    for visitor in list(here.overdue(1.0)):
        here.left(visitor, 1.0)
    assert here.begin(1.0) is late


def test_whoever_says_nothing_loses_its_place_only_while_others_wait():
    here = gate(handshakes=1, per_source=1)
    silent = came(here)
    assert begun(here) == [silent]
    assert list(here.overdue(100.0)) == []
    came(here, 100.0, source="198.51.100.7")
    assert list(here.overdue(100.0)) == [silent]
    silent.heard = 99.5
    assert list(here.overdue(100.0)) == [silent]  # for too long
    assert Rules().longest < 100


def test_whoever_makes_progress_keeps_its_place():
    here = gate(handshakes=1, per_source=1)
    active = came(here)
    begun(here)
    came(here, 5.0, source="198.51.100.7")
    active.heard = 4.5
    assert list(here.overdue(5.0)) == []


def test_beyond_the_limit_the_oldest_of_the_source_with_most_goes():
    here = gate(waiting=20)
    few = [Visitor(source=f"198.51.100.{number}") for number in range(5)]
    many = [Visitor() for _ in range(15)]
    for visitor in few + many:
        assert here.arrive(visitor, 0.0) is None
    assert here.arrive(Visitor(source="203.0.113.9"), 0.0) is many[0]


def test_above_a_mark_strange_sources_are_refused_at_random_and_known_ones_not():
    lucky, unlucky = gate(chance=0.99, waiting=100), gate(chance=0.2, waiting=100)
    for here in (lucky, unlucky):
        known(here)
        for number in range(75):
            came(here, source=f"198.51.100.{number}") if number <= 50 else here.arrive(Visitor(), 0.0)
    stranger, friend = Visitor(source="203.0.113.9"), Visitor()
    assert unlucky.arrive(stranger, 0.0) is stranger
    assert lucky.arrive(Visitor(source="203.0.113.9"), 0.0) is None
    assert unlucky.arrive(friend, 0.0) is None


def test_connections_that_come_to_nothing_hold_up_their_source_for_a_while():
    here = gate()
    for _ in range(40):
        here.left(came(here), 0.0)
    visitor = came(here)
    assert here.pressed(visitor, 0.0)
    assert not here.pressed(visitor, 1000.0)
    assert not here.pressed(came(here, source="198.51.100.7"), 0.0)


def test_one_that_logs_in_and_leaves_is_no_strike():
    here = gate()
    for _ in range(100):
        known(here)
    assert not here.pressed(came(here), 0.0)


def test_whoever_comes_to_nothing_under_a_known_version_is_known_no_more():
    here = gate()
    known(here)
    for _ in range(100):
        here.left(came(here, hello=OPENSSH), 0.0)
    assert not here.is_known(Visitor(hello=OPENSSH), 0.0)
    # A login makes good for it.
    friend = came(here, hello=OPENSSH)
    begun(here)
    here.logged_in(friend, 0.0)
    assert here.is_known(Visitor(hello=OPENSSH), 0.0)


def test_nothing_is_left_of_those_that_left():
    here = gate()
    for number in range(200):
        came(here, source=f"198.51.100.{number}")
    for visitor in begun(here)[::2]:
        here.logged_in(visitor, 0.0)
    for visitor in here.everybody():
        here.left(visitor, 0.0)
    assert (here.everybody(), here.waits(), here._begun, here._sources) == ([], False, {}, {})
