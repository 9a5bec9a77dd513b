"""The algorithms that the SSH server offers. The client's order of preference decides (RFC 4253 section 7.1)."""

from __future__ import annotations

KEX = (
    "mlkem768x25519-sha256",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group14-sha256",
)
"""Key exchanges. The first one resists quantum computers; recent clients warn without it."""

CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes256-ctr")
"""Ciphers. ChaCha20 is left out: OpenSSH would choose it, and here it costs four times as much as AES."""

MACS = ("umac-64-etm@openssh.com", "umac-128-etm@openssh.com", "hmac-sha2-256-etm@openssh.com", "hmac-sha2-256")

SIGNATURES = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
"""Signature algorithms that a client may use to log in."""


def available(wanted: tuple[str, ...], known: list[bytes]) -> list[str]:
    """Return those of ``wanted`` that the installed libraries support."""
    return [name for name in wanted if name.encode() in known]
