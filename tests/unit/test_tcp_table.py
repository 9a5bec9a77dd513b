"""The kernel's table of TCP sockets."""

import pytest

from paas.core.containers import tcp_table
from paas.core.containers.tcp_table import Listener, listeners
from paas.core.edge.address import Address, local

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
REST = "00000000:00000000 00:00000000 00000000     0        0 123456 1 0000000000000000 100 0 0 10 0"


def table(*rows):
    return HEAD + "".join(f"  {number:2}: {' '.join(row)} {REST}\n" for number, row in enumerate(rows))


def test_ipv4():
    found = listeners(
        table(
            ("00000000:1388", "00000000:0000", "0A"),
            ("0100007F:1F90", "00000000:0000", "0A"),
            ("0200A8C0:0050", "00000000:0000", "0A"),
            ("0B00007F:9C40", "00000000:0000", "0A"),
            ("00000000:1388", "0100007F:C350", "01"),
            ("00000000:0051", "0100007F:C350", "06"),
        )
    )
    assert found == {Listener(5000, False), Listener(8080, True), Listener(80, False)}


def test_ipv6_with_mapped_addresses():
    zero = "00000000000000000000000000000000:0000"
    found = listeners(
        table(
            ("00000000000000000000000000000000:1388", zero, "0A"),
            ("00000000000000000000000001000000:1F90", zero, "0A"),
            ("0000000000000000FFFF00000100007F:0BB8", zero, "0A"),
            ("0000000000000000FFFF000002001FAC:0BB9", zero, "0A"),
        )
    )
    assert found == {
        Listener(5000, False),
        Listener(8080, True),
        Listener(3000, True),
        Listener(3001, False),
    }


def test_an_empty_or_torn_table():
    assert listeners("") == frozenset()
    assert listeners(HEAD) == frozenset()
    assert listeners(HEAD + "  0: 00000000:1388\n") == frozenset()


TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000    33        0 11 1 0 20 4 30 10 -1
   1: 0100007F:1F90 0100007F:D432 01 000A0000:00000000 01:00000014 00000000    33        0 12 1 0 20 4 30 10 -1
   2: 0100007F:9C40 0100007F:4E20 01 00000000:00000000 00:00000000 00000000    33        0 13 1 0 20 4 30 10 -1
   3: 0100007F:9C41 0100007F:4E20 06 00000000:00000000 00:00000000 00000000     0        0 0 1 0 20 4 30 10 -1
   4: 0A00000A:9C42 08080808:01BB 08 00000000:00000000 00:00000000 00000000    33        0 14 1 0 20 4 30 10 -1
   5: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 15 1 0 20 4 30 10 -1
"""


def test_open_connections_are_read_from_the_table():
    found = list(tcp_table.connections(TABLE))
    assert [(one.inode, one.local, one.remote, one.sending) for one in found] == [
        (11, 8080, Address("127.0.0.1", 54321), False),
        (12, 8080, Address("127.0.0.1", 54322), True),
        (13, 40000, Address("127.0.0.1", 20000), False),
        (14, 40002, Address("8.8.8.8", 443), False),
    ]
    held = tcp_table.held(found, [8080], sockets=1)
    targets = {Address("127.0.0.1", 20000): 1, Address("8.8.8.8", 443): 1}
    assert held == tcp_table.Held(clients=2, sending=1, targets=targets, sockets=1)


@pytest.mark.parametrize(
    ("held", "may"),
    [
        (tcp_table.Held(), False),
        (tcp_table.Held(1, 0, {Address("127.0.0.1", 20001): 1}), True),
        # A WebSocket of another app; the same and somebody who still sends a request, for whichever app.
        (tcp_table.Held(1, 0, {Address("127.0.0.1", 20002): 1}), False),
        (tcp_table.Held(2, 0, {Address("127.0.0.1", 20002): 1}), True),
        # Somebody who takes an answer slowly, of which nginx has the rest, or another process.
        (tcp_table.Held(1, 1), False),
        (tcp_table.Held(1, 1, {Address("127.0.0.1", 20002): 1}), False),
        (tcp_table.Held(2, 1, {Address("127.0.0.1", 20002): 1}), True),
        (tcp_table.Held(3, 1, {Address("127.0.0.1", 20002): 3}), False),
        # A connection to no process of an app goes along with nobody.
        (tcp_table.Held(1, 0, {Address("8.8.8.8", 443): 1}), True),
        # The dashboard.
        (tcp_table.Held(1, 0, {}, 1), False),
    ],
)
def test_a_worker_may_ask_for_whom_it_has_a_request_or_a_client_without_one(held, may):
    assert held.may_ask(local(20001)) is may
