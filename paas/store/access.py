"""Credentials of this server for other servers: passwords by host, the deploy key, and the keys of ssh servers."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from paas.core.access.remote_credentials import Login
from paas.core.model import App
from paas.core.secret import Secret
from paas.store.table import Sealed, Table

GIT, REGISTRY, DEPLOY_KEY = "git", "registry", "deploy-key"


class Logins(Table):
    """User names and passwords by host, of one app or (None) of all. Passwords are encrypted at rest."""

    SEALED = (Sealed("logins", "secret"),)

    def all(self, kind: str, app: App | None = None) -> dict[str, Login]:
        """Return the credentials of exactly that scope, by host."""
        rows = self._db.all(
            "SELECT * FROM logins WHERE coalesce(app_id, 0) = ? AND kind = ? ORDER BY host", app.id if app else 0, kind
        )
        return {row["host"]: Login(row["username"], Secret(self._sealer.open(row["secret"]))) for row in rows}

    def get(self, kind: str, host: str) -> Login | None:
        """Return those for all apps of that host, or None."""
        return self.all(kind).get(host)

    def set(self, kind: str, host: str, login: Login, app: App | None = None) -> None:
        """Set them, replacing existing ones."""
        with self._db.transaction():
            self.remove(kind, host, app)
            self._db.execute(
                "INSERT INTO logins VALUES (?, ?, ?, ?, ?)",
                app.id if app else None, kind, host, login.user, self._sealer.seal(login.password.reveal()),
            )  # fmt: skip

    def remove(self, kind: str, host: str, app: App | None = None) -> bool:
        """Remove them. Return True if they existed."""
        done = self._db.execute(
            "DELETE FROM logins WHERE coalesce(app_id, 0) = ? AND kind = ? AND host = ?",
            app.id if app else 0, kind, host,
        )  # fmt: skip
        return done.rowcount > 0

    def deploy_key(self) -> Login | None:
        """Return the key with which this server fetches, the public half as the user; or None."""
        return self.get(DEPLOY_KEY, "")

    def make_deploy_key(self, comment: str) -> None:
        """Create the key: Ed25519, in OpenSSH's formats."""
        key = Ed25519PrivateKey.generate()
        private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
        public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
        self.set(DEPLOY_KEY, "", Login(f"{public} {comment}", Secret(private)))


class KnownHosts(Table):
    """Keys of ssh servers, as lines of a ``known_hosts`` file."""

    def of(self, host: str) -> list[str]:
        """Return the lines of that host, or host:port; none if it is unknown."""
        return [row["line"] for row in self._db.all("SELECT line FROM known_hosts WHERE host = ? ORDER BY line", host)]

    def set(self, host: str, lines: Sequence[str]) -> None:
        """Replace the keys of the host."""
        with self._db.transaction():
            self._db.execute("DELETE FROM known_hosts WHERE host = ?", host)
            self._db.many("INSERT INTO known_hosts VALUES (?, ?)", [(host, line) for line in lines])
