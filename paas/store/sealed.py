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


class Sealer:
    """Seals and opens texts with the key of this instance; the key file is made on first use."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            self._create(path)
        self._path = path
        self._fernet = Fernet(path.read_bytes().strip())

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
