"""Requests at a steady rate, while something else happens."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections import Counter
from types import TracebackType
from typing import Self


class Load:
    """In the context, ``rate`` requests a second go to the app, half of them over one kept connection.

    With ``tls`` they go over HTTPS; ``address`` is the server's. Afterwards ``seen`` counts the answers by status,
    or by the error in words. It ends after ``most`` at the latest.
    """

    def __init__(
        self, port: int, host: str, rate: float = 60, most: int = 400_000, tls: ssl.SSLContext | None = None,
        address: str = "127.0.0.1",
    ) -> None:  # fmt: skip
        self.seen: Counter[int | str] = Counter()
        self._address = (address, port)
        self._host = host
        self._tls = tls
        self._rate = rate / 2
        self._most = most // 2
        self._began = self._seconds = 0.0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(kept,)) for kept in (True, False)]
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._seconds = time.monotonic() - self._began

    def steady(self) -> bool:
        """Once it is over: whether a quarter of the requests were made, or more. One that stalls would show nothing."""
        return self.total() >= self._seconds * self._rate / 2

    def total(self) -> int:
        """How many requests were made so far."""
        with self._lock:
            return sum(self.seen.values())

    def failures(self) -> dict[int | str, int]:
        """What was not a 200, counted."""
        return {what: count for what, count in self.seen.items() if what != 200}

    def _run(self, kept: bool) -> None:
        connection: http.client.HTTPConnection | None = None
        started = time.monotonic()
        for number in range(self._most):
            if self._stop.wait(max(0.0, started + number / self._rate - time.monotonic())):
                break
            connection = connection or self._connection()
            outcome, reusable = self._ask(connection)
            with self._lock:
                self.seen[outcome] += 1
            if not (kept and reusable):
                connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(*self._address, timeout=60)
        # The name goes into the handshake and is checked; the address is the server's all the same.
        made = http.client.HTTPSConnection(self._host, self._address[1], timeout=60, context=self._tls)
        made._create_connection = lambda address, *more: socket.create_connection(self._address, *more)  # type: ignore
        return made

    def _ask(self, connection: http.client.HTTPConnection) -> tuple[int | str, bool]:
        fresh = connection.sock is None
        try:
            connection.request("GET", "/", headers={"Host": self._host})
            response = connection.getresponse()
            response.read()
        except (http.client.HTTPException, OSError) as error:
            if not fresh and isinstance(error, http.client.RemoteDisconnected | ConnectionResetError | BrokenPipeError):
                # A server may close an idle connection at any time; a client asks again on a new one (RFC 9112, 9.5).
                connection.close()
                return self._ask(connection)
            return f"{type(error).__name__}: {error}", False
        return response.status, not response.will_close
