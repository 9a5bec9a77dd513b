"""What getting certificates needs of the outside world."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from paas.certs.acme_client import AcmeClient
from paas.certs.dns_hook import DnsHooks
from paas.certs.resolver import Resolver


@dataclass(frozen=True)
class AcmeClients:
    """``turn`` is held while an authority is asked: one order at a time."""

    acme: AcmeClient
    hooks: DnsHooks
    resolver: Resolver
    turn: threading.Lock = field(default_factory=threading.Lock)
