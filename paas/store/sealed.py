"""Encryption of secrets at rest.

Fernet (https://github.com/fernet/spec): AES-128-CBC with HMAC-SHA256, with the key in its own file beside the database,
readable by the server's user only.
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
    """Return the error if sealed values cannot be opened at the start of the server."""
    return PaasError(
        "the key of the sealed values is lost",
        why=f"{why}\nThese are configuration, logins, certificates' keys, drains, passwords and access rules of apps."
        f"\n{SERVES_ON}",
        fix=f"Restore {path} from the backup that belongs to the database.\n"
        f"To give up the values that cannot be opened: paas --root {path.parent} forget-secrets",
        code="key-missing" if not path.exists() else "wrong-key",
    )


class Sealer:
    """Encryption with the key of this instance.

    A missing key file is created only with ``make``: values sealed with a lost key could never be opened again, and
    values sealed with a new one would be lost when the old one is restored.
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
        """Return the encrypted text."""
        return self._fernet.encrypt(text.encode())

    @property
    def path(self) -> Path:
        """The key file."""
        return self._path

    def opens(self, token: bytes) -> bool:
        """Return True if the text was sealed with this key, and is undamaged."""
        try:
            self._fernet.decrypt(token)
        except InvalidToken:
            return False
        return True

    def open(self, token: bytes) -> str:
        """Return the text. Raise an error that names the key file if another key sealed it."""
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
        """Seal several sets of variables as one text."""
        return self.seal(json.dumps([{key: secret.reveal() for key, secret in values.items()} for values in maps]))

    def open_maps(self, token: bytes) -> list[dict[str, Secret]]:
        """Return the sets of variables that `seal_maps` sealed."""
        return [{key: Secret(value) for key, value in values.items()} for values in json.loads(self.open(token))]
