"""Admission of connections before login: which may start a key exchange, and which are closed.

A key exchange costs a hundred times as much as an open socket, so connections wait at the gate for a place. Places are
shared between sources: IPv4 addresses, or IPv6 networks of 64 bits. A source with many connections, or with many failed
ones, has few places and a limited rate. A client that has logged in from the source before, recognized by its version
string, has reserved places. So a user who shares an address with an attacker can still log in.
"""

from __future__ import annotations

import collections
import ipaddress
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

MOST_REMEMBERED = 4096


@dataclass(frozen=True)
class Rules:
    """Limits for connections before login. Times are in seconds.

    ``waiting``: open connections in all, including those in a key exchange or login. ``handshakes``: key exchanges at a
    time, plus ``reserved`` for known clients. ``per_source``: key exchanges of one source at a time. ``calm``: open
    connections of one source before it is under pressure. A source under pressure has ``pressed`` key exchanges at a
    time, started ``pause`` apart. While others wait, a connection loses its place after ``patience`` of silence, or
    after ``longest`` without a login. ``strikes`` failed connections put a source under pressure; one strike expires
    every ``forgiven`` seconds.
    """

    waiting: int = 1024
    handshakes: int = 48
    reserved: int = 24
    per_source: int = 16
    calm: int = 32
    pressed: int = 4
    pause: float = 0.1
    patience: float = 1.0
    longest: float = 10.0
    strikes: int = 32
    forgiven: float = 2.0


class Visitor(Protocol):
    """A connection before login. ``hello`` is the client's version string, empty until it arrives."""

    source: str
    hello: bytes
    heard: float

    def throw_out(self) -> None:
        """Close the connection immediately."""


