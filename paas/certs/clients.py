"""Clients that certificate orders use: ACME, DNS hooks, DNS."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from paas.certs.acme_client import AcmeClient
from paas.certs.dns_hook import DnsHooks
from paas.certs.resolver import Resolver


@dataclass(frozen=True)
class AcmeClients:
    """Clients of the outside world. ``turn`` is held during an order, so there is one at a time."""

    acme: AcmeClient
    hooks: DnsHooks
    resolver: Resolver
    turn: threading.Lock = field(default_factory=threading.Lock)
