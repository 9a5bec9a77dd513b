"""Redirects of whole hosts: ``www.example.org`` to ``example.org``, or to a URL."""

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
    """Redirect of the host ``source`` to ``target``, a host name or a URL.

    Path and query of the request are appended to the URL. Raises `InvalidValue`.
    """

    source: str
    target: str
    code: int = 301

    def __post_init__(self) -> None:
        if host_name(self.source) != self.source or self.source == "_":
            raise InvalidValue(f"{self.source!r} can't be redirected", why="It is not a host name.")
        if target(self.target) != self.target:
            raise InvalidValue(f"the target {self.target!r} is not normalised", why=f"Expected {target(self.target)!r}")
        if self.code not in CODES:
            raise InvalidValue(
                f"{self.code} is not a redirect code",
                why="Use 301 or 308 (permanent), 302 or 307 (temporary); with 307 and 308 a POST stays a POST.",
            )

    @property
    def elsewhere(self) -> bool:
        """True if the target is a URL with a scheme."""
        return "://" in self.target


def target(text: str) -> str:
    """Return the normalized target. Raise `InvalidValue` if it is neither a host nor a URL."""
    found = ADDRESS.fullmatch(text)
    if found is None and "://" not in text and not text.startswith(("*", "_")):
        return host_name(text)
    if found is None or found[2].startswith(("*", "_")) or int(found[3] or 1) not in range(1, 65_536):
        raise InvalidValue(
            f"{text[:80]!r} is not a redirect target",
            why="A target is a host name or a URL: http or https, a host, an optional port, and a path of letters, "
            "digits and / _ . -",
            fix="Examples: example.org, https://example.org/shop",
        )
    port = f":{int(found[3])}" if found[3] else ""
    return f"{found[1]}://{host_name(found[2])}{port}{(found[4] or '').rstrip('/')}"


def check(
    new: Redirect, others: Sequence[Redirect], everywhere: Sequence[Redirect] = (), served: Collection[str] = ()
) -> None:
    """Raise `InvalidValue` for a redirect to itself, to another redirect of the app, or in a loop.

    ``others`` are the redirects of the same app, ``everywhere`` those of all apps; ``served`` are the hosts and
    patterns of all apps.
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
            f"{new.source} can't be redirected to {new.target}: that is a redirect loop",
            why=f"The loop is: {' to '.join([host, *(_host(one) for one in way)])}",
            fix=f"Add {host} to the domains of an app first." if way == [new] else "Redirect one of them elsewhere.",
            code="redirect-loop",
        )


def check_gone(gone: Collection[str], everywhere: Sequence[Redirect]) -> None:
    """Raise `InvalidValue` if a removed host is the target of a wildcard redirect that matches it: that is a loop."""
    sources = {one.source for one in everywhere}
    for one in everywhere:
        host = _host(one)
        if host in gone and matched(host, sources) == one.source:
            raise InvalidValue(
                f"{host} can't be removed: {one.source} redirects to it",
                why=f"{one.source} covers {host}, too, which would become a redirect loop.",
                fix=f"Remove the redirect of {one.source} first.",
                code="redirect-loop",
            )


def _host(redirect: Redirect) -> str:
    """Return the host of the target."""
    text = redirect.target
    return text.partition("://")[2].partition("/")[0].partition(":")[0] if redirect.elsewhere else text


def _way(new: Redirect, others: Sequence[Redirect], served: Collection[str]) -> list[Redirect]:
    """Return the redirects that a client follows after ``new``; the last is ``new`` if they form a loop."""
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
    """Return the name that nginx matches for the host: the host itself, or the longest matching wildcard."""
    labels = host.split(".")
    patterns = (f"*.{'.'.join(labels[at:])}" for at in range(1, len(labels)))
    return next((name for name in (host, *patterns) if name in names), "")
