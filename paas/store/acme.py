"""Records of certificate orders: failed attempts, and requests to authorities."""

from __future__ import annotations

from paas.core.certs.acme import LONGEST_MEMORY, Attempt, PlacedOrder
from paas.core.model import App
from paas.store.table import Table


class AcmeRecords(Table):
    """Attempts by app, None for the server itself, and host; orders of the last week."""

    def attempt(self, app: App | None, host: str) -> Attempt:
        """Return the attempt for the host; a new one if none has failed."""
        row = self._db.one("SELECT * FROM acme_hosts WHERE coalesce(app_id, 0) = ? AND host = ?", _id(app), host)
        return Attempt(host, row["failures"], row["retry_at"], row["error"]) if row else Attempt(host)

    def attempts(self, app: App | None) -> list[Attempt]:
        """Return the failed attempts, by host."""
        rows = self._db.all("SELECT * FROM acme_hosts WHERE coalesce(app_id, 0) = ? ORDER BY host", _id(app))
        return [Attempt(row["host"], row["failures"], row["retry_at"], row["error"]) for row in rows]

    def note(self, app: App | None, attempt: Attempt) -> None:
        """Record the attempt."""
        self._db.execute(
            "INSERT OR REPLACE INTO acme_hosts (app_id, host, failures, retry_at, error) VALUES (?, ?, ?, ?, ?)",
            app.id if app else None, attempt.host, attempt.failures, attempt.retry_at, attempt.error,
        )  # fmt: skip

    def forget(self, app: App | None, host: str) -> None:
        """Forget the host's attempts: it has its certificate, or needs none."""
        self._db.execute("DELETE FROM acme_hosts WHERE coalesce(app_id, 0) = ? AND host = ?", _id(app), host)

    def orders(self) -> list[PlacedOrder]:
        """Return all orders that count for a limit."""
        rows = self._db.all("SELECT * FROM acme_orders ORDER BY at")
        return [PlacedOrder(r["server"], r["host"], r["at"], bool(r["issued"]), bool(r["renewal"])) for r in rows]

    def add_order(self, order: PlacedOrder) -> int:
        """Record the order, and forget those too old for any limit. Return its number."""
        with self._db.transaction():
            self._db.execute("DELETE FROM acme_orders WHERE at < ?", order.at - LONGEST_MEMORY)
            added = self._db.execute(
                "INSERT INTO acme_orders (server, host, at, issued, renewal) VALUES (?, ?, ?, ?, ?)",
                order.server, order.host, order.at, int(order.issued), int(order.renewal),
            )  # fmt: skip
        return added.lastrowid or 0

    def fail_order(self, number: int, *, counts: bool) -> None:
        """Record that the order failed; with ``counts`` the authority counts it as a failure, else not at all."""
        if counts:
            self._db.execute("UPDATE acme_orders SET issued = 0 WHERE id = ?", number)
        else:
            self._db.execute("DELETE FROM acme_orders WHERE id = ?", number)


def _id(app: App | None) -> int:
    return app.id if app else 0
