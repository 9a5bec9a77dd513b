"""Probes of the host: listening sockets, answers of containers, free ports and networks."""

from __future__ import annotations

import errno
import http.client
import io
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from paas.core.containers import tcp_table
from paas.core.health import outcome
from paas.core.health.outcome import BODY_LIMIT, Answer


class _Until(io.RawIOBase):
    """Data received by a socket up to a deadline.

    The socket's own timeout starts again with each byte, so a server that sends single bytes could block a check
    forever.
    """

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        # The connection may close its socket before the answer is read.
        self._raw = sock.makefile("rb", buffering=0)
        self._deadline = deadline

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read the next bytes. Raise `TimeoutError` after the deadline."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        return self._raw.readinto(buffer) or 0

    def close(self) -> None:
        """Close the socket, too."""
        self._raw.close()
        super().close()


class _NotHttp(Exception):
    """The server does not speak HTTP/1.1."""


def _answer(sock: socket.socket, deadline: float) -> tuple[http.client.HTTPResponse, bool]:
    """Return the response with its head read, and whether preliminary responses came before it.

    Its body can be read up to the deadline only, too.
    """
    stream = io.BufferedReader(_Until(sock, deadline))
    early = False
    while True:
        begin = stream.peek(16)[:16]
        response = http.client.HTTPResponse(sock, method="GET")
        response.fp.close()
        response.fp = stream  # type: ignore[assignment]  # typeshed is stricter than the class
        try:
            response.begin()
        except http.client.BadStatusLine as error:
            response.close()
            # If nothing was received, the error says so.
            raise _NotHttp(outcome.not_http(begin)) if begin else error from error
        except BaseException:
            response.close()
            raise
        if response.status >= 200 or response.status == 101:
            return response, early
        early = True
        # It would close the stream when it is collected.
        response.fp = None  # type: ignore[assignment]


class Probe:
    """Access to the host's network, replaceable in tests."""

    def listeners(self, pid: int) -> frozenset[tcp_table.Listener]:
        """Return the listening TCP sockets in the network namespace of the process; none once it is gone."""
        found: frozenset[tcp_table.Listener] = frozenset()
        for table in ("tcp", "tcp6"):
            try:
                found |= tcp_table.listeners(Path(f"/proc/{pid}/net/{table}").read_text(encoding="ascii"))
            except OSError as error:
                # The process may end meanwhile, and a kernel without IPv6 has no tcp6.
                if error.errno not in (errno.ENOENT, errno.ESRCH, errno.EINVAL):
                    raise
        return found

    def waiting(self, pid: int, container_id: str, port: int) -> frozenset[str] | None:
        """Return the clients of connections to the port that the container has not accepted; None if the process is not
        one of the container's.
        """
        try:
            # Process ids are reused.
            if container_id not in Path(f"/proc/{pid}/cgroup").read_text(encoding="ascii"):
                return None
            tables = [Path(f"/proc/{pid}/net/{name}") for name in ("tcp", "tcp6")]
            texts = [table.read_text(encoding="ascii") for table in tables if table.exists()]
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ESRCH, errno.EINVAL):
                raise
            return None
        return frozenset().union(*(tcp_table.waiting(text, port) for text in texts))

    def get(
        self,
        address: str,
        port: int,
        path: str,
        headers: Mapping[str, str],
        timeout: float,
        *,
        body: bool = False,
        before: bytes = b"",
    ) -> Answer | str:
        """Return the response to ``GET path``, or the reason why there is none within ``timeout`` seconds.

        ``body``: with its body, up to `BODY_LIMIT` bytes. ``before`` is sent before the request.
        """
        deadline = time.monotonic() + timeout
        connection = http.client.HTTPConnection(address, port, timeout=timeout)
        try:
            if before:
                connection.connect()
                connection.sock.sendall(before)
            connection.putrequest("GET", path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            response, early = _answer(connection.sock, deadline)
            with response:
                data = bytearray()
                try:
                    while body and len(data) < BODY_LIMIT and (chunk := response.read1(65536)):
                        data += chunk
                except TimeoutError:
                    return f"its answer was not complete within {timeout:g} s"
                return Answer(response.status, data.decode("utf-8", "replace"), early)
        except TimeoutError:
            return f"no answer within {timeout:g} s"
        except (OSError, http.client.HTTPException, _NotHttp) as error:
            return str(error) or type(error).__name__
        finally:
            connection.close()

    def port_is_free(self, port: int) -> bool:
        """Return True if nothing listens on the loopback port."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
            # As Docker does: old connections in TIME_WAIT don't count.
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError as error:
                if error.errno in (errno.EADDRINUSE, errno.EACCES):
                    return False
                raise
            return True

    def address_is_free(self, protocol: str, address: str, port: int) -> bool:
        """Return True if the tcp or udp port can be opened there."""
        kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind) as candidate:
            if ":" in address:
                candidate.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if protocol == "tcp":
                candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind((address, port))
            except OSError:
                return False
            return True

    def routed_networks(self) -> list[tuple[int, int]]:
        """Return the host's IPv4 routes except the default one, as (network, mask) in host byte order."""
        routes = []
        for line in Path("/proc/net/route").read_text(encoding="ascii").splitlines()[1:]:
            columns = line.split()
            network, mask = (int.from_bytes(bytes.fromhex(columns[i]), "little") for i in (1, 7))
            if mask:
                routes.append((network, mask))
        return routes
