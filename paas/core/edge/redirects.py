"""Redirects of whole hosts: ``www.example.org`` to ``example.org``, or to an address elsewhere."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from paas.core.edge.hosts import host_name
from paas.core.errors import InvalidValue

CODES = (301, 302, 307, 308)
ADDRESS = re.compile(r"(https?)://([^/:?#]+)(?::([0-9]{1,5}))?(/[A-Za-z0-9/_.-]*)?")


@dataclass(frozen=True)
class Redirect:
    """Requests for ``source``, a host name, go to ``target``: a host name, or an address with a scheme.

    The path and query of the request are kept, behind those of the address. Raises `InvalidValue`.
    """

    source: str
    target: str
    code: int = 301

    def __post_init__(self) -> None:
        if host_name(self.source) != self.source or self.source == "_":
            raise InvalidValue(f"{self.source!r} can't be redirected", why="It has to be a host name.")
        if target(self.target) != self.target:
            raise InvalidValue(f"the target {self.target!r} is not normalised", why=f"Expected {target(self.target)!r}")
        if self.code not in CODES:
            raise InvalidValue(
                f"{self.code} is not a code for a redirect",
                why="It is 301 or 308 for good, 302 or 307 for now; with 307 and 308 a POST stays one.",
            )

    @property
    def elsewhere(self) -> bool:
        """Whether the target says its scheme itself."""
        return "://" in self.target


def target(text: str) -> str:
    """The target in the form in which it is kept; `InvalidValue` for what is neither a host nor an address."""
    found = ADDRESS.fullmatch(text)
    if found is None and "://" not in text and not text.startswith(("*", "_")):
        return host_name(text)
    if found is None or found[2].startswith(("*", "_")) or int(found[3] or 1) not in range(1, 65_536):
        raise InvalidValue(
            f"{text[:80]!r} is not a target for a redirect",
            why="It is a host name, or an address: http or https, a host, perhaps a port, and a path of letters, "
            "digits and / _ . -",
            fix="Write for instance example.org, or https://example.org/shop",
        )
    port = f":{int(found[3])}" if found[3] else ""
    return f"{found[1]}://{host_name(found[2])}{port}{(found[4] or '').rstrip('/')}"


def check(
    new: Redirect, others: Sequence[Redirect], everywhere: Sequence[Redirect] = (), served: Collection[str] = ()
) -> None:
    """Refuses a redirect to itself, one that would lead on to another of the app, and one that comes back.

    ``others`` are those of the same app, ``everywhere`` of all; ``served`` are the hosts and patterns that any app
    answers to.
    """
    host = _host(new)
    if host == new.source:
        raise InvalidValue(f"{new.source} can't be redirected to itself", code="redirect-loop")
    for other in others:
        if other.source == host:
            raise InvalidValue(
                f"{host} is redirected itself, to {other.target}",
                fix=f"Redirect {new.source} to {other.target} directly.",
                code="redirect-loop",
            )
        if new.source == other.target:
            raise InvalidValue(
                f"{other.source} is redirected to {new.source}",
                fix=f"Redirect {other.source} elsewhere first.",
                code="redirect-loop",
            )
    way = _way(new, [one for one in everywhere if one.source != new.source], served)
    if way and way[-1] is new:
        raise InvalidValue(
            f"{new.source} can't be redirected to {new.target}: visitors would come back",
            why=f"The way is: {' to '.join([host, *(_host(one) for one in way)])}",
            fix=f"Add {host} to the domains of an app first." if way == [new] else "Redirect one of them elsewhere.",
            code="redirect-loop",
        )


def check_gone(gone: Collection[str], everywhere: Sequence[Redirect]) -> None:
    """Refuses that hosts are not served any more to which a pattern is redirected that covers them: visitors would be
    sent to where they are."""
    sources = {one.source for one in everywhere}
    for one in everywhere:
        host = _host(one)
        if host in gone and matched(host, sources) == one.source:
            raise InvalidValue(
                f"{host} has to be served: {one.source} is redirected to it",
                why="Without it visitors would be sent from there to there.",
                fix=f"Remove the redirect of {one.source} first.",
                code="redirect-loop",
            )


def _host(redirect: Redirect) -> str:
    """The host that it leads to."""
    text = redirect.target
    return text.partition("://")[2].partition("/")[0].partition(":")[0] if redirect.elsewhere else text


def _way(new: Redirect, others: Sequence[Redirect], served: Collection[str]) -> list[Redirect]:
    """The redirects that a visitor meets after ``new``, who is the last of them if the way leads back to it."""
    by_source = {one.source: one for one in [*others, new]}
    way: list[Redirect] = []
    host = _host(new)
    while found := by_source.get(matched(host, {*by_source, *served})):
        if found in way:
            return way
        way.append(found)
        if found is new:
            return way
        host = _host(found)
    return way


def matched(host: str, names: Collection[str]) -> str:
    """The name by which nginx finds who answers: the host itself, or the longest pattern that covers it."""
    labels = host.split(".")
    patterns = (f"*.{'.'.join(labels[at:])}" for at in range(1, len(labels)))
    return next((name for name in (host, *patterns) if name in names), "")
