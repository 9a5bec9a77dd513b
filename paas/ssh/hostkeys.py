"""The server's host keys. They are created once and kept for good, so that clients recognize the server."""

from __future__ import annotations

import os
from pathlib import Path

import asyncssh

from paas.core.errors import PaasError

KINDS = {"ssh_host_ed25519_key": "ssh-ed25519", "ssh_host_ecdsa_key": "ecdsa-sha2-nistp256"}


class HostKeyUnusable(PaasError):
    """A host key file cannot be read."""

    code = "host-key"


def load(folder: Path) -> list[asyncssh.SSHKey]:
    """Return the keys in ``folder``, best first. Create missing keys. Raise `HostKeyUnusable`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return [_load(folder / name, kind) for name, kind in KINDS.items()]


def fingerprints(folder: Path) -> dict[str, str]:
    """Return the fingerprints of the keys in ``folder`` by kind, as ``ssh-keygen -l`` shows them."""
    return {key.get_algorithm(): key.get_fingerprint() for key in load(folder)}


def _load(path: Path, kind: str) -> asyncssh.SSHKey:
    if not path.exists():
        _make(path, kind)

    try:
        path.chmod(0o600)
        return asyncssh.read_private_key(path)
    except (OSError, asyncssh.KeyImportError) as error:
        raise HostKeyUnusable(
            f"The SSH host key {path} cannot be used",
            why=str(error),
            fix="Restore it from a backup. Without one, move it away: a new key is created and clients are warned.",
        ) from error


def _make(path: Path, kind: str) -> None:
    key = asyncssh.generate_private_key(kind, comment="paas")
    staged = path.with_name(f"{path.name}.new")
    staged.unlink(missing_ok=True)
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)

    with os.fdopen(descriptor, "wb") as file:
        file.write(key.export_private_key())
        file.flush()
        os.fsync(descriptor)

    staged.rename(path)
    path.with_name(f"{path.name}.pub").write_bytes(key.export_public_key())
