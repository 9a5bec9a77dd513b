"""An ACME authority, DNS and hook programs in memory."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fakes.gates import Unexpected
from paas.certs.acme_client import AcmeAccount, AcmeClient, Prover
from paas.certs.dns_hook import DnsHooks
from paas.certs.resolver import Resolver
from paas.core.errors import IssuanceFailed
from paas.system.clock import Clock


class FakeAcme(AcmeClient):
    """Issues certificates for ``days`` days, as long as ``reachable`` says that a name leads to the server.

    ``orders`` has server and name of every order, ``revoked`` the chains. ``refusals`` are what the next orders are
    answered with. A wildcard has to be proven by a record that ``records`` has while it is looked for.
    """

    def __init__(self, clock: Clock, records: dict[str, str]) -> None:
        self.days = 90.0
        self.orders: list[tuple[str, str]] = []
        self.revoked: list[str] = []
        self.refusals: list[IssuanceFailed] = []
        self.reachable: Callable[[str], bool] = lambda name: True
        self.keys: set[str] = set()
        self._clock = clock
        self._records = records
        self._key = ec.generate_private_key(ec.SECP256R1())

    def issue(self, account: AcmeAccount, request: str, prove: Prover | None = None) -> str:
        csr = x509.load_pem_x509_csr(request.encode())
        [name] = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(
            x509.DNSName
        )
        if not account.email:
            raise Unexpected("the account has no address")
        self.orders.append((account.server, name))
        self.keys.add(account.key.reveal())
        if self.refusals:
            raise self.refusals.pop(0)
        if name.startswith("*."):
            record = f"_acme-challenge.{name.removeprefix('*.')}"
            if prove is None:
                raise Unexpected(f"{name} was to be proven by HTTP")
            with prove(record, "a value"):
                if self._records.get(record) != "a value":
                    raise IssuanceFailed(
                        "the authority could not validate the domain", why=f"no {record}", refused=True
                    )
        elif not self.reachable(name):
            raise IssuanceFailed("the authority could not validate the domain", why=f"{name}: no route", refused=True)
        return self._certificate(name, csr)

    def revoke(self, account: AcmeAccount, chain: str) -> None:
        self.revoked.append(chain)

    def _certificate(self, name: str, csr: x509.CertificateSigningRequest) -> str:
        now = datetime.datetime.fromtimestamp(self._clock.now(), datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Fake Authority")]))
            .public_key(csr.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + datetime.timedelta(days=self.days))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=True)
        )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


class FakeDnsHooks(DnsHooks):
    """DNS hooks with one program, ``zone``, that stores its records in ``records``. With ``broken`` it fails."""

    def __init__(self) -> None:
        super().__init__([])
        self.records: dict[str, str] = {}
        self.broken = ""

    def names(self) -> list[str]:
        return ["zone"]

    @contextmanager
    def record(self, name: str, domain: str, record: str, value: str) -> Iterator[None]:
        if name != "zone":
            raise Unexpected(f"the hook program {name} was called")
        if self.broken:
            raise IssuanceFailed(self.broken)
        self.records[record] = value
        yield
        del self.records[record]


class FakeResolver(Resolver):
    """DNS: ``found`` has the addresses by name; every other name leads to ``default``."""

    def __init__(self) -> None:
        self.found: dict[str, frozenset[str] | None] = {}
        self.default = frozenset({"192.0.2.1"})
        self.asked: list[str] = []

    def addresses(self, names: Sequence[str], server: str = "") -> dict[str, frozenset[str] | None]:
        self.asked += names
        return {name: self.found.get(name, self.default) for name in names}
