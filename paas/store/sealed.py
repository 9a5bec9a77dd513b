"""Encryption of secrets at rest.

Fernet (https://github.com/fernet/spec): AES-128-CBC with HMAC-SHA256, with the key in a file of its own beside the
database, readable by the server's user only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from paas.core.errors import PaasError
from paas.core.secret import Secret
from paas.core.server.intact import SERVES_ON


def key_lost(path: Path, why: str) -> PaasError:
    """The error where sealed values cannot be opened at the start of the server."""
    return PaasError(
        "the key of the sealed values is lost",
        why=f"{why}\nThese are configuration, logins, certificates' keys, drains, passwords and access rules of apps."
        f"\n{SERVES_ON}",
        fix=f"Restore {path} from the backup that belongs to the database.\n"
        f"To give up the values that cannot be opened: paas --root {path.parent} forget-secrets",
        code="key-missing" if not path.exists() else "wrong-key",
    )


class Sealer:
    """Seals and opens texts with the key of this instance.

    The key file is made where it is missing, but only if it may be (``make``): what was sealed with a key that is lost
    could never be opened again, and what is sealed with a new one is lost when the right one comes back.
    """

    def __init__(self, path: Path, *, make: bool = True) -> None:
        if not path.exists():
            if not make:
                raise key_lost(path, f"{path} is missing, and the database has values that are sealed with it.")
            self._create(path)
        self._path = path
        try:
            self._fernet = Fernet(path.read_bytes().strip())
        except ValueError as error:
            raise key_lost(path, f"{path} does not hold a key.") from error

    @staticmethod
    def _create(path: Path) -> None:
        temporary = path.with_suffix(".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(Fernet.generate_key() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)

    def seal(self, text: str) -> bytes:
        """The encrypted text."""
        return self._fernet.encrypt(text.encode())

    @property
    def path(self) -> Path:
        """The key file."""
        return self._path

    def opens(self, token: bytes) -> bool:
        """Whether the text was sealed with this key, and is whole."""
        try:
            self._fernet.decrypt(token)
        except InvalidToken:
            return False
        return True

    def open(self, token: bytes) -> str:
        """The text; an error that names the key file if it is not the one that sealed it."""
        try:
            return self._fernet.decrypt(token).decode()
        except InvalidToken as error:
            raise PaasError(
                "a stored secret cannot be decrypted",
                why=f"{self._path} is not the key that it was encrypted with, or the database is damaged.",
                fix="Restore the key file together with the database it belongs to.",
                code="wrong-key",
            ) from error

    def seal_maps(self, *maps: Mapping[str, Secret]) -> bytes:
        """Several sets of variables as one sealed text."""
        return self.seal(json.dumps([{key: secret.reveal() for key, secret in values.items()} for values in maps]))

    def open_maps(self, token: bytes) -> list[dict[str, Secret]]:
        """The sets of variables that `seal_maps` sealed."""
        return [{key: Secret(value) for key, value in values.items()} for values in json.loads(self.open(token))]
