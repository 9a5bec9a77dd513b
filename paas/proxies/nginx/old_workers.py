"""Workers from before a change, which live as long as they have connections: who needs them, and how many may exist."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping

from paas.core.containers.tcp_table import Held
from paas.core.edge.address import LOOPBACK, Address
from paas.proxies.base import Waiting
from paas.proxies.nginx.server import NginxControl

_log = logging.getLogger(__name__)


class OldWorkers:
    """Old workers.

    ``cut`` is called with the number of ended connections by loopback port, if there were too many workers.
    """

    def __init__(self, server: NginxControl, cut: Callable[[Mapping[int, int]], None]) -> None:
        self._server = server
        self._cut = cut
        self._ended = 0

    def drained(self, workers: Collection[int], addresses: Collection[Address] | None) -> bool:
        """Return True if none of the workers may still send a request to one of the addresses; for None, if all are
        gone.
        """
        left = self._server.finishing(workers)

        if not left or addresses is None:
            return not left

        if not addresses:
            return True

        return not any(held is None or held.may_ask(addresses) for held in self._server.held(left).values())

    def waiting(self, generations: int) -> Waiting:
        """Return the old workers."""
        found = self._server.held(self._server.finishing())
        return Waiting(len(found), _clients(found.values()), _most(generations), self._ended)

    def thin(self, generations: int) -> None:
        """End the oldest while there are too many: each takes some megabytes as long as one of its clients stays.

        The limit counts workers, of which a generation has one for each processor, as long as all of them have clients.
        """
        old = self._server.since(self._server.finishing())
        surplus = old[: max(0, len(old) - _most(generations))]

        if not surplus:
            return

        found = self._server.held(surplus).values()
        self._server.end(surplus)
        self._ended += len(surplus)
        _log.warning(
            "nginx had %d old workers, and %d may be (nginx old-generations): the oldest ended, with %d connections",
            len(old), _most(generations), _clients(found),
        )  # fmt: skip
        ended: Counter[int] = Counter()

        for held in found:
            own = held.targets.items() if held else ()
            ended.update({address.port: count for address, count in own if address.host == LOOPBACK})

        self._cut(ended)


def _most(generations: int) -> int:
    return generations * (os.cpu_count() or 1)


def _clients(found: Iterable[Held | None]) -> int:
    return sum(held.clients for held in found if held)
