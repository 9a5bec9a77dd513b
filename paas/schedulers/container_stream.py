"""Input and output of a process in a container: the connection that Docker hands over ("hijacks").

Framing: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable, Iterator

from paas.core.errors import Disconnected

OUT, ERR = 1, 2

CHUNK = 256 * 1024
_RECHECK_SECONDS = 0.5
_HEAD = 8

Write = Callable[[int, bytes], None]
"""Function that takes output: `OUT` or `ERR`, and the bytes."""


class ContainerStream:
    """Both directions of one connection. It keeps ``owner``, to which the socket belongs.

    With a terminal Docker sends plain bytes, without one frames that distinguish output from errors.
    """

    def __init__(self, sock: socket.socket, *, terminal: bool, early: bytes = b"", owner: object = None) -> None:
        self._socket = sock
        self._terminal = terminal
        self._early = early
        self._owner = owner
        sock.settimeout(None)

    def send(self, data: bytes) -> None:
        """Send input to the process. Block while it reads none. Raise `OSError` once it reads no more."""
        self._socket.sendall(data)

    def end_input(self) -> None:
        """Send the end of the input. With a terminal there is none: Ctrl-D is a key."""
        if not self._terminal:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close both directions; threads that wait for one of them continue."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def chunks(self, gone: threading.Event) -> Iterator[bytes]:
        """Yield received data until the process has closed its output. Raise `Disconnected` once ``gone`` is set."""
        if self._early:
            yield self._early
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        while True:
            if not poll.poll(_RECHECK_SECONDS * 1000):
                if gone.is_set():
                    raise Disconnected
                continue
            try:
                data = self._socket.recv(CHUNK)
            except OSError:
                return
            if not data:
                return
            yield data

    def output(self, gone: threading.Event) -> Iterator[tuple[int, bytes]]:
        """Yield the output with its stream."""
        if self._terminal:
            yield from ((OUT, data) for data in self.chunks(gone))
        else:
            yield from unframe(self.chunks(gone))


def unframe(chunks: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """Remove the frames; consecutive data for one stream in one chunk is joined.

    A frame is a byte for the stream, three zeros, four bytes for the length (big-endian), the data. The data of a frame
    is passed on as it arrives, so that nothing accumulates, however long a frame is.
    """
    kind, left, head = OUT, 0, b""
    for chunk in chunks:
        at, parts = 0, bytearray()
        while at < len(chunk):
            if not left:
                missing = _HEAD - len(head)
                head += chunk[at : at + missing]
                at += missing
                if len(head) < _HEAD:
                    break
                if head[0] != kind and parts:
                    yield kind, bytes(parts)
                    parts.clear()
                kind, left, head = head[0], int.from_bytes(head[4:], "big"), b""
            part = chunk[at : at + left]
            parts += part
            at += len(part)
            left -= len(part)
        if parts:
            yield kind, bytes(parts)


def carry(stdin: socket.socket, stream: ContainerStream, write: Write, gone: threading.Event) -> None:
    """Copy both directions until the process has closed its output, then close the stream.

    Neither side is read faster than the other side accepts. Raise `Disconnected` when the client has disconnected.
    """
    feeder = threading.Thread(target=_feed, args=(stdin, stream, gone), name="stdin", daemon=True)
    feeder.start()
    try:
        for kind, data in stream.output(gone):
            write(kind, data)
    finally:
        stream.close()
        # Wakes the thread that waits for input.
        with contextlib.suppress(OSError):
            stdin.shutdown(socket.SHUT_RD)
        feeder.join()
    if gone.is_set():
        raise Disconnected


def _feed(stdin: socket.socket, stream: ContainerStream, gone: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while data := stdin.recv(CHUNK):
            stream.send(data)
        if not gone.is_set():
            stream.end_input()
