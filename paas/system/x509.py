"""Parse and create certificates and keys. No other module does."""

from __future__ import annotations

import datetime
import functools
import hashlib
import re
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes, PrivateKeyTypes
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509 import verification
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from paas.core.certs import certificate
from paas.core.certs.certificate import Facts
from paas.core.errors import InvalidValue
from paas.core.secret import Secret

ROOTS = Path("/etc/ssl/certs/ca-certificates.crt")
# No block contains the mark of another one: the search for each ends there.
PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(?:[^-]+|-(?!----(?:BEGIN|END) ))*+-----END \1-----")
MOST = 20
SELF_SIGNED_DAYS = 365
LONGEST_COMMON_NAME = 64


def pair(data: bytes) -> tuple[str, Secret, Facts]:
    """Return the chain (PEM, from the leaf up), its key (PEM) and the leaf's facts, from PEM texts in any order.

    Raise `InvalidValue` if something is missing, does not belong together, or is encrypted.
    """
    blocks = [(found[1], found[0]) for found in PEM.finditer(data.decode("latin-1"))]
    leaves = [_certificate(text) for kind, text in blocks if kind in ("CERTIFICATE", "X509 CERTIFICATE")]
    keys = [_key(text) for kind, text in blocks if kind.endswith("PRIVATE KEY")]
    _check_there(len(leaves), len(keys))

    facts = [_facts(leaf) for leaf in leaves]
    matches = [(leaf, key) for leaf in range(len(leaves)) for key in keys if _public(key) == facts[leaf].public_key]
    if not matches:
        raise InvalidValue(
            f"the key does not belong to the certificate of {facts[0].subject}",
            why="The public key in the certificate is another one.",
            fix="Give the key that the certificate was requested with.",
            code="certificate-key-mismatch",
        )
    leaf, key = matches[0]
    chain = certificate.order(leaf, facts, _issued(leaves))
    text = "".join(leaves[index].public_bytes(serialization.Encoding.PEM).decode() for index in chain)
    return text, _pem(key), facts[leaf]


def _check_there(leaves: int, keys: int) -> None:
    if not leaves or not keys:
        missing = "certificate" if not leaves else "private key"
        raise InvalidValue(
            f"there is no {missing} in it",
            why=f"Both are needed as PEM, text that begins with: -----BEGIN {missing.upper()}-----",
            code="certificate-missing",
        )
    if leaves + keys > MOST:
        raise InvalidValue(f"there are {leaves + keys} certificates and keys in it", why=f"A chain has {MOST} at most.")


def _certificate(text: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(text.encode("latin-1"))
    except ValueError as error:
        raise InvalidValue(
            "a certificate can't be read", why=f"{error}".partition(";")[0], code="certificate-unreadable"
        ) from error


def _key(text: str) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(text.encode("latin-1"), None)
    except TypeError as error:
        raise InvalidValue(
            "the private key is protected by a passphrase",
            why="nginx must be able to read it without a passphrase.",
            fix="Remove the passphrase: openssl pkey -in KEY -out NEW",
            code="certificate-key-protected",
        ) from error
    except (ValueError, UnsupportedAlgorithm):
        # Without the cause: it could contain a part of the key.
        raise InvalidValue("the private key can't be read", code="certificate-unreadable") from None


def _issued(leaves: Sequence[x509.Certificate]) -> set[tuple[int, int]]:
    found = set()
    for above, issuer in enumerate(leaves):
        for below, subject in enumerate(leaves):
            if above != below:
                try:
                    subject.verify_directly_issued_by(issuer)
                except (ValueError, TypeError, InvalidSignature):
                    continue
                found.add((above, below))
    return found


@functools.lru_cache(maxsize=4096)
def facts(chain: str) -> Facts:
    """Return the facts of the first certificate of the PEM text."""
    return _facts(x509.load_pem_x509_certificate(chain.encode()))


def _facts(found: x509.Certificate) -> Facts:
    key = found.public_key()
    data = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Facts(
        names=_names(found),
        subject=_shown(found.subject),
        issuer=_shown(found.issuer),
        not_before=found.not_valid_before_utc.timestamp(),
        not_after=found.not_valid_after_utc.timestamp(),
        serial=f"{found.serial_number:x}",
        public_key=hashlib.sha256(data).hexdigest(),
        algorithm="RSA" if isinstance(key, rsa.RSAPublicKey) else "EC",
        bits=getattr(key, "key_size", 0),
        authority=_is_authority(found),
        self_signed=found.subject == found.issuer,
        ocsp=_ocsp(found),
    )


def _names(found: x509.Certificate) -> tuple[str, ...]:
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(dict.fromkeys(name.lower() for name in names.get_values_for_type(x509.DNSName)))


def _is_authority(found: x509.Certificate) -> bool:
    try:
        return found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _ocsp(found: x509.Certificate) -> str:
    try:
        access = found.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, ValueError):
        return ""
    urls = [str(one.access_location.value) for one in access if one.access_method == AuthorityInformationAccessOID.OCSP]
    return urls[0] if urls else ""


