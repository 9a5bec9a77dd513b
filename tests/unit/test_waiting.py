"""Connections that no process has accepted, in the kernel's own table."""

from __future__ import annotations

import os
import socket

from paas.core.containers import tcp_table
from paas.system.probe import Probe

TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1388 00000000:0000 0A 00000000:00000002 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 0200000A:1388 0100000A:A000 01 00000000:00000010 00:00000000 00000000     0        0 0 1 0 20 4 30 10 -1
   2: 0200000A:1388 0100000A:A001 08 00000000:00000010 00:00000000 00000000     0        0 0 1 0 20 4 30 10 -1
   3: 0200000A:1388 0100000A:A002 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 20 4 30 10 -1
   4: 0200000A:1389 0100000A:A003 01 00000000:00000000 00:00000000 00000000     0        0 0 1 0 20 4 30 10 -1
   5: 0200000A:1388 0100000A:A004 06 00000000:00000000 03:00000000 00000000     0        0 0 3 0000000000000000
"""


def test_they_are_open_of_that_port_and_nobodys():
    assert tcp_table.waiting(TABLE, 5000) == {"0100000A:A000", "0100000A:A001"}
    assert tcp_table.waiting("", 5000) == frozenset()


def test_the_kernel_tells_them_apart():
    with socket.create_server(("127.0.0.1", 0), backlog=5) as server:
        port = server.getsockname()[1]
        with socket.create_connection(server.getsockname()) as client:
            # An empty id is in every control group.
            found = Probe().waiting(os.getpid(), "", port)
            assert found and len(found) == 1
            client.sendall(b"x")
            accepted, _ = server.accept()
            assert Probe().waiting(os.getpid(), "", port) == frozenset()
            accepted.close()
    assert Probe().waiting(os.getpid(), "another container's id", port) is None
    assert Probe().waiting(0, "", port) is None
