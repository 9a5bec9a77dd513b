"""When to ask an ACME authority for a certificate: renewal, retries, and the authority's own limits. Decides only.

The limits are those of https://letsencrypt.org/docs/rate-limits/ with a little to spare, since other clients of the
same account or domain are not seen here.
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
"""From so many failures on, an attempt has to succeed with the staging server first."""
LONGEST_MEMORY = 7 * DAY


@dataclass(frozen=True)
class Attempt:
    """How it stands with a host whose last attempt failed; times are seconds since 1970."""

    host: str
    failures: int = 0
    retry_at: float = 0.0
    error: str = ""


@dataclass(frozen=True)
class PlacedOrder:
    """One order that was placed with ``server``, and whether a certificate came of it."""

    server: str
    host: str
    at: float
    issued: bool
    renewal: bool = False


@dataclass(frozen=True)
class Limit:
    """At most ``most`` orders of a kind in ``seconds``."""

    most: int
    seconds: float


ORDERS = Limit(280, 3 * HOUR)
FAILURES = Limit(4, HOUR)
DUPLICATES = Limit(4, 7 * DAY)
NEW_OF_DOMAIN = Limit(45, 7 * DAY)


def renew_at(not_before: float, not_after: float) -> float:
    """When a certificate is to be renewed: after two thirds of its life."""
    return not_before + (not_after - not_before) * 2 / 3


def failed(attempt: Attempt, error: str, now: float, retry_after: float = 0.0) -> Attempt:
    """The attempt after one more failure; ``retry_after`` are the seconds that the authority asks for."""
    failures = attempt.failures + 1
    pause = max(RETRIES[min(failures, len(RETRIES)) - 1], min(retry_after, LONGEST_MEMORY))
    return Attempt(attempt.host, failures, now + pause, error)


def waits(attempt: Attempt, now: float) -> bool:
    """Whether the next attempt has to wait. What is further away than any pause was noted by a clock that was wrong, as
    a server's may be until it is set: every attempt fails then, because the authority's own certificate seems old."""
    return 0 < attempt.retry_at - now <= LONGEST_MEMORY


def rehearses(attempt: Attempt) -> bool:
    """Whether the next attempt goes to the staging server first, so that failing costs nothing."""
    return attempt.failures >= REHEARSED_FROM


def staging_of(server: str, named: str = "") -> str:
    """The staging server that goes with a server: the one that was named, or Let's Encrypt's for Let's Encrypt."""
    return named or (STAGING if server == PRODUCTION else "")


def allowed_at(orders: Sequence[PlacedOrder], server: str, host: str, now: float, *, renewal: bool) -> float:
    """From when on the limits of the authority let the host be asked for: ``now`` if they do at once."""
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
    # What is yet to come was noted by a clock that was wrong.
    recent = sorted(at for at in times if now - limit.seconds < at <= now)
    return now if len(recent) < limit.most else recent[-limit.most] + limit.seconds


def _registered(host: str) -> str:
    # Two labels are too few below co.uk and the like: then the limit counts too much, which is safe.
    return ".".join(host.split(".")[-2:])
