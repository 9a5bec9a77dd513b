"""The texts that the store keeps for an app's edge, and the parts of an `Edge` that they stand for.

For each kind, the name and the value of one text:

    header       Name of the header, its value
    access       network, ``allow`` or ``deny``
    user         name, hash of the password
    route        path prefix, ``TARGET`` or ``TARGET strip``; TARGET is a process type, or 12:type of the app number 12
    snippet      name, text of nginx's language
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
"""What a clone has, too. Ports can be open only once."""

Texts = Mapping[str, str]

SECURITY_HEADERS = (
    Header("X-Content-Type-Options", "nosniff"),
    Header("X-Frame-Options", "SAMEORIGIN"),
    Header("Referrer-Policy", "strict-origin-when-cross-origin"),
    Header("Cross-Origin-Opener-Policy", "same-origin"),
)


@dataclass(frozen=True)
class RouteTarget:
    """Where a route leads: a process type of the app itself (``app_id`` 0), or of the app with that number."""

    app_id: int
    process_type: str
    strip: bool = False

    @property
    def text(self) -> str:
        """As it is kept."""
        where = f"{self.app_id}:{self.process_type}" if self.app_id else self.process_type
        return f"{where} strip" if self.strip else where


def target(text: str) -> RouteTarget:
    """From the form in which it is kept."""
    where, _, how = text.partition(" ")
    number, _, process_type = where.rpartition(":")
    return RouteTarget(int(number or 0), process_type, how == "strip")


def typed_target(text: str) -> tuple[str, str]:
    """The app (empty for the same) and the process type, from ``api``, ``other:api`` or ``other:`` for its web."""
    app, colon, process_type = text.rpartition(":")
    return names.app_name(app) if colon else "", names.process_type(process_type or (WEB if colon else ""))


@dataclass(frozen=True)
class Binding:
    """A port of this machine that is passed on: ``protocol`` is tcp or udp, ``address`` where it is open."""

    protocol: str
    address: str
    port: int
    process_type: str

    @property
    def name(self) -> str:
        """The name under which it is kept."""
        return f"{self.protocol} {self.address} {self.port}"

    @property
    def title(self) -> str:
        """For people: ``tcp 0.0.0.0:5432``."""
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.protocol} {address}:{self.port}"


def bindings(texts: Texts) -> list[Binding]:
    """The ports that these texts stand for."""
    found = []
    for name, process_type in texts.items():
        protocol, address, port = name.split(" ")
        found.append(Binding(protocol, address, int(port), process_type))
    return found


ANY = ("0.0.0.0", "::")


def clash(one: Binding, other: Binding) -> bool:
    """Whether both can't be open at the same time. ``::`` takes IPv6 only, as nginx opens it."""
    same_family = (":" in one.address) == (":" in other.address)
    same_address = one.address == other.address or (same_family and bool({one.address, other.address} & set(ANY)))
    return one.protocol == other.protocol and one.port == other.port and same_address


def headers(texts: Texts, *, secure: bool) -> tuple[Header, ...]:
    """The app's own headers, after those that are usual for security where it wants them and says nothing else."""
    own = tuple(Header(name, value) for name, value in texts.items())
    taken = {header.name.lower() for header in own}
    usual = SECURITY_HEADERS if secure else ()
    return tuple(header for header in usual if header.name.lower() not in taken) + own


def rules(texts: Texts) -> tuple[AccessRule, ...]:
    """Who may enter: in the order in which it was given, the first that fits counts."""
    return tuple(AccessRule(network, action == "allow") for network, action in texts.items())


def users(texts: Texts) -> tuple[User, ...]:
    """Who has a password."""
    return tuple(User(name, Secret(hash_)) for name, hash_ in texts.items())


def snippets(texts: Texts) -> tuple[Snippet, ...]:
    """What admins added, by name."""
    return tuple(Snippet(name, texts[name]) for name in sorted(texts))


def maintenance(texts: Texts) -> Maintenance | None:
    """The page in place of the app, None where it is not on."""
    return Maintenance(texts.get("message", ""), tuple(texts["allow"].split())) if "allow" in texts else None


def undone(now: Texts, before: Texts, after: Texts) -> dict[str, str]:
    """``now`` without what a change from ``before`` to ``after`` made; what others changed since then stays."""
    result = {name: text for name, text in now.items() if name in before or after.get(name) != text}
    for name, text in before.items():
        if now.get(name) == after.get(name):
            result[name] = text
    at = list(before)
    return dict(sorted(result.items(), key=lambda item: at.index(item[0]) if item[0] in before else len(at)))
