"""OpenSSH public keys: parse a line of an ``authorized_keys`` or ``.pub`` file.

The line is ``KIND BASE64 [COMMENT]`` (sshd(8), "AUTHORIZED_KEYS FILE FORMAT"). The cryptography library checks the key
itself; this module recognizes other input and explains what it is.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from paas.core.errors import InvalidValue

KINDS = (
    *("ssh-ed25519", "ssh-rsa", "sk-ssh-ed25519@openssh.com", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384"),
    *("ecdsa-sha2-nistp521", "sk-ecdsa-sha2-nistp256@openssh.com"),
)

RSA_BITS = 2048

MAX_LENGTH = 16 * 1024

NEW_KEY = "Create a key with: ssh-keygen -t ed25519, and use its .pub file"


@dataclass(frozen=True)
class PublicKey:
    """Public key: its kind (``ssh-ed25519``), base64 text, comment and fingerprint (``SHA256:…``)."""

    kind: str
    blob: str
    comment: str
    fingerprint: str

    def line(self) -> str:
        """Line for ``authorized_keys``, without the newline."""
        return f"{self.kind} {self.blob} {self.comment}".rstrip()


def parse(text: str) -> PublicKey:
    """Parse the one public key in ``text``; blank lines and comment lines are skipped.

    Raise `InvalidValue` for anything else, with a message about what was found instead.
    """
    if "PRIVATE KEY-----" in text or text.startswith("PuTTY-User-Key-File"):
        raise _refused(
            "This is a private key, not a public one",
            why="A private key must never leave its owner. Anyone who could read it on its way can use it.",
            fix="Use the .pub file beside it. If the key may be exposed, create a new one: ssh-keygen -t ed25519",
        )

    if text.startswith("---- BEGIN SSH2 PUBLIC KEY"):
        raise _refused(
            "This public key is in the RFC 4716 format",
            why="Keys must be in OpenSSH's one-line format.",
            fix="Convert it with: ssh-keygen -i -f FILE",
        )

    lines = [line.strip() for line in text.replace("\r", "\n").split("\n")]
    lines = [line for line in lines if line and not line.startswith("#")]

    if not lines:
        raise _refused("No public key was given", why="The input is empty.", fix="paas ssh-keys:add NAME < KEY.pub")

    if len(lines) > 1:
        raise _refused(
            f"{len(lines)} lines were given where one public key was expected",
            why="Each key needs its own name. A key that was wrapped must be joined to one line again.",
            fix="Add the keys one by one.",
        )

    return _parse_line(lines[0])


def _parse_line(line: str) -> PublicKey:
    if len(line) > MAX_LENGTH:
        raise _refused("The public key is too long", why=f"A key has at most {MAX_LENGTH} characters.", fix=NEW_KEY)

    if any(not character.isprintable() for character in line.replace("\t", " ")):
        raise _refused("The public key contains unprintable characters", why="It is not text.", fix=NEW_KEY)

    kind, *rest = line.split(None, 2)
    _check_kind(kind, line)

    if not rest:
        raise _refused(f"The public key ends after {kind}", why="The key's base64 text is missing.", fix=NEW_KEY)

    blob = _decode(rest[0])
    _check_key(kind, rest[0])

    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    comment = rest[1].strip() if len(rest) > 1 else ""
    return PublicKey(kind, base64.b64encode(blob).decode(), comment, f"SHA256:{digest}")


def _check_kind(kind: str, line: str) -> None:
    if kind in KINDS:
        return

    if kind == "ssh-dss":
        raise _refused("DSA keys are not accepted", why="They are too weak; OpenSSH removed them, too.", fix=NEW_KEY)

    if "-cert-v0" in kind:
        raise _refused(
            "This is an SSH certificate, not a public key",
            why="Keys are added one by one; certificate authorities are not supported.",
            fix="Use the key's own .pub file, without -cert in its name.",
        )

    if any(re.search(rf"(^|[\s\",]){re.escape(known)}\s", line) for known in KINDS):
        raise _refused(
            "The key has options before it",
            why="The role of a key decides what it may do; options of authorized_keys are not supported.",
            fix=f"Use the line from the kind on ({KINDS[0]} …).",
        )

    raise _refused(
        "This is not an OpenSSH public key",
        why=f"The line must begin with one of: {', '.join(KINDS)}.",
        fix=NEW_KEY,
    )


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _refused(
            "The public key is damaged",
            why="The part after the kind is not base64; part of it may be missing.",
            fix="Copy the whole line of the .pub file.",
        ) from None


def _check_key(kind: str, text: str) -> None:
    """Raise `InvalidValue` for a damaged key, a key of another kind than the line says, and a short RSA key."""
    try:
        key = load_ssh_public_key(f"{kind} {text}".encode())
    except (ValueError, NotImplementedError, UnsupportedAlgorithm) as error:
        raise _damaged(f"It is not a key of the kind {kind}: {error}.") from None

    if isinstance(key, RSAPublicKey) and key.key_size < RSA_BITS:
        raise _refused(
            f"The RSA key has {key.key_size} bits",
            why=f"RSA keys need at least {RSA_BITS} bits to be safe.",
            fix=NEW_KEY,
        )


def _damaged(why: str) -> InvalidValue:
    return _refused("The public key is damaged", why=why, fix="Copy the whole line of the .pub file.")


def _refused(what: str, *, why: str, fix: str) -> InvalidValue:
    return InvalidValue(what, why=why, fix=fix, code="invalid-key")
