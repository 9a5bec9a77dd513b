"""Schedule of ACME orders: renewal, retries, and the authority's rate limits.

The limits are slightly below those of https://letsencrypt.org/docs/rate-limits/, because orders of other clients for
the same account or domain are unknown here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PRODUCTION = "https://acme-v02.api.letsencrypt.org/directory"
STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"
NAMED = {"production": PRODUCTION, "staging": STAGING}

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
RETRIES = (5 * MINUTE, 20 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY)
REHEARSED_FROM = 3
"""Number of failures after which an attempt must succeed with the staging server first."""
LONGEST_MEMORY = 7 * DAY


@dataclass(frozen=True)
class Attempt:
    """Failed attempts for a host; times are seconds since 1970."""

    host: str
    failures: int = 0
    retry_at: float = 0.0
    error: str = ""


@dataclass(frozen=True)
class PlacedOrder:
    """Order placed with ``server``; ``issued`` is true if it yielded a certificate."""

    server: str
    host: str
    at: float
    issued: bool
    renewal: bool = False


@dataclass(frozen=True)
class Limit:
    """Rate limit: at most ``most`` orders in ``seconds``."""

    most: int
    seconds: float


ORDERS = Limit(280, 3 * HOUR)
FAILURES = Limit(4, HOUR)
DUPLICATES = Limit(4, 7 * DAY)
NEW_OF_DOMAIN = Limit(45, 7 * DAY)


def renew_at(not_before: float, not_after: float) -> float:
    """Return the time of renewal: after two thirds of the certificate's life."""
    return not_before + (not_after - not_before) * 2 / 3


def failed(attempt: Attempt, error: str, now: float, retry_after: float = 0.0) -> Attempt:
    """Return the attempt after one more failure; ``retry_after`` is the pause in seconds the authority asks for."""
    failures = attempt.failures + 1
    pause = max(RETRIES[min(failures, len(RETRIES)) - 1], min(retry_after, LONGEST_MEMORY))
    return Attempt(attempt.host, failures, now + pause, error)


def waits(attempt: Attempt, now: float) -> bool:
    """Return True if the next attempt must wait.

    A time beyond the longest pause was recorded by a wrong clock and is ignored. A server's clock may be wrong until it
    is synchronized; every attempt fails then, because the authority's own certificate seems to be expired.
    """
    return 0 < attempt.retry_at - now <= LONGEST_MEMORY


def rehearses(attempt: Attempt) -> bool:
    """Return True if the next attempt goes to the staging server first, where failures don't count."""
    return attempt.failures >= REHEARSED_FROM


def staging_of(server: str, named: str = "") -> str:
    """Return the staging server for a server: ``named`` if set, or Let's Encrypt's own; else empty."""
    return named or (STAGING if server == PRODUCTION else "")


def allowed_at(orders: Sequence[PlacedOrder], server: str, host: str, now: float, *, renewal: bool) -> float:
    """Return the earliest time at which the rate limits allow an order for the host; ``now`` if at once."""
    own = [order for order in orders if order.server == server]
    of_host = [order for order in own if order.host == host]
    domain = _registered(host)
    times = [
        _free_at([order.at for order in own], ORDERS, now),
        _free_at([order.at for order in of_host if not order.issued], FAILURES, now),
        _free_at([order.at for order in of_host if order.issued], DUPLICATES, now),
    ]
    if not renewal:
        new = [order.at for order in own if order.issued and not order.renewal and _registered(order.host) == domain]
        times.append(_free_at(new, NEW_OF_DOMAIN, now))
    return max(times)


def _free_at(times: Sequence[float], limit: Limit, now: float) -> float:
    # Times in the future were recorded by a wrong clock.
    recent = sorted(at for at in times if now - limit.seconds < at <= now)
    return now if len(recent) < limit.most else recent[-limit.most] + limit.seconds


def _registered(host: str) -> str:
    # Below suffixes like co.uk two labels are too few: then more orders share a limit, which is safe.
    return ".".join(host.split(".")[-2:])
