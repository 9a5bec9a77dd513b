"""Ports of this machine that only this process of the tests takes; the kernel gives out none of them by itself."""

from __future__ import annotations

import itertools
import os
import socket
from contextlib import ExitStack

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 6
"""Which of the processes that run tests beside each other this one is."""
_ports = itertools.cycle(range(30000 + 400 * WORKER, 30400 + 400 * WORKER))


def free(count: int) -> list[int]:
    """So many ports of 127.0.0.1 that nobody has, neither for TCP nor for UDP; none of them comes again soon."""
    found: list[int] = []
    for port in itertools.islice(_ports, 400):
        if _is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise AssertionError(f"there are no {count} free ports")


def _is_free(port: int) -> bool:
    with ExitStack() as stack:
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                stack.enter_context(socket.socket(socket.AF_INET, kind)).bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
