"""Who of those that have not logged in may begin a key exchange, and who has to go.

A key exchange costs a hundred times what an open socket does, so connections wait at the gate for a place. Places are
shared by source: an IPv4 address, or an IPv6 network of 64 bits. Where a source has many connections, or many that came
to nothing, its places are few and its pace is limited. A client of the source that has logged in before, known by its
version string, has places of its own: whoever shares an address with an attacker still gets in.
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
    """How many connections that have not logged in there may be. Times are in seconds.

    ``waiting`` may be open at a time, those in a key exchange or login included: ``handshakes``, and beside them
    ``reserved`` for those that are known. ``per_source`` is how many of one source are in one at a time, ``calm`` how
    many it may have open before it is held up. Of a source under pressure there are ``pressed`` at a time, begun
    ``pause`` apart. Whoever has not said anything for ``patience`` while others wait loses its place, as does whoever
    has not logged in after ``longest``. ``strikes`` connections that came to nothing put a source under pressure; one
    is forgiven every ``forgiven``.
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
    """A connection that has not logged in. ``hello`` is the client's version string, empty until it is said."""

    source: str
    hello: bytes
    heard: float

    def throw_out(self) -> None:
        """Closes the connection at once."""


def source_of(address: str) -> str:
    """What an address is counted as."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            return str(ipaddress.ip_network((found, 64), strict=False))
        found = found.ipv4_mapped
    return str(found)


class Strikes:
    """How many connections of a source came to nothing lately."""

    def __init__(self, forgiven: float) -> None:
        self._forgiven = forgiven
        self._counts: collections.OrderedDict[object, tuple[float, float]] = collections.OrderedDict()

    def add(self, whose: object, now: float) -> None:
        """One more."""
        self._counts[whose] = (self.count(whose, now) + 1, now)
        self._counts.move_to_end(whose)
        if len(self._counts) > MOST_REMEMBERED:
            self._counts.popitem(last=False)

    def count(self, whose: object, now: float) -> float:
        """What is left of them."""
        count, then = self._counts.get(whose, (0.0, now))
        return max(0.0, count - (now - then) / self._forgiven)

    def clear(self, whose: object) -> None:
        """All are forgiven."""
        self._counts.pop(whose, None)


@dataclass
class _Source:
    """What one source has here. ``there`` are all, oldest first; ``ready`` those that wait for a place, newest last."""

    there: dict[Visitor, None] = field(default_factory=dict)
    ready: dict[Visitor, None] = field(default_factory=dict)
    begun: int = 0
    last: float = float("-inf")


class Gate:
    """The connections that have not logged in. It never blocks; ``chance`` gives numbers from 0 to 1."""

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
        """A connection came; returns the one that has to go for it, itself perhaps."""
        if self._refused_at_random(visitor):
            return visitor
        self._sources.setdefault(visitor.source, _Source()).there[visitor] = None
        self._count += 1
        return self._in_the_way() if self._count > self._rules.waiting else None

    def ready(self, visitor: Visitor, now: float) -> None:
        """It has said its version, and waits for a place."""
        source = self._sources.get(visitor.source)
        if source is None or visitor not in source.there or visitor in self._begun:
            return
        if self.is_known(visitor, now):
            self._known_ready[visitor] = None
        else:
            source.ready[visitor] = None

    def begin(self, now: float) -> Visitor | None:
        """The next one that begins its key exchange, None if nobody can for now.

        Those that are known come first. Of the others the source with the fewest comes first, and of a source the
        newest connection: a flood is made of those that wait, and who came last may be somebody else.
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
        """It is nobody unknown any more: it counts no longer, and others like it are known."""
        self._forget(visitor)
        self._strikes.clear((visitor.source, visitor.hello))
        for known in (visitor.source, (visitor.source, visitor.hello)):
            self._known[known] = None
            self._known.move_to_end(known)
        while len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)

    def left(self, visitor: Visitor, now: float) -> None:
        """It has gone. Unless it had logged in, that is a strike against its source."""
        if self._forget(visitor):
            self._strikes.add(visitor.source, now)
            self._strikes.add((visitor.source, visitor.hello), now)

    # What follows from it

    def pressed(self, visitor: Visitor, now: float) -> bool:
        """Whether it is held up: its source has too much here, or too much that came to nothing; it is not known."""
        source = self._sources.get(visitor.source)
        return source is not None and self._pressed(source, visitor.source, now) and not self.is_known(visitor, now)

    def is_known(self, visitor: Visitor, now: float) -> bool:
        """Whether a client of that version logged in from there, and did not come to nothing too often since."""
        pair = (visitor.source, visitor.hello)
        return pair in self._known and self._strikes.count(pair, now) < 2 * self._rules.strikes

    def waits(self) -> bool:
        """Whether anybody waits for a place."""
        return bool(self._known_ready) or any(source.ready for source in self._sources.values())

    def overdue(self, now: float) -> Iterator[Visitor]:
        """Those in a key exchange or login that keep others waiting."""
        others = any(source.ready for source in self._sources.values())
        for visitor, (began, known) in list(self._begun.items()):
            silent = now - max(began, visitor.heard) >= self._rules.patience
            if (self._known_ready if known else others) and (silent or now - began >= self._rules.longest):
                yield visitor

    def everybody(self) -> list[Visitor]:
        """All that are here."""
        return [visitor for source in self._sources.values() for visitor in source.there]

    # How

    def _refused_at_random(self, visitor: Visitor) -> bool:
        over = self._count - self._rules.waiting // 2
        # A source that nobody has logged in from is refused the likelier, the fuller it is.
        return over > 0 and visitor.source not in self._known and self._chance() < over / (self._rules.waiting / 2)

    def _in_the_way(self) -> Visitor | None:
        """The oldest of the source with most that has not begun; one that has, if all have."""
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
        """Whether it was there."""
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
            # Its pace goes with it; what it did wrong does not.
            del self._sources[visitor.source]
        return True
