"""Receivers of drains: syslog servers over TCP and TLS, and HTTP servers.

A batch is sent when an HTTP server answered with 2xx, or when the kernel of a syslog server has acknowledged all of
it: the syslog protocol has no acknowledgement.
"""

from __future__ import annotations

import fcntl
import http.client
import select
import socket
import ssl
import struct
import termios
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from paas import __version__
from paas.core.egress import Egress, EgressRefused
from paas.core.errors import PaasError
from paas.core.logs import drain, syslog
from paas.core.logs.drain import DrainTarget
from paas.core.logs.line import LogLine
from paas.system import egress

SECONDS = 10.0
"""Timeout for each step of a connection."""
REQUEST_SECONDS = 30.0
"""Total time limit for an HTTP request, even while the server keeps sending."""
REFUSED = (400, 413, 415, 422)
"""Statuses with which a server refuses a batch permanently."""
_POLL_MILLISECONDS = 5
_LATE = "the receiver takes too long to answer"


class NotSent(PaasError):
    """Temporary error: the batch may be sent later."""

    code = "drain-failed"


class Refused(NotSent):
    """Permanent error: the receiver will never accept this batch."""

    code = "drain-refused"


class DrainReceiver(Protocol):
    """Receiver of batches. Not thread-safe."""

    def send(self, lines: Sequence[LogLine]) -> None: ...
    def close(self) -> None: ...


Rules = Callable[[], Egress]
"""Egress rules, evaluated for each connection."""
Factory = Callable[[DrainTarget, str, str, Rules], DrainReceiver]


def receiver(target: DrainTarget, form: str, ca: str, rules: Rules) -> DrainReceiver:
    """Return the receiver for the target. ``ca``: a PEM file with the authorities to trust, empty for the system's."""
    return Syslog(target, ca, rules) if target.syslog else Http(target, form, ca, rules)


def _trust(target: DrainTarget, ca: str) -> ssl.SSLContext | None:
    if not target.tls:
        return None
    try:
        return ssl.create_default_context(cafile=ca or None)
    except (OSError, ssl.SSLError) as error:
        raise NotSent(f"cannot read the certificates in {ca}: {error}") from error


class Syslog:
    """Syslog server; the connection stays open between batches."""

    def __init__(self, target: DrainTarget, ca: str, rules: Rules) -> None:
        self._target = target
        self._ca = ca
        self._rules = rules
        self._socket: socket.socket | None = None

    def send(self, lines: Sequence[LogLine]) -> None:
        """Send the lines and wait for the TCP acknowledgement. After `NotSent`, part of them may have arrived."""
        try:
            if self._socket is not None and _hung_up(self._socket):
                self.close()
            if self._socket is None:
                self._socket = self._connect()
            self._socket.sendall(syslog.framed(lines))
            _wait_until_acknowledged(self._socket)
        except (OSError, EgressRefused) as error:
            self.close()
            raise NotSent(_words(error)) from error

    def _connect(self) -> socket.socket:
        made = egress.connected(self._target.host, self._target.port, self._rules(), SECONDS)
        context = _trust(self._target, self._ca)
        if context is None:
            return made
        try:
            return context.wrap_socket(made, server_hostname=self._target.host)
        except OSError:
            made.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
            self._socket = None


def _hung_up(connection: socket.socket) -> bool:
    poll = select.poll()
    poll.register(connection, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
    return bool(poll.poll(0))


def _wait_until_acknowledged(connection: socket.socket) -> None:
    """Wait until the other kernel has acknowledged all data. Raise `OSError` on timeout or disconnect."""
    deadline = time.monotonic() + SECONDS
    poll = select.poll()
    poll.register(connection, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
    while _unacknowledged(connection):
        if time.monotonic() > deadline:
            raise TimeoutError("the receiver does not read the data")
        if poll.poll(_POLL_MILLISECONDS):
            raise ConnectionResetError("the receiver hung up")
    if poll.poll(0):
        raise ConnectionResetError("the receiver hung up")


def _unacknowledged(connection: socket.socket) -> int:
    # SIOCOUTQ of tcp(7) has the same number as TIOCOUTQ.
    answer = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
    return int(struct.unpack("i", answer)[0])


class Http:
    """HTTP server that accepts batches as bodies of POST requests; the connection stays open between them."""

    def __init__(self, target: DrainTarget, form: str, ca: str, rules: Rules) -> None:
        self._target = target
        self._form = form
        self._ca = ca
        self._rules = rules
        self._connection: http.client.HTTPConnection | None = None

    def send(self, lines: Sequence[LogLine]) -> None:
        """Post the lines and wait for a 2xx response. Raise `NotSent` or `Refused`."""
        logplex = self._form == drain.LOGPLEX
        body = syslog.logplex(lines) if logplex else syslog.json_lines(lines)
        headers = {
            **self._target.headers,
            "Content-Type": syslog.LOGPLEX_TYPE if logplex else syslog.JSON_TYPE,
            "User-Agent": f"paas/{__version__}",
            "Logplex-Msg-Count": str(len(lines)),
        }
        late = threading.Event()
        watch = threading.Timer(REQUEST_SECONDS, self._give_up, (late,))
        watch.daemon = True
        watch.start()
        try:
            status = self._post(body, headers)
        except (OSError, http.client.HTTPException, EgressRefused) as error:
            self.close()
            raise NotSent(_LATE if late.is_set() else _words(error)) from error
        finally:
            watch.cancel()
        if late.is_set():
            self.close()
            raise NotSent(_LATE)
        if 200 <= status < 300:
            return
        self.close()
        kind = Refused if status in REFUSED else NotSent
        # Without its body: the server may be internal, reachable only from here.
        raise kind(f"the receiver answered {status}")

    def _give_up(self, late: threading.Event) -> None:
        late.set()
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with suppress(OSError):
                # SSLSocket.shutdown would send a TLS close_notify first.
                socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    def _post(self, body: bytes, headers: dict[str, str]) -> int:
        if self._connection is None:
            self._connection = self._connect()
        self._connection.request("POST", self._target.path, body, headers)
        answer = self._connection.getresponse()
        answer.read(4096)
        if not answer.isclosed():
            # The rest of a longer body is unread, so the connection can't be reused.
            self.close()
        return answer.status

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._target.host, self._target.port
        context = _trust(self._target, self._ca)
        if context is None:
            return egress.http_connection(host, port, self._rules(), SECONDS)
        return egress.https_connection(host, port, self._rules(), SECONDS, context)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _words(error: Exception) -> str:
    if isinstance(error, http.client.HTTPException) and not isinstance(error, ConnectionError):
        # Its text contains data from the server.
        return "the receiver's answer is not HTTP"
    if isinstance(error, EgressRefused):
        return f"{error.what}: {error.why}"[:200]
    return (str(error) or type(error).__name__)[:200]