def source_of(address: str) -> str:
    """Return the source that an address belongs to."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            return str(ipaddress.ip_network((found, 64), strict=False))
        found = found.ipv4_mapped
    return str(found)


class Strikes:
    """Recent failed connections, by source."""

    def __init__(self, forgiven: float) -> None:
        self._forgiven = forgiven
        self._counts: collections.OrderedDict[object, tuple[float, float]] = collections.OrderedDict()

    def add(self, whose: object, now: float) -> None:
        """Add a strike."""
        self._counts[whose] = (self.count(whose, now) + 1, now)
        self._counts.move_to_end(whose)
        if len(self._counts) > MOST_REMEMBERED:
            self._counts.popitem(last=False)

    def count(self, whose: object, now: float) -> float:
        """Return the strikes that have not expired."""
        count, then = self._counts.get(whose, (0.0, now))
        return max(0.0, count - (now - then) / self._forgiven)

    def clear(self, whose: object) -> None:
        """Drop all strikes."""
        self._counts.pop(whose, None)


@dataclass
class _Source:
    """The connections of one source. ``there``: all, oldest first. ``ready``: those waiting for a place, newest
    last."""

    there: dict[Visitor, None] = field(default_factory=dict)
    ready: dict[Visitor, None] = field(default_factory=dict)
    begun: int = 0
    last: float = float("-inf")


class Gate:
    """The connections before login. It never blocks. ``chance`` returns random numbers from 0 to 1."""

    def __init__(self, rules: Rules, chance: Callable[[], float] = random.random) -> None:
        self._rules = rules
        self._chance = chance
        self._sources: dict[str, _Source] = {}
        self._count = 0
        self._known_ready: dict[Visitor, None] = {}
        self._begun: dict[Visitor, tuple[float, bool]] = {}
        self._known_begun = 0
        self._strikes = Strikes(rules.forgiven)
        self._known: collections.OrderedDict[object, None] = collections.OrderedDict()

    # What happens

    def arrive(self, visitor: Visitor, now: float) -> Visitor | None:
        """Register a new connection. Return the one to close for it, possibly itself, or None."""
        if self._refused_at_random(visitor):
            return visitor
        self._sources.setdefault(visitor.source, _Source()).there[visitor] = None
        self._count += 1
        return self._in_the_way() if self._count > self._rules.waiting else None

    def ready(self, visitor: Visitor, now: float) -> None:
        """Queue the connection for a place: its version string has arrived."""
        source = self._sources.get(visitor.source)
        if source is None or visitor not in source.there or visitor in self._begun:
            return
        if self.is_known(visitor, now):
            self._known_ready[visitor] = None
        else:
            source.ready[visitor] = None

    def begin(self, now: float) -> Visitor | None:
        """Return the next connection to start its key exchange, or None.

        Known clients come first, then the source with the fewest key exchanges, and within a source the newest
        connection: a flood consists of waiting connections, and the last to arrive may be someone else.
        """
        if self._known_ready and self._known_begun < self._rules.reserved:
            visitor = next(iter(self._known_ready))
            self._start(visitor, now, known=True)
            return visitor
        if len(self._begun) - self._known_begun >= self._rules.handshakes:
            return None
        able = [source for source in self._sources.values() if source.ready and self._may_begin(source, now)]
        if not able:
            return None
        visitor = next(reversed(min(able, key=lambda source: source.begun).ready))
        self._start(visitor, now, known=False)
        return visitor

    def logged_in(self, visitor: Visitor, now: float) -> None:
        """Remove the connection from the gate, and remember its source and version as known."""
        self._forget(visitor)
        self._strikes.clear((visitor.source, visitor.hello))
        for known in (visitor.source, (visitor.source, visitor.hello)):
            self._known[known] = None
            self._known.move_to_end(known)
        while len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)

    def left(self, visitor: Visitor, now: float) -> None:
        """Forget a closed connection. Without a login it is a strike against its source."""
        if self._forget(visitor):
            self._strikes.add(visitor.source, now)
            self._strikes.add((visitor.source, visitor.hello), now)

    # What follows from it

    def pressed(self, visitor: Visitor, now: float) -> bool:
        """Return True for an unknown client whose source has too many open or failed connections."""
        source = self._sources.get(visitor.source)
        return source is not None and self._pressed(source, visitor.source, now) and not self.is_known(visitor, now)

    def is_known(self, visitor: Visitor, now: float) -> bool:
        """Return True if a client of that version logged in from the source, and has not failed too often since."""
        pair = (visitor.source, visitor.hello)
        return pair in self._known and self._strikes.count(pair, now) < 2 * self._rules.strikes

    def waits(self) -> bool:
        """Return True if a connection waits for a place."""
        return bool(self._known_ready) or any(source.ready for source in self._sources.values())

    def overdue(self, now: float) -> Iterator[Visitor]:
        """Yield the connections in a key exchange or login that have kept others waiting for too long."""
        others = any(source.ready for source in self._sources.values())
        for visitor, (began, known) in list(self._begun.items()):
            silent = now - max(began, visitor.heard) >= self._rules.patience
            if (self._known_ready if known else others) and (silent or now - began >= self._rules.longest):
                yield visitor

    def everybody(self) -> list[Visitor]:
        """Return all connections before login."""
        return [visitor for source in self._sources.values() for visitor in source.there]

    # How

    def _refused_at_random(self, visitor: Visitor) -> bool:
        over = self._count - self._rules.waiting // 2
        # The fuller the gate, the more likely a source without any login is refused.
        return over > 0 and visitor.source not in self._known and self._chance() < over / (self._rules.waiting / 2)

    def _in_the_way(self) -> Visitor | None:
        """Return the oldest waiting connection of the largest source, or its oldest one if none waits."""
        most = max(self._sources.values(), key=lambda source: len(source.there))
        waiting = (visitor for visitor in most.there if visitor not in self._begun)
        return next(waiting, next(iter(most.there), None))

    def _pressed(self, source: _Source, name: str, now: float) -> bool:
        return len(source.there) > self._rules.calm or self._strikes.count(name, now) >= self._rules.strikes

    def _may_begin(self, source: _Source, now: float) -> bool:
        if not self._pressed(source, next(iter(source.there)).source, now):
            return source.begun < self._rules.per_source
        return source.begun < self._rules.pressed and now - source.last >= self._rules.pause

    def _start(self, visitor: Visitor, now: float, *, known: bool) -> None:
        source = self._sources[visitor.source]
        source.ready.pop(visitor, None)
        self._known_ready.pop(visitor, None)
        self._begun[visitor] = (now, known)
        if known:
            self._known_begun += 1
        else:
            source.begun += 1
            source.last = now

    def _forget(self, visitor: Visitor) -> bool:
        """Remove the connection. Return True if it was registered."""
        source = self._sources.get(visitor.source)
        if source is None or visitor not in source.there:
            return False
        del source.there[visitor]
        self._count -= 1
        source.ready.pop(visitor, None)
        self._known_ready.pop(visitor, None)
        began = self._begun.pop(visitor, None)
        if began and began[1]:
            self._known_begun -= 1
        elif began:
            source.begun -= 1
        if not source.there and not source.begun:
            # Its rate limit goes with it; its strikes stay.
            del self._sources[visitor.source]
        return True
