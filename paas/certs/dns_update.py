"""The hook program ``dns-nsupdate``: add or remove a TXT record by a signed dynamic update (RFC 2136)."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.tsigkeyring
import dns.update

SECONDS = 10.0
SPREAD_SECONDS = 240.0
"""Time until all name servers of the zone must have the record. A hook program has five minutes."""
PAUSE_SECONDS = 2.0
FILE = "nsupdate.conf"
KEYS = {"server", "zone", "key", "secret", "algorithm", "ttl", "wait-for"}
ALGORITHMS = ("hmac-sha256", "hmac-sha512", "hmac-sha384", "hmac-sha224", "hmac-sha1", "hmac-md5.sig-alg.reg.int")
NEEDED = ("server", "key", "secret")


class Wrong(Exception):
    """Error with a message for the administrator."""


@dataclass(frozen=True)
class Zone:
    """Zone with its server and signed update; ``waits_for`` are the servers that must have a new record."""

    server: tuple[str, int]
    name: dns.name.Name
    update: dns.update.UpdateMessage
    ttl: int
    waits_for: tuple[tuple[str, int], ...]


def main(arguments: Sequence[str], folder: Path) -> int:
    """Run with the arguments ``present|cleanup RECORD VALUE``. Return the exit status."""
    try:
        verb, record, value = arguments
        if verb not in ("present", "cleanup"):
            raise Wrong(f"unknown action {verb}: use present or cleanup")
        zone = _zone(read(folder / FILE), record)
        name = dns.name.from_text(record)
        if verb == "present":
            zone.update.add(name, zone.ttl, "TXT", _quoted(value))
        else:
            zone.update.delete(name, "TXT", _quoted(value))
        _send(zone)
        if verb == "present":
            _wait(zone, name, value)
    except (Wrong, dns.exception.DNSException, OSError, ValueError) as error:
        print(f"dns-nsupdate: {str(error) or type(error).__name__}", file=sys.stderr)
        return 1
    return 0


def read(path: Path) -> dict[str, str]:
    """Read lines ``key = value``. Raise `Wrong` for an invalid line or a missing key."""
    found: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        text = line.partition("#")[0].strip()
        key, equals, value = (part.strip() for part in text.partition("="))
        if text and (not equals or key not in KEYS):
            # Not the line itself, which may contain the secret.
            raise Wrong(f"{path}:{number}: unknown key; known are {', '.join(sorted(KEYS))}")
        if text:
            found[key] = value
    missing = [key for key in NEEDED if not found.get(key)]
    if missing:
        raise Wrong(f"{path}: missing {', '.join(missing)}")
    return found


def _zone(settings: Mapping[str, str], record: str) -> Zone:
    server = _address(settings["server"])
    name = dns.name.from_text(settings["zone"]) if settings.get("zone") else _found(server, dns.name.from_text(record))
    ring = dns.tsigkeyring.from_text({settings["key"]: settings["secret"]})
    algorithm = settings.get("algorithm") or ALGORITHMS[0]
    if algorithm not in ALGORITHMS:
        raise Wrong(f"unknown algorithm {algorithm}; known are {', '.join(ALGORITHMS)}")
    update = dns.update.UpdateMessage(name, keyring=ring, keyalgorithm=algorithm)
    waits_for = [_address(text) for text in settings.get("wait-for", "").split()] or _name_servers(server, name)
    return Zone(server, name, update, int(settings.get("ttl") or "60"), tuple(waits_for))


def _address(text: str) -> tuple[str, int]:
    """Return address and port (default 53) of ``NAME``, ``NAME:PORT``, an IPv6 address, or ``[ADDRESS]:PORT``."""
    host, colon, port = text.rpartition(":")
    plain = not colon or (":" in host and not host.endswith("]"))
    host, number = (text, 53) if plain else (host, int(port))
    return str(socket.getaddrinfo(host.strip("[]"), number, type=socket.SOCK_STREAM)[0][4][0]), number


def _found(server: tuple[str, int], name: dns.name.Name) -> dns.name.Name:
    """Return the zone of the name: the nearest parent for which the server has an SOA record."""
    while name != dns.name.root:
        answer = _ask(server, name, dns.rdatatype.SOA)
        if any(rrset.name == name and rrset.rdtype == dns.rdatatype.SOA for rrset in answer.answer):
            return name
        name = name.parent()
    raise Wrong(f"{server[0]} has no zone for the record; set zone in {FILE}")


def _name_servers(server: tuple[str, int], zone: dns.name.Name) -> list[tuple[str, int]]:
    found = {str(one.target) for rrset in _ask(server, zone, dns.rdatatype.NS).answer for one in rrset}
    return [_address(f"{name.rstrip('.')}:53") for name in sorted(found)] or [server]


def _ask(server: tuple[str, int], name: dns.name.Name, kind: dns.rdatatype.RdataType) -> dns.message.Message:
    query = dns.message.make_query(name, kind)
    return dns.query.udp_with_fallback(query, server[0], timeout=SECONDS, port=server[1])[0]


def _send(zone: Zone) -> None:
    answer = dns.query.tcp(zone.update, zone.server[0], timeout=SECONDS, port=zone.server[1])
    if answer.rcode() != dns.rcode.NOERROR:
        raise Wrong(f"{zone.server[0]} refused the update of {zone.name}: {dns.rcode.to_text(answer.rcode())}")


def _wait(zone: Zone, name: dns.name.Name, value: str) -> None:
    """Wait until every server has the record. Raise `Wrong` after `SPREAD_SECONDS`."""
    deadline = time.monotonic() + SPREAD_SECONDS
    pause = threading.Event()
    for server in zone.waits_for:
        while not _answers(server, name, value):
            if time.monotonic() > deadline:
                raise Wrong(f"{server[0]} still lacks the record of {name} after {SPREAD_SECONDS:.0f} s")
            pause.wait(PAUSE_SECONDS)


def _answers(server: tuple[str, int], name: dns.name.Name, value: str) -> bool:
    try:
        answer = _ask(server, name, dns.rdatatype.TXT)
    except (dns.exception.DNSException, OSError):
        # It may be loading the zone.
        return False
    return any(value.encode() in getattr(record, "strings", ()) for rrset in answer.answer for record in rrset)


def _quoted(value: str) -> str:
    if not value.isascii() or not value.isprintable() or '"' in value or "\\" in value:
        raise Wrong("the value is not valid in a TXT record")
    return f'"{value}"'


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path(os.environ["PAAS_HOOKS"])))
