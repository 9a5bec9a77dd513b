"""The kernel's table of TCP sockets."""

from paas.core.nettcp import Listener, listeners

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
