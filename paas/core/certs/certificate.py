"""Certificates: their facts, checks, the order of a chain, and the choice for a host."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from paas.core.errors import InvalidValue
from paas.core.secret import Secret
from paas.core.times import timestamp

LEAST_RSA_BITS = 2048
SOON_SECONDS = 14 * 86_400.0


class CertificateSource(enum.Enum):
    """Origin of a certificate. If several certificates cover a host, earlier members win."""

    ADDED = "added"
    ACME = "acme"
    GENERATED = "generated"
    PLACEHOLDER = "placeholder"


@dataclass(frozen=True)
class Facts:
    """Content of a certificate. ``names`` are DNS names in lower case; times are seconds since 1970, UTC.

    ``public_key`` is the SHA-256 of the public key in hex, ``ocsp`` the URL of the responder, empty for none.
    """

    names: tuple[str, ...]
    subject: str
    issuer: str
    not_before: float
    not_after: float
    serial: str
    public_key: str
    algorithm: str = "EC"
    bits: int = 256
    authority: bool = False
    self_signed: bool = False
    ocsp: str = ""

    def covers(self, host: str) -> bool:
        """Return True if the certificate has the host, or a wildcard in place of its first label."""
        above = host.partition(".")[2]
        return host in self.names or (bool(above) and not host.startswith("*.") and f"*.{above}" in self.names)

    def expired(self, now: float) -> bool:
        """Return True if the certificate has expired."""
        return now >= self.not_after


@dataclass(frozen=True)
class Certificate:
    """Stored certificate of an app, or with ``app_id`` None of every app.

    ``chain`` is PEM, the leaf first; ``request`` the signing request that goes with a generated one, empty otherwise;
    ``server`` the directory of the ACME authority that issued it, empty for others.
    """

    id: int
    app_id: int | None
    name: str
    source: CertificateSource
    chain: str
    key: Secret
    facts: Facts
    request: str = ""
    server: str = ""
    added_at: float = 0.0


def order(leaf: int, facts: Sequence[Facts], issued: Collection[tuple[int, int]]) -> list[int]:
    """Return the indices of a chain from the leaf up, for certificates in any order.

    ``issued`` has (issuer, subject) for each valid signature. A root at the end is left out, because clients have their
    own. Raise `InvalidValue` for certificates that don't belong to the chain.
    """
    chain = [leaf]
    while (above := _issuer(chain, facts, issued)) is not None:
        chain.append(above)

    # A duplicate or a root does no harm; anything else is a mistake that only clients would notice.
    known = {facts[index] for index in chain}
    strange = [entry.subject for entry in facts if entry not in known]
    if strange:
        raise InvalidValue(
            f"{strange[0]} does not belong to the chain of {facts[leaf].subject}",
            why=f"The chain ends with {facts[chain[-1]].subject}, which was issued by {facts[chain[-1]].issuer}.",
            fix="Send the certificate and its intermediate certificates, and nothing else.",
            code="certificate-chain",
        )
    return chain[:-1] if len(chain) > 1 and facts[chain[-1]].self_signed else chain


def _issuer(chain: Sequence[int], facts: Sequence[Facts], issued: Collection[tuple[int, int]]) -> int | None:
    seen = {facts[index] for index in chain}
    return next((above for above, below in sorted(issued) if below == chain[-1] and facts[above] not in seen), None)


def check(facts: Facts, now: float) -> None:
    """Raise `InvalidValue` for a certificate that clients would refuse."""
    if facts.expired(now):
        raise InvalidValue(
            f"the certificate for {named(facts)} expired at {timestamp(facts.not_after)}",
            fix="Get a new one from the authority.",
            code="certificate-expired",
        )
    if now < facts.not_before:
        raise InvalidValue(
            f"the certificate for {named(facts)} is not valid before {timestamp(facts.not_before)}",
            why="The clock of this server may be wrong.",
            code="certificate-not-yet-valid",
        )
    if facts.algorithm == "RSA" and facts.bits < LEAST_RSA_BITS:
        raise InvalidValue(
            f"the key has {facts.bits} bits, which clients and nginx refuse",
            why=f"An RSA key needs at least {LEAST_RSA_BITS} bits.",
            fix="Create a new key, and get a certificate for it.",
            code="certificate-weak",
        )
    if facts.authority and not facts.self_signed:
        raise InvalidValue(
            f"{facts.subject} is the certificate of an authority, not of a server",
            fix="Put the certificate that belongs to the key first.",
            code="certificate-chain",
        )
    if not facts.names:
        raise InvalidValue(
            f"{facts.subject} names no host",
            why="It has no subjectAltName of type DNS, the only names that clients check.",
            code="certificate-wrong-host",
        )


def check_hosts(facts: Facts, hosts: Iterable[str], app: str) -> list[str]:
    """Return the hosts that the certificate does not cover. Raise `InvalidValue` if it covers none."""
    hosts = list(hosts)
    left = [host for host in hosts if not facts.covers(host)]
    if len(left) == len(hosts):
        raise InvalidValue(
            f"the certificate is for {named(facts)}, which {app} does not answer to",
            why=f"{app} answers to: {', '.join(hosts) or 'no host'}",
            fix=f"Run 'domains:add {app} {facts.names[0]}' first, or add the certificate with --force.",
            code="certificate-wrong-host",
        )
    return left


def named(facts: Facts) -> str:
    """Return the names for a message, at most three of them."""
    more = f" and {len(facts.names) - 3} more" if len(facts.names) > 3 else ""
    return (", ".join(facts.names[:3]) or facts.subject) + more


def choose(host: str, certificates: Iterable[Certificate], now: float) -> Certificate | None:
    """Return the best certificate for the host: not expired, of the app, by source, exact, the newest."""
    rank = list(CertificateSource)
    found = [one for one in certificates if one.facts.covers(host)]
    return min(
        found,
        key=lambda one: (
            one.facts.expired(now),
            one.source is CertificateSource.PLACEHOLDER,
            # An issued certificate belongs to its host, not to the app that ordered it.
            one.app_id is None and one.source is not CertificateSource.ACME,
            rank.index(one.source),
            host not in one.facts.names,
            -one.facts.not_after,
            one.id,
        ),
        default=None,
    )
