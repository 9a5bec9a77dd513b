"""The hook program dns-nsupdate as it is called, with a small name server that takes updates."""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.tsig
import dns.tsigkeyring
import dns.update
import pytest

from paas.certs import dns_update
from paas.certs.dns_hook import DnsHooks
from paas.system.data_folders import folder

SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQ="
ZONE = dns.name.from_text("example.org")
RECORD = "_acme-challenge.www.example.org"


class NameServer:
    """Authoritative for example.org, over UDP and TCP at one port; ``records`` are its TXT records."""

    def __init__(self) -> None:
        self.records: list[tuple[str, str]] = []
        self.updates = 0
        ring = dns.tsigkeyring.from_text({"paas": SECRET})

        def answer(wire: bytes) -> bytes:
            try:
                query = dns.message.from_wire(wire, keyring=ring)
            except (dns.tsig.BadSignature, dns.message.UnknownTSIGKey):
                refused = dns.message.make_response(dns.message.from_wire(wire, keyring=False))
                refused.set_rcode(dns.rcode.REFUSED)
                return refused.to_wire()
            return self._answer(query).to_wire()

        class Tcp(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                (length,) = struct.unpack("!H", self.rfile.read(2))
                reply = answer(self.rfile.read(length))
                self.wfile.write(struct.pack("!H", len(reply)) + reply)

        class Udp(socketserver.DatagramRequestHandler):
            def handle(self) -> None:
                self.wfile.write(answer(self.rfile.read()))

        self._servers: list[socketserver.BaseServer] = [socketserver.ThreadingTCPServer(("127.0.0.1", 0), Tcp)]
        self.port = int(self._servers[0].server_address[1])
        self._servers.append(socketserver.ThreadingUDPServer(("127.0.0.1", self.port), Udp))
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        reply = dns.message.make_response(query)
        if isinstance(query, dns.update.UpdateMessage):
            self.updates += 1
            if not query.had_tsig or query.zone[0].name != ZONE:
                reply.set_rcode(dns.rcode.REFUSED)
                return reply
            for rrset in query.update:
                for record in rrset:
                    pair = (str(rrset.name), record.to_text().strip('"'))
                    if rrset.deleting is None:
                        self.records.append(pair)
                    elif pair in self.records:
                        self.records.remove(pair)
            return reply
        (asked,) = query.question
        if asked.rdtype == dns.rdatatype.SOA and asked.name == ZONE:
            reply.answer.append(dns.rrset.from_text(ZONE, 60, "IN", "SOA", "ns. hostmaster. 1 2 3 4 5"))
        if asked.rdtype == dns.rdatatype.TXT:
            for name, value in self.records:
                if str(asked.name) == name:
                    reply.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", f'"{value}"'))
        return reply

    def stop(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()


@pytest.fixture
def server() -> Iterator[NameServer]:
    server = NameServer()
    yield server
    server.stop()


def hooks(tmp_path: Path, server: NameServer, **changes: str) -> DnsHooks:
    at = f"127.0.0.1:{server.port}"
    settings = {"server": at, "key": "paas", "secret": SECRET, "wait-for": at} | changes
    text = "".join(f"{key.replace('_', '-')} = {value}  # why\n" for key, value in settings.items())
    (tmp_path / "nsupdate.conf").write_text(f"# ours\n\n{text}")
    return DnsHooks([tmp_path, folder("hooks")])


def test_a_record_is_there_beside_others_and_goes_again(tmp_path: Path, server: NameServer) -> None:
    ready = hooks(tmp_path, server)
    assert ready.names() == ["nsupdate"]
    server.records.append((f"{RECORD}.", "another"))
    with ready.record("nsupdate", "*.www.example.org", RECORD, "the-value_1"):
        assert server.records == [(f"{RECORD}.", "another"), (f"{RECORD}.", "the-value_1")]
    assert server.records == [(f"{RECORD}.", "another")]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"secret": "d3JvbmctLXdyb25nLS13cm9uZw=="}, "dns-nsupdate: "),
        ({"zone": "example.com"}, "refused the update of example.com.: REFUSED"),
        ({"key": ""}, "missing key"),
        ({"colour": "red"}, "nsupdate.conf:7: unknown key; known are algorithm, key, "),
        ({"algorithm": "rot13"}, "unknown algorithm rot13; known are hmac-sha256, "),
    ],
)
def test_what_is_wrong_is_told_without_the_secret(
    tmp_path: Path, server: NameServer, capsys: pytest.CaptureFixture[str], changes: dict[str, str], why: str
) -> None:
    hooks(tmp_path, server, **changes)
    assert dns_update.main(["present", RECORD, "v"], tmp_path) == 1
    said = capsys.readouterr().err
    assert why in said
    assert SECRET not in said
    assert server.records == []


def test_a_server_without_the_zone_is_told(
    tmp_path: Path, server: NameServer, capsys: pytest.CaptureFixture[str]
) -> None:
    hooks(tmp_path, server)
    assert dns_update.main(["present", "_acme-challenge.example.com", "v"], tmp_path) == 1
    assert "127.0.0.1 has no zone for the record" in capsys.readouterr().err
    assert server.updates == 0
