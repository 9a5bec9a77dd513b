"""Edge rules of an app: access, headers, routes, caching, static files, ports.

All values are checked on construction, so every `Edge` is safe to write into a configuration file.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field

from paas.core.edge.address import Address, check_addresses
from paas.core.edge.proxy_options import check_whole
from paas.core.errors import InvalidValue
from paas.core.secret import Secret

HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
HEADER_VALUE = re.compile(r"[\x20-\x7e]{1,1000}")
PREFIX = re.compile(r"/|(/[A-Za-z0-9._~-]+)+/?")
USER = re.compile(r"[A-Za-z0-9._@-]{1,64}")
PASSWORD_HASH = re.compile(r"\$6\$(rounds=[0-9]{4,6}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}")
SNIPPET_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
LONGEST_MESSAGE = 300

ERROR_PAGES = ".errors"
"""Takes the place of a path prefix for the error pages of a release. It is no valid prefix."""

RESERVED_HEADERS = frozenset(
    {
        *("connection", "content-length", "content-type", "date", "keep-alive", "server", "trailer"),
        *("transfer-encoding", "upgrade", "x-request-id"),
    }
)
"""Response headers that nginx sets itself, or that would break the framing of the response."""

FORWARDED_FOR = ("$remote_addr", "$http_x_forwarded_for", "$proxy_add_x_forwarded_for")
FORWARDED_PORT = ("$server_port", "$http_x_forwarded_port")
FORWARDED_PROTO = ("$scheme", "$http_x_forwarded_proto", "http", "https")
FORWARDED_SSL = ("", "on", "off", "$https", "$http_x_forwarded_ssl")


@dataclass(frozen=True)
class Forwarded:
    """Values of the headers ``X-Forwarded-For``, ``-Port``, ``-Proto`` and ``-Ssl`` sent to the app.

    They are nginx variables from a short list. Those that begin with ``$http_`` trust the client, which is only safe
    behind another proxy. ``port`` may be a number; an empty ``ssl`` is not sent.
    """

    for_: str = FORWARDED_FOR[0]
    port: str = FORWARDED_PORT[0]
    proto: str = FORWARDED_PROTO[0]
    ssl: str = ""

    def __post_init__(self) -> None:
        number = re.fullmatch(r"[0-9]{1,5}", self.port) is not None
        ports = (self.port,) if number else FORWARDED_PORT
        pairs = (self.for_, FORWARDED_FOR), (self.port, ports), (self.proto, FORWARDED_PROTO), (self.ssl, FORWARDED_SSL)
        for value, known in pairs:
            if value not in known:
                raise InvalidValue(f"{value!r} is not one of {', '.join(known)}")


@dataclass(frozen=True)
class Header:
    """Header added to every response. It replaces the app's own header of that name."""

    name: str
    value: str

    def __post_init__(self) -> None:
        if not HEADER_NAME.fullmatch(self.name) or self.name.lower() in RESERVED_HEADERS:
            raise InvalidValue(
                f"{self.name[:80]!r} is not a header that can be set",
                why="A name has letters, digits and hyphens. The edge sets these itself: "
                + ", ".join(sorted(RESERVED_HEADERS)),
                code="invalid-header",
            )
        if not HEADER_VALUE.fullmatch(self.value) or self.value != self.value.strip():
            raise InvalidValue(
                f"the value of {self.name} cannot be sent",
                why="A value has 1 to 1000 printable ASCII characters, and no space at its ends.",
                code="invalid-header",
            )


@dataclass(frozen=True)
class AccessRule:
    """Rule that allows or denies clients from one network."""

    network: str
    allow: bool

    def __post_init__(self) -> None:
        if network(self.network) != self.network:
            raise InvalidValue(f"the network {self.network!r} is not normalised")


@dataclass(frozen=True)
class User:
    """User with a password; ``hash`` is its SHA-512 crypt(5) hash."""

    name: str
    hash: Secret

    def __post_init__(self) -> None:
        user_name(self.name)
        if not PASSWORD_HASH.fullmatch(self.hash.reveal()):
            raise InvalidValue(f"the password of {self.name} is not kept as a SHA-512 crypt hash")


@dataclass(frozen=True)
class Maintenance:
    """Maintenance page, shown to all clients except those of the networks ``allow``."""

    message: str = ""
    allow: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.message) > LONGEST_MESSAGE or not all(sign.isprintable() for sign in self.message):
            raise InvalidValue(
                "the message cannot be shown", why=f"It is one line of at most {LONGEST_MESSAGE} printable characters."
            )
        for each in self.allow:
            AccessRule(each, allow=True)


@dataclass(frozen=True)
class RateLimits:
    """Limits for one client address: requests per minute, burst beyond that, connections. 0 means no limit."""

    per_minute: int = 0
    burst: int = 20
    connections: int = 0

    def __post_init__(self) -> None:
        check_whole("rate", self.per_minute, 0, 6_000_000)
        check_whole("burst", self.burst, 0, 100_000)
        check_whole("connections", self.connections, 0, 65_535)