def _shown(name: x509.Name) -> str:
    return name.rfc4514_string() or "(no subject)"


def _public(key: PrivateKeyTypes) -> str:
    data = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(data).hexdigest()


def _pem(key: PrivateKeyTypes) -> Secret:
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Secret(text.decode())


def new_key() -> Secret:
    """Return a new private key on the curve P-256, as PEM."""
    return _pem(ec.generate_private_key(ec.SECP256R1()))


def signing_request(hosts: Sequence[str], key: Secret) -> str:
    """Return a signing request (PEM) for a certificate of the key with the hosts as names."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(_subject(hosts))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
    return builder.sign(_signer(key), hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def self_signed(hosts: Sequence[str], key: Secret, now: float) -> str:
    """Return a self-signed certificate (PEM) for the hosts, valid from an hour ago for a year."""
    begin = datetime.datetime.fromtimestamp(now, datetime.UTC)
    signer = _signer(key)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_subject(hosts))
        .issuer_name(_subject(hosts))
        .public_key(signer.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin - datetime.timedelta(hours=1))
        .not_valid_after(begin + datetime.timedelta(days=SELF_SIGNED_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def _subject(hosts: Sequence[str]) -> x509.Name:
    # Clients use the alternative names; a common name may have only 64 characters (X.520).
    short = next((host for host in hosts if len(host) <= LONGEST_COMMON_NAME), None)
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, short)] if short else [])


def _signer(key: Secret) -> CertificateIssuerPrivateKeyTypes:
    found = serialization.load_pem_private_key(key.reveal().encode(), None)
    assert isinstance(found, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    return found


def verdict(chain: str, host: str, now: float, roots: Path = ROOTS) -> str:
    """Return why a client with this host's roots would not trust the chain for the host; empty if it would."""
    leaf, *others = x509.load_pem_x509_certificates(chain.encode())
    try:
        builder = verification.PolicyBuilder().store(_store(roots))
        at = datetime.datetime.fromtimestamp(now, datetime.UTC).replace(tzinfo=None)
        builder.time(at).build_server_verifier(x509.DNSName(host.replace("*", "any", 1))).verify(leaf, others)
    except (verification.VerificationError, ValueError, OSError) as error:
        return "self signed certificate" if leaf.subject == leaf.issuer else f"{error}".splitlines()[0]
    return ""


def missing_issuer(chain: str, roots: Path = ROOTS) -> str:
    """Return the issuer of a single certificate if it is none of this host's roots; empty otherwise."""
    leaf, *others = x509.load_pem_x509_certificates(chain.encode())
    if others or leaf.subject == leaf.issuer or not roots.exists():
        return ""
    return "" if leaf.issuer in {root.subject for root in _roots(roots)} else _shown(leaf.issuer)


@functools.lru_cache(maxsize=2)
def _store(roots: Path) -> verification.Store:
    return verification.Store(_roots(roots))


@functools.lru_cache(maxsize=2)
def _roots(roots: Path) -> list[x509.Certificate]:
    found = []
    with warnings.catch_warnings():
        # Some old roots break a rule; users cannot change that.
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        for block in PEM.finditer(roots.read_text(encoding="ascii", errors="replace")):
            with suppress(ValueError):
                found.append(x509.load_pem_x509_certificate(block[0].encode()))
    return found
