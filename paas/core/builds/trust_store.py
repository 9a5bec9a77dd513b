"""Certificates in the only format that every Java reads without a password: JKS, version 2."""

from __future__ import annotations

import base64
import hashlib
import re
import struct

_BLOCK = re.compile(r"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END")
_MAGIC, _VERSION, _TRUSTED = 0xFEEDFEED, 2, 2
# Constant in the digest of a store (keytool); the password is that of all public stores.
_PASSWORD, _SALT = "changeit", b"Mighty Aphrodite"


def jks(text: str) -> bytes:
    """Return a store with all certificates in the PEM text, each once."""
    found = dict.fromkeys(base64.b64decode("".join(block.split())) for block in _BLOCK.findall(text))
    data = struct.pack(">III", _MAGIC, _VERSION, len(found))
    for number, certificate in enumerate(found):
        data += struct.pack(">I", _TRUSTED) + _text(f"ca{number}") + struct.pack(">Q", 0)
        data += _text("X.509") + struct.pack(">I", len(certificate)) + certificate
    return data + hashlib.sha1(_PASSWORD.encode("utf-16-be") + _SALT + data, usedforsecurity=False).digest()


def _text(value: str) -> bytes:
    return struct.pack(">H", len(value)) + value.encode()
