"""Edge settings of an app as the store keeps them, in texts, and their conversion to parts of an `Edge`.

Name and value of one text, for each kind:

    header       Name of the header, its value
    access       network, ``allow`` or ``deny``
    user         name, hash of the password
    route        path prefix, ``TARGET`` or ``TARGET strip``; TARGET is a process type, or 12:type of the app number 12
    snippet      name, nginx directives
    maintenance  ``message``, the message; ``allow``, networks with spaces between them
    port         ``tcp 0.0.0.0 5432``, process type
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from paas.core import names
from paas.core.edge.rules import AccessRule, Header, Maintenance, Snippet, User
from paas.core.model import WEB
from paas.core.secret import Secret

HEADER, ACCESS, USER, ROUTE = "header", "access", "user", "route"
SNIPPET, MAINTENANCE, PORT = "snippet", "maintenance", "port"

COPIED = (HEADER, ACCESS, USER, ROUTE, SNIPPET)
"""Kinds that a clone of the app gets, too. A port can be open only once."""

Texts = Mapping[str, str]

SECURITY_HEADERS = (
    Header("X-Content-Type-Options", "nosniff"),
    Header("X-Frame-Options", "SAMEORIGIN"),
    Header("Referrer-Policy", "strict-origin-when-cross-origin"),
    Header("Cross-Origin-Opener-Policy", "same-origin"),
)


@dataclass(frozen=True)
class RouteTarget:
    """Target of a route: a process type of the app itself (``app_id`` 0), or of the app with that id."""

    app_id: int
    process_type: str
    strip: bool = False

    @property
    def text(self) -> str:
        """The stored form, which `target` reads."""
        where = f"{self.app_id}:{self.process_type}" if self.app_id else self.process_type
        return f"{where} strip" if self.strip else where


def target(text: str) -> RouteTarget:
    """Read a route's target from its stored form."""
    where, _, how = text.partition(" ")
    number, _, process_type = where.rpartition(":")
    return RouteTarget(int(number or 0), process_type, how == "strip")


def typed_target(text: str) -> tuple[str, str]:
    """Return app and process type of a target as typed: ``api``, ``other:api``, or ``other:`` for web of other.

    The app is empty for the same app.
    """
    app, colon, process_type = text.rpartition(":")
    return names.app_name(app) if colon else "", names.process_type(process_type or (WEB if colon else ""))


@dataclass(frozen=True)
class Binding:
    """Forwarded port of this machine. ``protocol`` is tcp or udp, ``address`` the address where it is open."""

    protocol: str
    address: str
    port: int
    process_type: str

    @property
    def name(self) -> str:
        """Name of its stored text."""
        return f"{self.protocol} {self.address} {self.port}"

    @property
    def title(self) -> str:
        """Form for display: ``tcp 0.0.0.0:5432``."""
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.protocol} {address}:{self.port}"


def bindings(texts: Texts) -> list[Binding]:
    """Return the bindings of these stored texts."""
    found = []
    for name, process_type in texts.items():
        protocol, address, port = name.split(" ")
        found.append(Binding(protocol, address, int(port), process_type))
    return found


ANY = ("0.0.0.0", "::")


def clash(one: Binding, other: Binding) -> bool:
    """Return True if both can't be open at the same time. ``::`` means IPv6 only, as nginx opens it."""
    same_family = (":" in one.address) == (":" in other.address)
    same_address = one.address == other.address or (same_family and bool({one.address, other.address} & set(ANY)))
    return one.protocol == other.protocol and one.port == other.port and same_address


def headers(texts: Texts, *, secure: bool) -> tuple[Header, ...]:
    """Return the app's headers, with ``secure`` after the security headers that the app does not set itself."""
    own = tuple(Header(name, value) for name, value in texts.items())
    taken = {header.name.lower() for header in own}
    usual = SECURITY_HEADERS if secure else ()
    return tuple(header for header in usual if header.name.lower() not in taken) + own


def rules(texts: Texts) -> tuple[AccessRule, ...]:
    """Return the access rules in their order; the first that matches applies."""
    return tuple(AccessRule(network, action == "allow") for network, action in texts.items())


def users(texts: Texts) -> tuple[User, ...]:
    """Return the users who have a password."""
    return tuple(User(name, Secret(hash_)) for name, hash_ in texts.items())


def snippets(texts: Texts) -> tuple[Snippet, ...]:
    """Return the snippets, sorted by name."""
    return tuple(Snippet(name, texts[name]) for name in sorted(texts))


def maintenance(texts: Texts) -> Maintenance | None:
    """Return the maintenance page; None if maintenance is off."""
    return Maintenance(texts.get("message", ""), tuple(texts["allow"].split())) if "allow" in texts else None


def undone(now: Texts, before: Texts, after: Texts) -> dict[str, str]:
    """Return ``now`` with the change from ``before`` to ``after`` reverted; concurrent changes stay."""
    result = {name: text for name, text in now.items() if name in before or after.get(name) != text}
    for name, text in before.items():
        if now.get(name) == after.get(name):
            result[name] = text
    at = list(before)
    return dict(sorted(result.items(), key=lambda item: at.index(item[0]) if item[0] in before else len(at)))
