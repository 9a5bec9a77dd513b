"""A small authority for tests: roots, intermediates, and certificates of any shape."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

DAY = 86_400.0


@dataclass(frozen=True)
class Made:
    """A certificate with its key, both as PEM, and who issued it."""

    subject: x509.Name
    signer: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    certificate: x509.Certificate
    issuer: Made | None = None

    @property
    def crt(self) -> str:
        """The certificate alone."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key(self) -> str:
        """The private key."""
        return self.signer.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    def locked_key(self) -> str:
        """Return the private key encrypted with a passphrase."""
        lock = serialization.BestAvailableEncryption(b"secret")
        return self.signer.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock
        ).decode()

    @classmethod
    def root(cls, now: float, name: str = "Test Root") -> Self:
        """Create a self-signed root authority."""
        return cls._make(now, name, (), None, authority=True)

    def intermediate(self, now: float, name: str = "Test Intermediate") -> Made:
        """Create an authority signed by this one."""
        return self._make(now, name, (), self, authority=True)

    def leaf(
        self, now: float, *names: str, days: float = 90, since: float = -1, bits: int = 0, ocsp: str = ""
    ) -> Made:
        """Create a certificate for names, valid from ``since`` days after ``now``; ``bits``: of an RSA key."""
        name = names[0] if names else "nobody"
        return self._make(now, name, names, self, days=days, since=since, bits=bits, ocsp=ocsp)

    @classmethod
    def _make(
        cls,
        now: float,
        name: str,
        names: tuple[str, ...],
        issuer: Made | None,
        *,
        days: float = 3650,
        since: float = -1,
        bits: int = 0,
        authority: bool = False,
        ocsp: str = "",
    ) -> Self:
        signer = rsa.generate_private_key(65537, bits) if bits else ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        begin = datetime.datetime.fromtimestamp(now + since * DAY, datetime.UTC)
        by = issuer.signer if issuer else signer
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.subject if issuer else subject)
            .public_key(signer.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + datetime.timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(signer.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
        )
        if names:
            alternative = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
            builder = builder.add_extension(alternative, critical=False)
        if authority:
            builder = builder.add_extension(
                x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True
            )
        if ocsp:
            where = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp))
            builder = builder.add_extension(x509.AuthorityInformationAccess([where]), critical=False)
        return cls(subject, signer, builder.sign(by, hashes.SHA256()), issuer)