@dataclass(frozen=True)
class Route:
    """Route of requests below a prefix to other addresses. With ``strip`` the target gets no prefix."""

    prefix: str
    upstreams: tuple[Address, ...]
    strip: bool = False

    def __post_init__(self) -> None:
        below(self.prefix)
        check_addresses(self.upstreams)


@dataclass(frozen=True)
class Cache:
    """Prefixes whose responses are cached for ``seconds``. A new ``version`` starts with an empty cache."""

    prefixes: tuple[str, ...] = ()
    seconds: int = 3600
    version: int = 0

    def __post_init__(self) -> None:
        for each in self.prefixes:
            below(each)
        check_whole("cache-for", self.seconds, 1, 31_536_000)


@dataclass(frozen=True)
class Files:
    """Static files and error pages of a release, served by the edge.

    ``root`` has a folder for each of ``prefixes``, at that path; ``pages`` are the statuses with an error page.
    """

    root: str = ""
    prefixes: tuple[str, ...] = ()
    pages: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.root and not re.fullmatch(r"/[\w./@:+,=~ -]+", self.root, re.ASCII):
            raise InvalidValue(f"the folder {self.root!r} cannot be served")
        for each in self.prefixes:
            path_prefix(each)
        for status in self.pages:
            check_whole("error page", status, 400, 599)


@dataclass(frozen=True)
class Snippet:
    """nginx directives that an administrator adds to the app's server block."""

    name: str
    text: str

    def __post_init__(self) -> None:
        if not SNIPPET_NAME.fullmatch(self.name):
            raise InvalidValue(
                f"{self.name[:80]!r} is not a name for a snippet", why=f"It must match {SNIPPET_NAME.pattern}"
            )


@dataclass(frozen=True)
class Stream:
    """Port of this machine, forwarded to the ``upstreams`` of a process type."""

    protocol: str
    address: str
    port: int
    upstreams: tuple[Address, ...]

    def __post_init__(self) -> None:
        if self.protocol not in ("tcp", "udp"):
            raise InvalidValue(f"{self.protocol!r} is neither tcp nor udp")
        ipaddress.ip_address(self.address)
        check_whole("port", self.port, 1, 65_535)
        check_addresses(self.upstreams)


@dataclass(frozen=True)
class Edge:
    """All edge rules of an app. ``keepalive`` is the number of idle connections to the app per nginx worker."""

    forwarded: Forwarded = Forwarded()
    headers: tuple[Header, ...] = ()
    rules: tuple[AccessRule, ...] = ()
    users: tuple[User, ...] = ()
    maintenance: Maintenance | None = None
    limits: RateLimits = RateLimits()
    routes: tuple[Route, ...] = ()
    cache: Cache = Cache()
    files: Files = field(default_factory=Files)
    snippets: tuple[Snippet, ...] = ()
    streams: tuple[Stream, ...] = ()
    keepalive: int = 64
    access_log: bool = True

    def __post_init__(self) -> None:
        check_whole("proxy-keepalive", self.keepalive, 0, 1024)
        taken = [route.prefix.rstrip("/") for route in self.routes]
        taken += [prefix.rstrip("/") for prefix in (*self.cache.prefixes, *self.files.prefixes)]
        for prefix in taken:
            if taken.count(prefix) > 1:
                raise InvalidValue(
                    f"{prefix or '/'} is used twice",
                    why="A prefix can have only one of: a route, a static folder, a cached path.",
                    code="prefix-taken",
                )


def path_prefix(text: str) -> str:
    """Return the path prefix without a final slash; ``/`` for all paths. Raise `InvalidValue`."""
    if not PREFIX.fullmatch(text) or len(text) > 200 or any(part in (".", "..") for part in text.split("/")):
        raise InvalidValue(
            f"{text[:80]!r} is not a path prefix",
            why="It begins with / and has letters, digits and . _ ~ - between single slashes; no part is . or ..",
            fix="Example: /assets",
            code="invalid-prefix",
        )
    if text.startswith("/.well-known/acme-challenge"):
        raise InvalidValue(f"{text} is reserved for ACME challenges", code="invalid-prefix")
    return text.rstrip("/") or "/"


def below(text: str) -> str:
    """Return the path prefix. Raise `InvalidValue`, also for ``/``, which is the app itself."""
    if path_prefix(text) == "/":
        raise InvalidValue("/ is the app itself", fix="Give a path below it, such as /api", code="invalid-prefix")
    return path_prefix(text)


def network(text: str) -> str:
    """Return the normalized address or network: ``192.0.2.0/24``, ``2001:db8::1``. Raise `InvalidValue`."""
    try:
        found = ipaddress.ip_network(text)
    except ValueError as error:
        raise InvalidValue(
            f"{text[:80]!r} is not a network",
            why=f"{error}.",
            fix="Give an address or a network, such as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32",
            code="invalid-network",
        ) from error
    return str(found.network_address) if found.prefixlen == found.max_prefixlen else str(found)


def user_name(text: str) -> str:
    """Return the user name. Raise `InvalidValue` if it is malformed."""
    if not USER.fullmatch(text):
        raise InvalidValue(
            f"{text[:80]!r} is not a user name",
            why="A name has 1 to 64 letters, digits and . _ @ -",
            code="invalid-user",
        )
    return text
